export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/**
 * One text per value: object keys sorted by code unit, no white space, integers only (RFC 8785 for the values we allow).
 * Hash chains, fingerprints and digests are taken over this text, so that Postgres' jsonb and any other reader can recompute them.
 */
export function canonicalJson(value: Json): string {
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'number') {
    if (!Number.isSafeInteger(value))
      throw new Error('canonical JSON holds safe integers only; use a string');
    return String(value);
  }
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  // Text is put together piece by piece: every event and fingerprint passes here, and lists to join would be most of its cost.
  let text = '';
  if (Array.isArray(value)) {
    for (const item of value as readonly Json[]) text += `${text === '' ? '' : ','}${canonicalJson(item)}`;
    return `[${text}]`;
  }
  const object = value as { readonly [key: string]: Json };
  for (const key of Object.keys(object).sort())
    text += `${text === '' ? '' : ','}${JSON.stringify(key)}:${canonicalJson(object[key] as Json)}`;
  return `{${text}}`;
}
