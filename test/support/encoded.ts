// How a seller encodes what it says: JSON as bytes, or as base64 in a header.
export const bytes = (value: unknown): Uint8Array =>
  new TextEncoder().encode(typeof value === 'string' ? value : JSON.stringify(value));
export const base64 = (value: unknown): string => Buffer.from(bytes(value)).toString('base64');
