// Facilitators that bring our payments on chain (settle mode F), from the operator's settings.
import { networkProfile } from '#evm';
import type { FacilitatorEndpoint } from '#http';
import type { Environment } from './environment.js';

const LIST = 'PURSER_SETTLE_FACILITATORS';
const TOKENS = 'PURSER_SETTLE_FACILITATOR_TOKENS';

type Settings = Pick<Environment, typeof LIST | typeof TOKENS | 'PURSER_NETWORKS' | 'PURSER_EGRESS_ALLOW'>;

/**
 * In the operator's order, network by network. Tokens go only to whoever calls. Problems name the entry by its place: what stands there may be a secret.
 */
export function settleFacilitatorsOf(
  settings: Settings,
  { withTokens, problems }: { readonly withTokens: boolean; readonly problems: string[] },
): readonly FacilitatorEndpoint[] {
  const names = settings.PURSER_NETWORKS?.split(',').map((it) => it.trim()) ?? ['local'];
  const allowed = settings.PURSER_EGRESS_ALLOW?.split(',').map((it) => it.trim().toLowerCase()) ?? [];
  const tokens = tokensByHost(settings[TOKENS], problems);
  const endpoints: FacilitatorEndpoint[] = [];
  for (const entry of settings[LIST]?.split(';') ?? []) {
    const at = entry.indexOf('=');
    const name = entry.slice(0, at);
    const network = names
      .flatMap((it) => networkProfile(it) ?? [])
      .find((it) => it.network === name || it === networkProfile(name))?.network;
    if (network === undefined) {
      problems.push(`${LIST}: "${name}" is not in PURSER_NETWORKS`);
      continue;
    }
    entry
      .slice(at + 1)
      .split(',')
      .forEach((text, index) => {
        const where = `${LIST}: URL ${index + 1} of "${name}"`;
        const url = readUrl(text, allowed);
        if (typeof url === 'string') problems.push(`${where} ${url}`);
        else if (endpoints.some((it) => it.network === network && it.url === url.name))
          problems.push(`${where} stands there twice`);
        else {
          const bearerToken = withTokens ? (tokens.get(url.host) ?? null) : null;
          endpoints.push({ network, url: url.name, bearerToken });
        }
      });
  }
  const hosts = new Set(endpoints.map(({ url }) => new URL(url).host));
  if ([...tokens.keys()].some((host) => !hosts.has(host)))
    problems.push(`${TOKENS}: names a host that is not in ${LIST}`);
  return endpoints;
}

function readUrl(
  text: string,
  allowed: readonly string[],
): string | { readonly name: string; readonly host: string } {
  if (!URL.canParse(text)) return 'is not a URL';
  const url = new URL(text);
  if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '')
    return `must have no credentials and no query; a token goes into ${TOKENS}`;
  if (url.protocol === 'http:' && !allowed.includes(url.host))
    return 'must be https, unless PURSER_EGRESS_ALLOW names a host and port on loopback';
  return { name: url.href.replace(/\/+$/, ''), host: url.host };
}

function tokensByHost(text: string | undefined, problems: string[]): ReadonlyMap<string, string> {
  const tokens = new Map<string, string>();
  for (const entry of text?.split(';') ?? []) {
    const at = entry.indexOf('=');
    const host = entry.slice(0, at).toLowerCase();
    if (tokens.has(host)) problems.push(`${TOKENS}: names a host twice`);
    tokens.set(host, entry.slice(at + 1));
  }
  return tokens;
}
