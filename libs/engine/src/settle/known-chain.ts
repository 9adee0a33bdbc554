// Ruling 24: a chain that is not the one the database knows, or has not come as far, is refused and not followed. Nothing is sent to it and no
// outcome is read from it: what it lacks may well be on the true one, which will be back.
import type { Caip2, Hex32 } from '#domain';
import type { Logger } from '../ports.js';

export class ForeignChainError extends Error {
  override readonly name = 'ForeignChainError';
}

export interface KnownChain {
  readonly genesisHash: Hex32;
  /** Highest block that was final. */
  readonly finalizedTo: number;
}

export interface KnownChainDeps {
  readonly chain: {
    readonly network: Caip2;
    genesisHash(known?: Hex32): Promise<Hex32>;
    latest(): Promise<{ readonly number: number }>;
  };
  readonly store: { knownChain(network: Caip2): Promise<KnownChain | undefined> };
  readonly logger: Logger;
}

/** @throws ForeignChainError, with an alarm. */
export async function refuseForeignChain({ chain, store, logger }: KnownChainDeps): Promise<void> {
  const { network } = chain;
  const known = await store.knownChain(network);
  if (known === undefined) return;
  const [genesisHash, head] = await Promise.all([chain.genesisHash(known.genesisHash), chain.latest()]);
  refuseUnlessKnown({ network, logger }, known, genesisHash, head.number);
}

/** @throws ForeignChainError, with an alarm. */
export function refuseUnlessKnown(
  { network, logger }: { readonly network: Caip2; readonly logger: Logger },
  { genesisHash, finalizedTo }: KnownChain,
  genesisNow: Hex32,
  head: number,
): void {
  const reason =
    genesisNow !== genesisHash
      ? 'has another genesis than the database'
      : head < finalizedTo
        ? 'is behind the database: refusing to go back past finality'
        : undefined;
  if (reason === undefined) return;
  logger.error({ network, head, finalizedTo, alarm: 'chain_refused' }, `the chain ${reason}`);
  throw new ForeignChainError(`chain ${network} ${reason}`);
}
