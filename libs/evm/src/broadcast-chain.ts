// One chain as the broadcaster sees it (design.md 8), over one RPC endpoint: composing, sending, and what became of what was sent.
import { parseHex32, type Caip2, type EvmAddress, type Hex32 } from '#domain';
import type {
  AttemptReceipt,
  AuthorizationFate,
  BroadcastChain,
  Outlook,
  SendOutcome,
  SettlementMethod,
  SignedTransfer,
} from '#engine';
import type { FinalityRule } from './chains.js';
import { finalizedBlock } from './finality.js';
import { RpcError } from './json-rpc.js';
import { keccak256, toHex } from './keccak.js';
import { codecOf, fatesOf } from './methods/index.js';
import type { EvmRpc, Receipt } from './rpc.js';
import { simulate } from './simulate.js';
import { encodeTransfers } from './transfer-calls.js';

/** Gas of a transaction before its calls. */
const GAS_BASE = 60_000n;

export interface BroadcastChainOptions {
  readonly network: Caip2;
  readonly rpc: EvmRpc;
  readonly finality: FinalityRule;
}

/** Every method throws RpcError when there is no trustworthy answer. */
export function createBroadcastChain({ network, rpc, finality }: BroadcastChainOptions): BroadcastChain {
  return {
    network,
    async latest() {
      const block = await rpc.block('latest');
      if (block === undefined) throw new RpcError('bad_response', 'eth_getBlockByNumber');
      return block;
    },
    finalized: () => finalizedBlock(rpc, finality),
    blockHash: async (number) => (await rpc.block(number))?.hash,
    priorityFee: () => rpc.priorityFee(),
    accountNonce: (sender) => rpc.transactionCount(sender),
    balance: (sender) => rpc.etherBalance(sender),
    compose(transfers) {
      const { target, data } = encodeTransfers(transfers);
      return { target, data, callHash: hashOf(data), gasLimit: gasFor(transfers) };
    },
    outlook: (sender, transfers) => outlook(rpc, sender, transfers),
    async estimateGas(from, transfer) {
      const { target, data } = encodeTransfers([transfer]);
      return rpc.estimateGas({ from, to: target, data: toHex(data) });
    },
    async send(raw) {
      try {
        await rpc.sendRaw(toHex(raw));
        return 'sent';
      } catch (error) {
        return outcomeOf(error);
      }
    },
    async receipts(txHashes) {
      const receipts = await Promise.all(txHashes.map((txHash) => rpc.receipt(txHash)));
      return receipts.map((receipt) => receipt && attemptReceipt(receipt));
    },
    whyNot: (transfer) => fatesOf(transfer).whyNot(rpc, transfer),
  };
}

/** A payer without code and a signature of a key's length: the token's own rules decide, and nobody else's. */
async function outlook(
  rpc: EvmRpc,
  sender: EvmAddress,
  transfers: readonly SignedTransfer[],
): Promise<readonly Outlook[]> {
  const byKey = transfers.filter((it) => it.signature.length === 65);
  // Asked together, so that it is one exchange; code is rare, and then what it spoils is asked again without it.
  const payers = [...new Set(byKey.map((it) => it.from))];
  const [codes, hopeful] = await Promise.all([rpc.hasCode(payers), simulate(rpc, byKey, sender)]);
  const contracts = new Set(payers.filter((_, index) => codes[index]));
  const plain = byKey.filter((it) => !contracts.has(it.from));
  const succeeds =
    plain.length === byKey.length && hopeful !== undefined ? hopeful : await simulate(rpc, plain, sender);
  if (succeeds === undefined) throw new RpcError('reverted', 'eth_call');
  const known = new Map(
    plain.map((it, index) => [it, succeeds[index] === true ? 'succeeds' : 'fails'] as const),
  );
  return transfers.map((it) => known.get(it) ?? 'alone');
}

function gasFor(transfers: readonly SignedTransfer[]): bigint {
  return transfers.reduce((gas, it) => gas + codecOf(it).gas, GAS_BASE);
}

function attemptReceipt(receipt: Receipt): AttemptReceipt {
  const { txHash, blockNumber, blockHash, succeeded, logs } = receipt;
  // Read once: a batch asks for the fate of each of its transfers.
  const readers = new Map<SettlementMethod, (transfer: SignedTransfer) => AuthorizationFate>();
  const readerOf = (transfer: SignedTransfer) => {
    const reader = readers.get(transfer.method) ?? fatesOf(transfer).inLogs(logs);
    readers.set(transfer.method, reader);
    return reader;
  };
  const fateOf: AttemptReceipt['fateOf'] = (transfer) =>
    succeeded ? readerOf(transfer)(transfer) : { kind: 'unused' };
  return { txHash, blockNumber, blockHash, fateOf };
}

function outcomeOf(error: unknown): SendOutcome {
  if (!(error instanceof RpcError)) throw error;
  const { fault } = error;
  if (fault === 'already_known') return 'sent';
  if (fault === 'nonce_too_low') return 'nonce_used';
  if (fault === 'underpriced' || fault === 'no_gas_money') return fault;
  // Silence, and anything else that leaves open whether the node has it: it is sent again, the same bytes.
  return 'rejected';
}

function hashOf(data: Uint8Array): Hex32 {
  return parseHex32(toHex(keccak256(data)));
}
