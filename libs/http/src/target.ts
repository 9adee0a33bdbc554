// Judging a URL before anything leaves: form, scheme, port, then every address behind the name.
import { isIP } from 'node:net';
import { Resolver } from 'node:dns/promises';
import { isLoopbackAddress, isPublicAddress } from './addresses.js';

/** All addresses of a host name. Rejects when there are none. */
export type ResolveHost = (hostname: string) => Promise<readonly string[]>;

/** `host:port` entries beyond public https on 443. Loopback entries may also be spoken to over plain http. */
export type EgressAllowList = readonly string[];

export interface Target {
  readonly url: URL;
  /** Checked addresses; a connection goes to one of these and to no other. */
  readonly addresses: readonly string[];
}

export type TargetFault = 'invalid_url' | 'forbidden_address' | 'dns_failed';
export type JudgedTarget =
  { readonly ok: true; readonly target: Target } | { readonly ok: false; readonly code: TargetFault };

const MAX_URL_CHARS = 4096;
const MAX_ADDRESSES = 64;
// oxlint-disable-next-line no-control-regex -- control characters are what it looks for
const UNSAFE = /[\u0000-\u0020\u007f\\]/;

/** Judges a URL and resolves its name, once. The caller must connect to `addresses` only. */
export async function judgeTarget(
  text: string,
  allow: EgressAllowList,
  resolve: ResolveHost,
): Promise<JudgedTarget> {
  const url = parseUrl(text);
  if (!url) return { ok: false, code: 'invalid_url' };
  const hostname = bareHost(url);
  const port = url.port || (url.protocol === 'https:' ? '443' : '80');
  const listed = allow.includes(`${url.hostname}:${port}`);
  const loopback = listed && isLoopbackName(hostname);
  if (url.protocol === 'http:' && !loopback)
    return { ok: false, code: isPrivateLiteral(hostname) ? 'forbidden_address' : 'invalid_url' };
  if (port !== '443' && !listed) return { ok: false, code: 'forbidden_address' };
  const addresses = await addressesOf(hostname, resolve);
  if (addresses.length === 0) return { ok: false, code: 'dns_failed' };
  // One bad address condemns the name: which of them is connected to is not ours to predict.
  const fits = loopback ? isLoopbackAddress : isPublicAddress;
  if (addresses.length > MAX_ADDRESSES || !addresses.every((it) => fits(it)))
    return { ok: false, code: 'forbidden_address' };
  return { ok: true, target: { url, addresses } };
}

/** An http(s) URL without credentials; undefined for anything else. The fragment is dropped, it is never sent. */
function parseUrl(text: string): URL | undefined {
  if (text.length > MAX_URL_CHARS || UNSAFE.test(text) || !URL.canParse(text)) return undefined;
  const url = new URL(text);
  if (url.protocol !== 'https:' && url.protocol !== 'http:') return undefined;
  if (url.username !== '' || url.password !== '' || url.hostname === '') return undefined;
  // `https:host`, `https:/host` and `https://@host` are read differently by different parsers.
  if (!/^https?:\/\/[^/@]/i.test(text) || /^[^/]*\/\/[^/?#]*@/.test(text)) return undefined;
  url.hash = '';
  return url;
}

function bareHost(url: URL): string {
  return url.hostname.startsWith('[') ? url.hostname.slice(1, -1) : url.hostname;
}

function isLoopbackName(hostname: string): boolean {
  return hostname === 'localhost' || isLoopbackAddress(hostname);
}

function isPrivateLiteral(hostname: string): boolean {
  return hostname === 'localhost' || (isIP(hostname) !== 0 && !isPublicAddress(hostname));
}

async function addressesOf(hostname: string, resolve: ResolveHost): Promise<readonly string[]> {
  if (isIP(hostname) !== 0) return [hostname];
  // Fixed, so that no resolver can move it.
  if (hostname === 'localhost') return ['127.0.0.1'];
  try {
    return await resolve(hostname);
  } catch {
    return [];
  }
}

/** Asks the configured name servers directly: bounded in time, and a slow zone cannot fill Node's thread pool. */
export function createResolver(timeoutMs = 2_000): ResolveHost {
  const resolver = new Resolver({ timeout: timeoutMs, tries: 2 });
  return async (hostname) => {
    const families = await Promise.allSettled([resolver.resolve4(hostname), resolver.resolve6(hostname)]);
    return families.flatMap((family) => (family.status === 'fulfilled' ? family.value : []));
  };
}
