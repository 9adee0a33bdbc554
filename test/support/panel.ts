import { parseCaip2 } from '#domain';
import type { Logger } from '#engine';
import { createRpcPanel, type EvmRpc, type RpcPanel } from '#evm';

const silent: Logger = { info: () => undefined, warn: () => undefined, error: () => undefined };

/** RPCs of the local chain as one. */
export function panelOf(
  rpcs: readonly EvmRpc[],
  { nowMs = () => Date.now(), logger = silent }: { nowMs?: () => number; logger?: Logger } = {},
): RpcPanel {
  return createRpcPanel({ network: parseCaip2('eip155:84532'), rpcs, clock: { nowMs }, logger });
}
