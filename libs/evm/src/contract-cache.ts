import type { Caip2, EvmAddress } from '#domain';
import type { ChainReader, Clock } from '#engine';

const MAX_ENTRIES = 10_000;
/** A plain account can become a contract; a contract stays one for all that matters here. */
const PLAIN_TTL_MS = 60_000;

/** Remembers which payees are contracts, so that a busy seller costs one read a minute and not one per purchase. */
export function rememberContracts(reader: ChainReader, clock: Clock): ChainReader {
  const known = new Map<string, { readonly isContract: boolean; readonly untilMs: number }>();
  return {
    latest: (network) => reader.latest(network),
    fateInTransaction: (authorization, txHash) => reader.fateInTransaction(authorization, txHash),
    permit2Allowance: (network, token, owner) => reader.permit2Allowance(network, token, owner),
    permitNonce: (network, token, owner) => reader.permitNonce(network, token, owner),
    async isContract(network: Caip2, address: EvmAddress) {
      const key = `${network}/${address}`;
      const hit = known.get(key);
      if (hit !== undefined && clock.nowMs() < hit.untilMs) return hit.isContract;
      const isContract = await reader.isContract(network, address);
      known.delete(key);
      if (known.size >= MAX_ENTRIES) known.delete(known.keys().next().value as string);
      known.set(key, {
        isContract,
        untilMs: isContract ? Number.MAX_SAFE_INTEGER : clock.nowMs() + PLAIN_TTL_MS,
      });
      return isContract;
    },
  };
}
