// Whose access tokens are good here, from the operator's settings. Without any, no token is.
import { parseWorkspaceId, type WorkspaceId } from '#domain';
import { isLoopbackAddress } from '#http';
import { ALGORITHMS, type Algorithm, type Issuer } from '#oauth';
import type { Environment } from './environment.js';

const ISSUERS = 'PURSER_OAUTH_ISSUERS';
const WORKSPACES = 'PURSER_OAUTH_WORKSPACES';
const ALGORITHM_LIST = 'PURSER_OAUTH_ALGORITHMS';
const PUBLIC_URL = 'PURSER_PUBLIC_URL';
const EMBEDDED = 'PURSER_OAUTH_EMBEDDED';
const EMBEDDED_SECRET = 'PURSER_OAUTH_EMBEDDED_SECRET';

type Settings = Pick<
  Environment,
  | typeof ISSUERS
  | typeof WORKSPACES
  | typeof ALGORITHM_LIST
  | typeof PUBLIC_URL
  | typeof EMBEDDED
  | typeof EMBEDDED_SECRET
>;

export interface OAuthConfig {
  /** Where callers reach the API: tokens are made for resources below it. */
  readonly publicUrl: string;
  readonly issuers: readonly Issuer[];
  readonly algorithms: readonly Algorithm[];
  /** The issuer process that belongs to this installation; its paths are served by the API, and its name is the API's address. */
  readonly embedded: {
    /** Where it listens. */
    readonly url: string;
    /** Whoever shows it is that process, and is believed about where a person's browser is. */
    readonly secret: string;
  } | null;
}

/** Null: no issuer is trusted. */
export function oauthOf(settings: Settings, problems: string[]): OAuthConfig | null {
  const workspaces = workspacesByIssuer(settings[WORKSPACES], problems);
  const issuers = new Map<string, Issuer>();
  for (const [index, entry] of (settings[ISSUERS]?.split(';') ?? []).entries()) {
    const at = entry.indexOf('=');
    const issuer = entry.slice(0, at);
    const jwksUrl = entry.slice(at + 1);
    for (const [name, url] of [
      ['issuer', issuer],
      ['key set', jwksUrl],
    ] as const) {
      const fault = faultOf(url);
      if (fault !== null) problems.push(`${ISSUERS}: the ${name} of entry ${index + 1} ${fault}`);
    }
    if (issuers.has(issuer)) problems.push(`${ISSUERS}: entry ${index + 1} names an issuer twice`);
    issuers.set(issuer, { issuer, jwksUrl, workspaces: workspaces.get(issuer) ?? null, grants: false });
  }
  if ([...workspaces.keys()].some((issuer) => !issuers.has(issuer)))
    problems.push(`${WORKSPACES}: names an issuer that is not in ${ISSUERS}`);
  const embeddedUrl = settings[EMBEDDED] ?? null;
  if (issuers.size === 0 && embeddedUrl === null) return null;
  const given = settings[PUBLIC_URL];
  if (given === undefined) {
    problems.push(`${PUBLIC_URL}: is missing, and tokens are made for a resource below it`);
    return null;
  }
  const publicUrl = new URL(given).origin;
  if (embeddedUrl !== null) {
    const { protocol, hostname } = new URL(embeddedUrl);
    if (protocol !== 'http:' || !isLoopbackAddress(hostname))
      problems.push(`${EMBEDDED}: must be http on loopback: the API is its way to the world`);
    if (issuers.has(publicUrl)) problems.push(`${ISSUERS}: names the embedded issuer`);
    const jwksUrl = `${embeddedUrl}/oauth/jwks`;
    issuers.set(publicUrl, { issuer: publicUrl, jwksUrl, workspaces: null, grants: true });
    if (settings[EMBEDDED_SECRET] === undefined)
      problems.push(`${EMBEDDED_SECRET}: is missing, and ${EMBEDDED} needs it`);
  }
  const secret = settings[EMBEDDED_SECRET] ?? '';
  const embedded = embeddedUrl === null ? null : { url: embeddedUrl, secret };
  const algorithms = (settings[ALGORITHM_LIST]?.split(',') ?? ALGORITHMS) as readonly Algorithm[];
  return { publicUrl, issuers: [...issuers.values()], algorithms, embedded };
}

/** Keys that come over a line anybody can write to are nobody's. */
function faultOf(text: string): string | null {
  if (!URL.canParse(text)) return 'is not a URL';
  const { protocol, hostname, username, password, hash } = new URL(text);
  if (username !== '' || password !== '' || hash !== '') return 'must have no credentials and no fragment';
  const host = hostname.replace(/^\[|\]$/g, '');
  return protocol === 'https:' || isLoopbackAddress(host) ? null : 'must be https, or on loopback';
}

function workspacesByIssuer(
  text: string | undefined,
  problems: string[],
): ReadonlyMap<string, readonly WorkspaceId[]> {
  const allowed = new Map<string, readonly WorkspaceId[]>();
  for (const entry of text?.split(';') ?? []) {
    const at = entry.indexOf('=');
    try {
      const ids = entry
        .slice(at + 1)
        .split(',')
        .map(parseWorkspaceId);
      allowed.set(entry.slice(0, at), ids);
    } catch {
      problems.push(`${WORKSPACES}: "${entry.slice(0, at)}" has something that is no workspace id`);
    }
  }
  return allowed;
}
