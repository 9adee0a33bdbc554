import { decodeBase64Text } from './base64.js';
import { ChallengeError } from './challenge-error.js';

const SCHEME = /(?:^|,)\s*x402(?:\s+|$)/i;
const PARAMETER =
  /\s*([!#$%&'*+.^_`|~0-9A-Za-z-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s",=][^\s",]*))\s*(?:,|$)/y;
const ENCODED = [
  'requirements',
  'requirement',
  'payment-required',
  'paymentrequired',
  'challenge',
  'request',
];
/** Parameter names compare without case (RFC 9110); the terms do not. */
const SPELLINGS: ReadonlyMap<string, string> = new Map(
  ['payTo', 'maxAmountRequired', 'maxTimeoutSeconds', 'x402Version'].map((name) => [
    name.toLowerCase(),
    name,
  ]),
);

/**
 * The terms of the first `x402` challenge as JSON text: `x402 <base64>`, `x402 requirements="<base64>"`, or the fields
 * themselves as parameters. Undefined when no such challenge is there.
 * @throws ChallengeError `malformed_base64`, `duplicate_key`
 */
export function wwwAuthenticateTerms(values: readonly string[]): string | undefined {
  for (const value of values) {
    const scheme = SCHEME.exec(value);
    if (!scheme) continue;
    const rest = value.slice(scheme.index + scheme[0].length).trim();
    if (rest === '') continue;
    const parameters = readParameters(rest);
    if (parameters.size === 0) return decodeBase64Text(rest.split(',')[0] ?? '');
    const encoded = ENCODED.map((name) => parameters.get(name)).find((it) => it !== undefined);
    if (encoded !== undefined)
      return encoded.trimStart().startsWith('{') ? encoded : decodeBase64Text(encoded);
    const named = [...parameters].map(([name, text]) => [SPELLINGS.get(name) ?? name, typed(name, text)]);
    return JSON.stringify(Object.fromEntries(named));
  }
  return undefined;
}

function readParameters(text: string): Map<string, string> {
  const parameters = new Map<string, string>();
  PARAMETER.lastIndex = 0;
  for (let found = PARAMETER.exec(text); found; found = PARAMETER.exec(text)) {
    const name = (found[1] ?? '').toLowerCase();
    if (parameters.has(name)) throw new ChallengeError('duplicate_key');
    parameters.set(name, found[2]?.replaceAll(/\\(.)/g, '$1') ?? found[3] ?? '');
  }
  return parameters;
}

function typed(name: string, text: string): string | number {
  return (name === 'x402version' || name === 'maxtimeoutseconds') && /^[0-9]{1,9}$/.test(text)
    ? Number(text)
    : text;
}
