// The public keys of one issuer, fetched from the one address in our configuration and remembered. Nothing in a token can make us fetch from
// elsewhere; a token that names an unknown key makes us look again, at most once per pause. While the address is away the remembered keys go on
// for an hour, about as long as tokens live anyway; after that no token is good.
import { refuse } from '#domain';
import type { Clock } from '#engine';
import {
  createLocalJWKSet,
  errors,
  type CryptoKey,
  type JSONWebKeySet,
  type JWSHeaderParameters,
} from 'jose';

/** Answers with the parsed document. @throws when it cannot be had in time. */
export type FetchKeys = (url: string) => Promise<unknown>;

export interface IssuerKeysDeps {
  readonly jwksUrl: string;
  readonly fetchKeys: FetchKeys;
  readonly clock: Clock;
}

type KeySet = ReturnType<typeof createLocalJWKSet>;

const FRESH_FOR_MS = 10 * 60_000;
const USABLE_FOR_MS = 60 * 60_000;
/** Between two attempts, whatever tokens are shown. */
const PAUSE_MS = 10_000;
const MOST_KEYS = 64;

export class IssuerKeys {
  private known: { readonly find: KeySet; readonly fetchedAtMs: number } | null = null;
  private attemptedAtMs = -Infinity;
  private fetching: Promise<void> | null = null;

  constructor(private readonly deps: IssuerKeysDeps) {}

  /**
   * The key that a token's header names.
   * @throws Refusal `issuer_unavailable` without usable keys; jose's errors when no key, or more than one, fits.
   */
  async keyFor(header: JWSHeaderParameters): Promise<CryptoKey> {
    const before = await this.current();
    try {
      return await before(header);
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey) || !this.mayFetch()) throw error;
      await this.fetch();
      // The same keys when the address was away: then the token stays refused.
      return (await this.current())(header);
    }
  }

  private async current(): Promise<KeySet> {
    if (this.usable() === null) {
      if (this.mayFetch()) await this.fetch();
    } else if (this.ageMs() > FRESH_FOR_MS && this.mayFetch()) {
      void this.fetch();
    }
    const find = this.usable();
    if (find === null) throw refuse('issuer_unavailable');
    return find;
  }

  private usable(): KeySet | null {
    return this.known !== null && this.ageMs() <= USABLE_FOR_MS ? this.known.find : null;
  }

  private ageMs(): number {
    return this.deps.clock.nowMs() - (this.known?.fetchedAtMs ?? -Infinity);
  }

  /** Whoever comes while a fetch is under way shares it. */
  private mayFetch(): boolean {
    return this.fetching !== null || this.deps.clock.nowMs() - this.attemptedAtMs >= PAUSE_MS;
  }

  /** Never rejects: what could not be fetched leaves things as they were. */
  private fetch(): Promise<void> {
    this.fetching ??= this.load().finally(() => {
      this.fetching = null;
    });
    return this.fetching;
  }

  private async load(): Promise<void> {
    const { jwksUrl, fetchKeys, clock } = this.deps;
    const startedAtMs = clock.nowMs();
    this.attemptedAtMs = startedAtMs;
    try {
      const find = createLocalJWKSet(publicKeysIn(await fetchKeys(jwksUrl)));
      this.known = { find, fetchedAtMs: startedAtMs };
    } catch {
      // Whoever needs the keys is told; `attemptedAtMs` keeps the next attempt away.
    }
  }
}

/** Symmetric keys are dropped, so that no document can turn a public text into a signing key. @throws on anything that is no key set. */
function publicKeysIn(document: unknown): JSONWebKeySet {
  const keys = (document as { keys?: unknown } | null)?.keys;
  if (!Array.isArray(keys) || keys.length > MOST_KEYS) throw new Error('not a key set');
  return { keys: (keys as JSONWebKeySet['keys']).filter((key) => key?.kty !== 'oct') };
}
