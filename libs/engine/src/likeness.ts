// What makes two purchases the same. Two keys for one of them are more often a retry gone wrong than two wishes.
import {
  canonicalJson,
  type Json,
  type Likeness,
  type OperationRequest,
  type Policy,
  type Terms,
} from '#domain';
import type { Ports } from './ports.js';

export type LikenessRequest = Pick<
  OperationRequest,
  'kind' | 'url' | 'method' | 'headers' | 'allowDuplicate'
>;

/** Null where no policy wants to know, or nothing is bought. `body` is read only where it matters. */
export async function likenessOf(
  { hashing }: Pick<Ports, 'hashing'>,
  { request, body }: { readonly request: LikenessRequest; readonly body: () => Promise<Uint8Array | null> },
  { amount, unit, payTo }: Terms,
  policies: readonly Policy[],
): Promise<Likeness | null> {
  const withinSec = Math.max(0, ...policies.map((policy) => policy.duplicateWindowSec));
  const { kind, url, method, headers, allowDuplicate } = request;
  if (withinSec === 0 || kind === 'top_up' || kind === 'allowance') return null;
  const bytes = await body();
  const alike = {
    method,
    url,
    body: bytes && hashing.sha256(canonicalBody(bytes, headers['content-type'])),
    amount: amount.toString(),
    unit,
    // A seller may have an address for each sale; where there is no seller, whom it goes to is what is bought.
    ...(kind === 'settle' ? { pay_to: payTo } : {}),
  };
  const hash = hashing.sha256(canonicalJson(alike));
  return { hash, withinSec, ...(allowDuplicate === undefined ? {} : { allow: allowDuplicate }) };
}

/** JSON says the same in many ways; anything else, and JSON whose numbers are not exact, is itself. */
function canonicalBody(bytes: Uint8Array, contentType: string | undefined): string | Uint8Array {
  if (contentType === undefined || !/\bjson\b/i.test(contentType)) return bytes;
  try {
    return sorted(JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) as Json);
  } catch {
    return bytes;
  }
}

/** As `canonicalJson`, with fractions. @throws for numbers that may stand for several, and where it is too deep */
function sorted(value: Json): string {
  if (typeof value === 'number' && Math.abs(value) > Number.MAX_SAFE_INTEGER) throw new Error('not exact');
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${(value as readonly Json[]).map(sorted).join()}]`;
  const entries = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([name, item]) => `${JSON.stringify(name)}:${sorted(item)}`).join()}}`;
}
