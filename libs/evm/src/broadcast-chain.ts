// One chain as the broadcaster sees it (design.md 8), over all its RPCs: composing, sending, and what became of what was sent.
// What only costs gas is asked of one; what is told to others, or ends something, has to be the same at all of them.
import { parseHex32, type EvmAddress, type Hex32 } from '#domain';
import {
  soleSender,
  type AttemptReceipt,
  type BroadcastChain,
  type Outlook,
  type SendOutcome,
  type SettlementMethod,
  type SignedTransfer,
} from '#engine';
import { agreed, agreedFinal, agreedReceipts, standing } from './agreement.js';
import type { FinalityRule } from './chains.js';
import { RpcError } from './json-rpc.js';
import { keccak256, toHex } from './keccak.js';
import { fatesOf } from './methods/index.js';
import type { LogReader } from './methods/method.js';
import type { EvmRpc, Receipt } from './rpc.js';
import type { RpcPanel } from './rpc-panel.js';
import { tryOut } from './simulate.js';
import { encodeTransfers, gasFor } from './transfer-calls.js';

/** The signer allows no more. Rollups count the bytes in it, so that it is more than the 21,000 of a chain of its own; what is not used is not paid. */
export const FILL_GAS = 100_000n;
const NOTHING = new Uint8Array();

export interface BroadcastChainOptions {
  readonly panel: RpcPanel;
  readonly finality: FinalityRule;
}

/** Every method throws RpcError when there is no trustworthy answer. */
export function createBroadcastChain({ panel, finality }: BroadcastChainOptions): BroadcastChain {
  return {
    network: panel.network,
    genesisHash: (known) => panel.genesisHash(known),
    latest: () => panel.latest(),
    finalized: () => agreedFinal(panel, finality),
    standing: (block, by) => standing(panel, block, by),
    // The lowest: a node that lies about it could have us burn the account's money, and one that is wrong costs a later bump.
    priorityFee: async () => lowest(await panel.each((rpc) => rpc.priorityFee())),
    accountNonce: async (sender) =>
      Math.min(...(await panel.each((rpc) => rpc.transactionCount(sender, 'latest')))),
    async finalNonce(sender) {
      const final = await agreedFinal(panel, finality);
      const nonces = final && (await panel.all((rpc) => rpc.transactionCount(sender, final.number)));
      return nonces && Math.min(...nonces);
    },
    async shown(txHashes) {
      const read = (rpc: EvmRpc) => Promise.all(txHashes.map((txHash) => rpc.receipt(txHash)));
      return (await panel.each(read)).flat().some((receipt) => receipt !== undefined);
    },
    balance: (sender) => panel.any((rpc) => rpc.etherBalance(sender)),
    compose(transfers) {
      const { target, data } = encodeTransfers(transfers);
      return { target, data, callHash: hashOf(data), gasLimit: gasFor(transfers) };
    },
    fill: (sender) => ({ target: sender, data: NOTHING, callHash: hashOf(NOTHING), gasLimit: FILL_GAS }),
    outlook: (sender, transfers) => confirmedOutlook(panel, sender, transfers),
    async estimateGas(from, transfer) {
      const { target, data } = encodeTransfers([transfer]);
      const read = (rpc: EvmRpc) => rpc.estimateGas({ from, to: target, data: toHex(data) });
      const gas = await panel.any(read);
      if (gas !== undefined || panel.size === 1) return gas;
      return (await panel.each(read)).find((it) => it !== undefined);
    },
    send: (raw, again) => sendToAll(panel, raw, again),
    async receipts(txHashes) {
      const receipts = await agreedReceipts(panel, txHashes);
      return receipts.map((receipt) => receipt && attemptReceipt(receipt));
    },
    whyNot: (transfer) => agreed(panel, (rpc) => fatesOf(transfer).whyNot(rpc, transfer)),
  };
}

/** What each RPC said, from the most telling to the least. */
const TELLING: readonly SendOutcome[] = ['nonce_used', 'sent', 'no_gas_money', 'underpriced'];

async function sendToAll(panel: RpcPanel, raw: Uint8Array, again: boolean): Promise<SendOutcome> {
  const answers = panel
    .tell((rpc) => rpc.sendRaw(toHex(raw)))
    .map((answer) => answer.then((): SendOutcome => 'sent', outcomeOf));
  const all = Promise.all(answers).then(
    (told): SendOutcome => TELLING.find((it) => told.includes(it)) ?? 'rejected',
  );
  if (again) return all;
  const taken = answers.map(async (answer): Promise<SendOutcome> => {
    const outcome = await answer;
    if (outcome !== 'sent') throw new RpcError('rejected', 'eth_sendRawTransaction');
    return outcome;
  });
  return Promise.any(taken).catch(() => all);
}

/** `fails` ends a settlement: one RPC alone is not believed. Where they differ the chain itself decides, for the price of the gas. */
async function confirmedOutlook(
  panel: RpcPanel,
  sender: EvmAddress,
  transfers: readonly SignedTransfer[],
): Promise<readonly Outlook[]> {
  const first = await panel.any((rpc) => outlook(rpc, sender, transfers));
  const failing = transfers.filter((_, index) => first[index] === 'fails');
  if (failing.length === 0 || panel.size === 1) return first;
  const votes = await panel.each((rpc) => outlook(rpc, sender, failing));
  const confirmed = new Map(
    failing.map((transfer, index) => [transfer, votes.map((it) => it[index]).find((it) => it !== 'fails')]),
  );
  return transfers.map((transfer, index) => confirmed.get(transfer) ?? first[index] ?? 'fails');
}

function lowest(amounts: readonly bigint[]): bigint {
  return amounts.reduce((least, it) => (it < least ? it : least));
}

/** A payer without code and a signature of a key's length: the token's own rules decide, and nobody else's. What one account alone may send goes alone. */
async function outlook(
  rpc: EvmRpc,
  sender: EvmAddress,
  transfers: readonly SignedTransfer[],
): Promise<readonly Outlook[]> {
  const byKey = transfers.filter((it) => it.signature.length === 65 && soleSender(it) === undefined);
  const tried = await tryOut(rpc, byKey, { from: sender });
  const known = new Map(byKey.map((it, index) => [it, tried[index]]));
  return transfers.map((it) => {
    const outcome = known.get(it) ?? 'code';
    return outcome === 'code' ? 'alone' : outcome;
  });
}

function attemptReceipt(receipt: Receipt): AttemptReceipt {
  const { txHash, blockNumber, blockHash, succeeded, logs } = receipt;
  // Read once: a batch asks for the fate of each of its transfers.
  const readers = new Map<SettlementMethod, LogReader<SignedTransfer>>();
  const readerOf = (transfer: SignedTransfer) => {
    const reader = readers.get(transfer.method) ?? fatesOf(transfer).inLogs(logs);
    readers.set(transfer.method, reader);
    return reader;
  };
  const fateOf: AttemptReceipt['fateOf'] = (transfer) =>
    succeeded ? readerOf(transfer).fateOf(transfer) : { kind: 'unused' };
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
