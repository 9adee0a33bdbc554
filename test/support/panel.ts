import { parseCaip2, type Hex32 } from '#domain';
import type { Logger } from '#engine';
import { createRpcPanel, type EvmRpc, type RpcPanel } from '#evm';

const silent: Logger = { info: () => undefined, warn: () => undefined, error: () => undefined };

/** RPCs of the local chain as one. */
export function panelOf(
  rpcs: readonly EvmRpc[],
  {
    nowMs = () => Date.now(),
    logger = silent,
    genesisHash,
  }: { nowMs?: () => number; logger?: Logger; genesisHash?: Hex32 } = {},
): RpcPanel {
  return createRpcPanel({ network: parseCaip2('eip155:84532'), rpcs, genesisHash, clock: { nowMs }, logger });
}
