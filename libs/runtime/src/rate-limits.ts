// How often a credential may call, per class of requests, and how often an address may fail. The vendors' figures where a vendor states them.
import type { RateLimit } from '#engine';

const WINDOW_SEC = 60;

/** Calls per minute, and of those in one second. */
const DEFAULTS = {
  'native.read': [12_000, 1_000],
  'native.write': [6_000, 500],
  'native.payment': [6_000, 500],
  'native.simulate': [3_000, 250],
  'native.webhook_management': [120, 20],
  'hightop.read': [600, 100],
  'hightop.write': [60, 20],
  'hightop.simulate': [120, 30],
  'hightop.webhook_management': [10, 5],
  'hightop.bulk_write': [20, 5],
  'relayer.other': [100, 100],
  'relayer.financial': [20, 20],
  /** Wrong credentials per address; then an address that has shown none that are good is not listened to. */
  failures: [20, 20],
} as const;

export type LimitName = keyof typeof DEFAULTS;
export type RateLimitTable = Readonly<Record<LimitName, RateLimit>>;
export const LIMIT_NAMES = Object.keys(DEFAULTS) as readonly LimitName[];

export const RATE_LIMITS_PATTERN =
  /^[a-z_.]+=[1-9][0-9]{0,9}\/[1-9][0-9]{0,9}(?:,[a-z_.]+=[1-9][0-9]{0,9}\/[1-9][0-9]{0,9})*$/;

/** `class=calls per minute/of those in one second,...`; what is not named keeps its default. */
export function rateLimitsOf(text: string | undefined, problems: string[]): RateLimitTable {
  const own = new Map<string, readonly [number, number]>();
  for (const entry of text?.split(',') ?? []) {
    const [name = '', most, burst] = entry.split(/[=/]/);
    if (!LIMIT_NAMES.includes(name as LimitName)) problems.push(`PURSER_RATE_LIMITS: "${name}" is no class`);
    own.set(name, [Number(most), Number(burst)]);
  }
  const entries = LIMIT_NAMES.map((name) => {
    const [most, burst] = own.get(name) ?? DEFAULTS[name];
    return [name, { name, most, burst, windowSec: WINDOW_SEC }] as const;
  });
  return Object.fromEntries(entries) as Record<LimitName, RateLimit>;
}

/** Whoever has one IPv6 address has the other 2^64 beside it. */
export function networkOf(ip: string): string {
  if (!ip.includes(':') || ip.includes('.')) return ip;
  const [head = '', tail] = ip.split('::');
  const before = head === '' ? [] : head.split(':');
  const after = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? 0 : 8 - before.length - after.length;
  const groups = [...before, ...Array<string>(Math.max(0, zeros)).fill('0'), ...after];
  return `${groups.slice(0, 4).join(':')}::/64`;
}
