// What may be written to a log. Library errors quote what they were given (viem a request body with a signed payload, pg a row, undici a URL),
// so nothing reaches the log but through here (S15, T38).

const SECRET_NAMES =
  /authorization|signature|secret|passphrase|password|private.?key|cookie|x-payment|payment|api[-_]?key|credential|access.?token|refresh.?token|mnemonic|sealed/i;
/** Facts about secrets that are no secrets themselves. */
const HARMLESS_NAMES = /hash$|id$|^paymentState$/i;
const REDACTED = '[redacted]';
const MAX_DEPTH = 6;
const MAX_TEXT = 4_000;
const MAX_ITEMS = 50;

const TEXT_RULES: readonly (readonly [RegExp, string])[] = [
  // A URL is cut to its origin: paths carry RPC keys, queries carry tokens, user info carries passwords.
  [/\b([a-z][a-z0-9+.-]*:\/\/)(?:[^\s/?#"'@]*@)?([^\s/?#"'<>\\]+)[^\s"'<>\\]*/gi, '$1$2'],
  [/\b(Bearer|Basic)\s+[^\s"',]+/gi, `$1 ${REDACTED}`],
  // 65 bytes or more of hex: signatures, signed payloads. Hashes and addresses are shorter.
  [/\b(?:0x)?[0-9a-f]{128,}\b/gi, REDACTED],
  // Long base64: payment headers, tokens.
  [/[A-Za-z0-9+/_-]{100,}={0,2}(?:\.[A-Za-z0-9_-]+)*/g, REDACTED],
  [/\b((?:private|secret)[-_ ]?key|passphrase|password|secret)(["'\s:=]+)[^\s"',}]+/gi, `$1$2${REDACTED}`],
  [/\b(sk|pk|rk|whsec|prs|purser)_[A-Za-z0-9_-]{20,}/g, `$1_${REDACTED}`],
];

export function sanitizeText(text: string): string {
  let clean = text.length > MAX_TEXT * 4 ? text.slice(0, MAX_TEXT * 4) : text;
  for (const [pattern, replacement] of TEXT_RULES) clean = clean.replace(pattern, replacement);
  return clean.length > MAX_TEXT ? `${clean.slice(0, MAX_TEXT)}...` : clean;
}

/** The value as it may be logged: secrets by name and by shape removed, errors cut down to what is known to be harmless. */
export function sanitize(value: unknown, depth = 0): unknown {
  switch (typeof value) {
    case 'string':
      return sanitizeText(value);
    case 'bigint':
      return value.toString();
    case 'number':
    case 'boolean':
    case 'undefined':
      return value;
    case 'symbol':
    case 'function':
      return `[${typeof value}]`;
    case 'object':
      return value === null ? null : sanitizeObject(value, depth);
  }
}

function sanitizeObject(value: object, depth: number): unknown {
  if (depth >= MAX_DEPTH) return '[deep]';
  if (value instanceof Error) return sanitizeError(value, depth);
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return `[${value.byteLength} bytes]`;
  if (value instanceof Date) return value.toISOString();
  if (Array.isArray(value)) return value.slice(0, MAX_ITEMS).map((item) => sanitize(item, depth + 1));
  const clean: Record<string, unknown> = {};
  for (const [name, item] of Object.entries(value).slice(0, MAX_ITEMS)) {
    const secret = SECRET_NAMES.test(name) && !HARMLESS_NAMES.test(name);
    clean[name] = secret && item !== null && item !== undefined ? REDACTED : sanitize(item, depth + 1);
  }
  return clean;
}

export interface LoggedError {
  readonly type: string;
  readonly message: string;
  readonly code?: string;
  readonly stack?: string;
  readonly cause?: unknown;
}

/** Name, message, code, stack, cause; every other field of an error (pg's row detail, viem's request) stays out. */
export function sanitizeError(error: Error, depth = 0): LoggedError {
  const { code } = error as { code?: unknown };
  const message = sanitizeText(error.message);
  return {
    type: error.name,
    message,
    ...(typeof code === 'string' || typeof code === 'number' ? { code: sanitizeText(String(code)) } : {}),
    ...(error.stack === undefined ? {} : { stack: framesOf(error.stack) }),
    ...(error.cause === undefined ? {} : { cause: sanitize(error.cause, depth + 1) }),
  };
}

/** The stack repeats the message on its first lines; only the frames are kept. */
function framesOf(stack: string): string {
  return stack
    .split('\n')
    .filter((line) => line.trimStart().startsWith('at '))
    .slice(0, 12)
    .map((line) => line.trim().replaceAll('file://', ''))
    .join('\n');
}
