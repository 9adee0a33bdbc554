// What an agent may put into a request, and what we hand back of an answer. Requests start from an empty header set (T48).
const FORWARDABLE = new Set(['accept', 'accept-language', 'content-type', 'user-agent']);
/** `x-` names that carry identity, payment or routing. */
const NEVER =
  /^x-(payment|purser|forwarded|real-ip|api-key|auth|amz|goog|ms|client-cert|original|rewrite|http-method|method-override|csrf|xsrf|access-token)/;
const RETURNED = new Set([
  'cache-control',
  'content-disposition',
  'content-encoding',
  'content-language',
  'content-type',
  'etag',
  'last-modified',
  'location',
  'payment-response',
  'retry-after',
  'x-payment-response',
]);
const NAME = /^[a-z0-9][a-z0-9-]{0,63}$/;
// oxlint-disable-next-line no-control-regex -- control characters are what it looks for
const UNSAFE_VALUE = /[\u0000-\u0008\u000a-\u001f\u007f]|[^\u0000-\u00ff]/;
const MAX_HEADERS = 32;
const MAX_VALUE = 4096;

/** Whether a request header from a caller may reach a seller. `name` in any case. */
export function isForwardable(name: string): boolean {
  const lower = name.toLowerCase();
  return NAME.test(lower) && (FORWARDABLE.has(lower) || (lower.startsWith('x-') && !NEVER.test(lower)));
}

/** Copies the headers that may be forwarded, in lower case; undefined when a value is unsafe (CR, LF, NUL) or there are too many. */
export function forwardableHeaders(
  headers: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> | undefined {
  const kept: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (UNSAFE_VALUE.test(value) || value.length > MAX_VALUE) return undefined;
    if (isForwardable(name)) kept[name.toLowerCase()] = value;
  }
  return Object.keys(kept).length > MAX_HEADERS ? undefined : kept;
}

/** The response headers that are stored and returned to the caller. Cookies never are. */
export function returnedHeaders(
  headers: Readonly<Record<string, string | readonly string[] | undefined>>,
): Readonly<Record<string, string>> {
  const kept: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined || !RETURNED.has(name)) continue;
    kept[name] = typeof value === 'string' ? value : value.join(', ');
  }
  return kept;
}
