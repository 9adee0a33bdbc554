// What the workers ask of chains while they drive operations.
import { chainIdOf, PERMIT2, type Caip2 } from '#domain';
import type { ChainReader } from '#engine';
import { agreed, agreedReceipts } from './agreement.js';
import { allowanceAmong, permitNonceAt } from './allowance-fates.js';
import { RpcError } from './json-rpc.js';
import { permitFateIn } from './permit-fates.js';
import { padded } from './rpc.js';
import { uintOf } from './rpc-answers.js';
import type { RpcPanel } from './rpc-panel.js';
import { fateInLogs } from './settlement-logs.js';

/** Function selector: allowance(address,address). */
const ALLOWANCE = 'dd62ed3e';

/** The engine's reads, each through the RPCs of its network. @throws RpcError for a network without one. */
export function createChainReader(panels: ReadonlyMap<Caip2, RpcPanel>): ChainReader {
  const panelOf = (network: Caip2): RpcPanel => {
    const panel = panels.get(network);
    if (panel === undefined)
      throw new RpcError('wrong_chain', `configuration of chain ${chainIdOf(network)}`);
    return panel;
  };
  return {
    async latest(network) {
      const { number, hash, timestampSec } = await panelOf(network).latest();
      return { number, hash, timestampSec };
    },
    async fateInTransaction(authorization, txHash) {
      const panel = panelOf(authorization.network);
      const [receipt] = await agreedReceipts(panel, [txHash]);
      if (receipt?.succeeded !== true) return { kind: 'unused' };
      switch (authorization.method) {
        case 'eip3009':
          return fateInLogs(authorization, receipt.logs);
        case 'permit2':
        case 'upto':
          return agreed(panel, (rpc) => permitFateIn(rpc, authorization, receipt, [authorization.token]));
        case 'allowance':
          return agreed(panel, (rpc) => allowanceAmong(rpc, authorization, receipt.logs));
      }
    },
    async permit2Allowance(network, token, owner) {
      const data = `0x${ALLOWANCE}${padded(owner)}${padded(PERMIT2)}` as const;
      const allowance = uintOf(await panelOf(network).any((rpc) => rpc.call({ to: token, data })));
      if (allowance === undefined) throw new RpcError('bad_response', 'eth_call');
      return allowance;
    },
    permitNonce: (network, token, owner) =>
      agreed(panelOf(network), (rpc) => permitNonceAt(rpc, { token, from: owner })),
    async isContract(network, address) {
      const code = await panelOf(network).any((rpc) => rpc.code(address));
      return code !== '0x';
    },
  };
}
