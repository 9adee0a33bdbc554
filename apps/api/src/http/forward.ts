import { refuse } from '#domain';

export interface ForwardFields {
  readonly url: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | object;
  readonly body_base64?: string;
}

export interface Forward {
  readonly url: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array | null;
}

export const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;

/** The request to the seller in its one normal form: equal requests have equal fingerprints, however they were written down. */
export function forwardOf(fields: ForwardFields): Forward {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(fields.headers ?? {})) headers[name.toLowerCase()] = value;
  if (fields.body !== undefined && fields.body_base64 !== undefined)
    throw refuse('validation_failed', { field: 'body_base64', reason: 'body_given_twice' });
  const method = fields.method ?? 'GET';
  const body = bytesOf(fields);
  if (body !== null && (method === 'GET' || method === 'HEAD'))
    throw refuse('validation_failed', { field: 'body', reason: 'method_has_no_body' });
  if (typeof fields.body === 'object') headers['content-type'] ??= 'application/json';
  const url = new URL(fields.url);
  url.hash = '';
  return { url: url.href, method, headers, body };
}

function bytesOf({ body, body_base64 }: ForwardFields): Uint8Array | null {
  if (body_base64 !== undefined) return Buffer.from(body_base64, 'base64');
  if (body === undefined) return null;
  return new TextEncoder().encode(typeof body === 'string' ? body : JSON.stringify(body));
}
