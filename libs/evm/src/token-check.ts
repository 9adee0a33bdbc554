// Whether the deployed tokens are the ones of the registry. A wrong name, version or number of decimals would make every signature worthless, or
// every amount another: the process does not start then.
import type { EvmAsset } from './assets.js';
import type { EvmRpc } from './rpc.js';

/** DOMAIN_SEPARATOR() and decimals(). */
const DOMAIN_SEPARATOR = '0x3644e515';
const DECIMALS = '0x313ce567';

export class TokenMismatchError extends Error {
  override readonly name = 'TokenMismatchError';
}

/** @throws TokenMismatchError naming every token that differs; RpcError when there is no answer. */
export async function verifyTokens(
  rpc: Pick<EvmRpc, 'call'>,
  assets: readonly Pick<EvmAsset, 'network' | 'symbol' | 'token' | 'domainSeparator' | 'decimals'>[],
): Promise<void> {
  const wrong = await Promise.all(
    assets.map(async ({ network, symbol, token, domainSeparator, decimals }) => {
      const [separator, places] = await Promise.all([
        rpc.call({ to: token, data: DOMAIN_SEPARATOR }),
        rpc.call({ to: token, data: DECIMALS }),
      ]);
      const same =
        separator === domainSeparator && places?.length === 66 && BigInt(places) === BigInt(decimals);
      return same ? [] : [`${symbol} (${token}) on ${network}`];
    }),
  );
  const named = wrong.flat();
  if (named.length > 0)
    throw new TokenMismatchError(
      `not the registered token, by domain separator or decimals: ${named.join(', ')}`,
    );
}
