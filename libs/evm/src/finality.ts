// When a block is final, and that the node is on the chain it should be on (design.md rulings 23 and 24).
import type { FinalityRule, NetworkProfile } from './chains.js';
import type { StoredBlock } from './chain-watcher.js';
import { RpcError } from './json-rpc.js';
import type { BlockHeader, EvmRpc } from './rpc.js';

/** The newest final block by the profile's rule, or undefined while the chain is too young. @throws RpcError */
export async function finalizedBlock(
  rpc: Pick<EvmRpc, 'block'>,
  rule: FinalityRule,
): Promise<BlockHeader | undefined> {
  switch (rule.kind) {
    case 'tag':
      return rpc.block('finalized');
    case 'depth': {
      const latest = await rpc.block('latest');
      if (latest === undefined || latest.number < rule.blocks) return undefined;
      return rpc.block(latest.number - rule.blocks);
    }
  }
}

/**
 * How many of the RPCs hold exactly this block and call it final. Money is released only when all do (ruling 23).
 * @throws RpcError when any of them gives no answer: silence is not agreement.
 */
export async function finalityWitnesses(
  rpcs: readonly Pick<EvmRpc, 'block'>[],
  rule: FinalityRule,
  block: StoredBlock,
): Promise<number> {
  const answers = await Promise.all(
    rpcs.map(async (rpc) => {
      const [finalized, header] = await Promise.all([finalizedBlock(rpc, rule), rpc.block(block.number)]);
      return finalized !== undefined && finalized.number >= block.number && header?.hash === block.hash;
    }),
  );
  return answers.filter(Boolean).length;
}

/** Refuses a node of another chain, by chain id and, where the profile knows it, by genesis hash. @throws RpcError */
export async function verifyNetwork(
  rpc: Pick<EvmRpc, 'chainId' | 'block'>,
  profile: NetworkProfile,
): Promise<void> {
  if ((await rpc.chainId()) !== profile.chainId) throw new RpcError('wrong_chain', 'eth_chainId');
  if (profile.genesisHash === undefined) return;
  const genesis = await rpc.block(0);
  if (genesis?.hash !== profile.genesisHash) throw new RpcError('wrong_chain', 'eth_getBlockByNumber');
}
