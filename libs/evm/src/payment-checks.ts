// What the chain says of signed transfers, for the facilitator. Payments asked about at the same time are tried out together in one eth_call;
// only for one that would not succeed are the facts read that name the reason.
import { parseAbi, encodeFunctionData, type Hex } from 'viem';
import type { Caip2, Hex32 } from '#domain';
import {
  coalesce,
  soleSender,
  type ChainFacts,
  type Eip3009Transfer,
  type PaymentChecks,
  type Permit2Transfer,
  type SignedTransfer,
  type UptoTransfer,
} from '#engine';
import { agreed } from './agreement.js';
import { fatesOf } from './methods/index.js';
import { RpcError } from './json-rpc.js';
import { toHex } from './keccak.js';
import { PERMIT2, PROXY_OF } from './permit2.js';
import { allowanceCall, isNonceUsed, nonceBitmapCall, uintOf } from './permit2-state.js';
import type { EvmRpc } from './rpc.js';
import type { RpcPanel } from './rpc-panel.js';
import { succeedsAlone, tryOut, type Trial } from './simulate.js';
import { gasFor } from './transfer-calls.js';

export interface PaymentChecksOptions {
  /** Per network; the next RPC is asked when one gives no answer. */
  readonly panels: ReadonlyMap<Caip2, RpcPanel>;
}

const ABI = parseAbi([
  'function balanceOf(address owner) view returns (uint256)',
  'function authorizationState(address authorizer, bytes32 nonce) view returns (bool)',
  'function isValidSignature(bytes32 hash, bytes signature) view returns (bytes4)',
]);
const WITH_VRS = parseAbi([
  'function transferWithAuthorization(address from, address to, uint256 value, uint256 validAfter, uint256 validBefore, bytes32 nonce, uint8 v, bytes32 r, bytes32 s)',
]);
const WITH_BYTES = parseAbi([
  'function transferWithAuthorization(address from, address to, uint256 value, uint256 validAfter, uint256 validBefore, bytes32 nonce, bytes signature)',
]);
const KEY_SIGNATURE_BYTES = 65;
/** bytes4(keccak256("isValidSignature(bytes32,bytes)")), alone in its word. */
const ERC1271_YES: Hex = `0x1626ba7e${'0'.repeat(56)}`;

/** In one call: 100 transfers take 6 million gas, and nodes stop a call at ten times that or more. */
const MAX_TOGETHER = 100;
/** A payment that needs more gas than a batch gives it goes alone, and is looked at for that. */
const TRIAL: Trial = { gasOf: gasFor };

export function createPaymentChecks({ panels }: PaymentChecksOptions): PaymentChecks {
  const chains = new Map(
    [...panels].map(([network, panel]) => {
      const tryOut = (transfers: readonly SignedTransfer[]): Promise<readonly boolean[]> =>
        panel.any((rpc) => successesOf(rpc, transfers));
      return [
        network,
        { panel, together: coalesce(tryOut, { maxBatch: MAX_TOGETHER }), ready: readiness(panel) },
      ];
    }),
  );
  const chainOf = (network: Caip2) => {
    const chain = chains.get(network);
    if (chain === undefined) throw new RpcError('wrong_chain', 'configuration: no RPC');
    return chain;
  };
  return {
    async transferable(transfer) {
      const { panel, together, ready } = chainOf(transfer.network);
      if (transfer.method === 'eip3009') return together(transfer);
      if (!(await ready())) return false;
      const sender = soleSender(transfer);
      return sender === undefined
        ? together(transfer)
        : panel.any((rpc) => succeedsAlone(rpc, transfer, { ...TRIAL, from: sender }));
    },
    async factsOf(transfer, digest) {
      const { panel, ready } = chainOf(transfer.network);
      if (transfer.method === 'eip3009')
        // The transfer comes last: what it changes must not be read as how things are.
        return factsIn(await panel.any((rpc) => answersOf(rpc, callsFor(transfer, digest))));
      const [deployed, facts] = await Promise.all([
        ready(),
        panel.any((rpc) => permit2Facts(rpc, transfer, digest)),
      ]);
      return { ...facts, deployed };
    },
    async broughtIn(transfer) {
      const { panel } = chainOf(transfer.network);
      const fate = await agreed(panel, (rpc) => fatesOf(transfer).whyNot(rpc, transfer));
      return fate.kind === 'settled' ? fate.settlement.txHash : undefined;
    },
  };
}

/**
 * Strangers' payments must not speak for one another: whoever is paid by one of them pays alone, since nobody says that the other will ever be
 * settled. A payer with code may answer otherwise in a transaction, so it gets no word here.
 */
async function successesOf(rpc: EvmRpc, transfers: readonly SignedTransfer[]): Promise<readonly boolean[]> {
  const payees = new Set(transfers.map((it) => it.to));
  const [fed, apart] = [
    transfers.filter((it) => payees.has(it.from)),
    transfers.filter((it) => !payees.has(it.from)),
  ];
  const alone = (some: readonly SignedTransfer[]) =>
    Promise.all(some.map(async (it) => [it, (await tryOut(rpc, [it], TRIAL))[0]] as const));
  const together = tryOut(rpc, apart, TRIAL).then(
    (tried) => apart.map((it, index) => [it, tried[index]] as const),
    (error: unknown) => {
      // No Multicall3 there, or not enough of what the node gives one call.
      if (error instanceof RpcError && error.fault === 'out_of_gas') return alone(apart);
      throw error;
    },
  );
  const tried = new Map((await Promise.all([together, alone(fed)])).flat());
  return transfers.map((it) => tried.get(it) === 'succeeds');
}

type Calls = Parameters<EvmRpc['callInOrder']>[0];

/** A payer's contract can use up whatever it is given; then it spoils its own answer and no other. */
async function answersOf(rpc: EvmRpc, calls: Calls): Promise<readonly (Hex | undefined)[]> {
  try {
    return await rpc.callInOrder(calls, 'latest');
  } catch (error) {
    if (!(error instanceof RpcError) || error.fault !== 'reverted') throw error;
    return (await Promise.all(calls.map((call) => rpc.callInOrder([call], 'latest')))).flat();
  }
}

function callsFor(transfer: Eip3009Transfer, digest: Hex32): Calls {
  const { token, from, nonce } = transfer;
  const signature = toHex(transfer.signature);
  return [
    { to: token, data: encodeFunctionData({ abi: ABI, functionName: 'balanceOf', args: [from] }) },
    {
      to: token,
      data: encodeFunctionData({ abi: ABI, functionName: 'authorizationState', args: [from, nonce] }),
    },
    {
      to: from,
      data: encodeFunctionData({ abi: ABI, functionName: 'isValidSignature', args: [digest, signature] }),
    },
    { to: token, data: transferCall(transfer) },
  ];
}

/** `transferWithAuthorization` in the form that fits the signature (x402.md 4.1). */
function transferCall(transfer: Eip3009Transfer): Hex {
  const { from, to, value, nonce, signature } = transfer;
  const times = [BigInt(transfer.validAfterSec), BigInt(transfer.validBeforeSec)] as const;
  const functionName = 'transferWithAuthorization';
  const args = [from, to, value, ...times, nonce] as const;
  if (signature.length !== KEY_SIGNATURE_BYTES)
    return encodeFunctionData({ abi: WITH_BYTES, functionName, args: [...args, toHex(signature)] });
  const [r, s] = [toHex(signature.subarray(0, 32)), toHex(signature.subarray(32, 64))];
  return encodeFunctionData({ abi: WITH_VRS, functionName, args: [...args, signature[64] ?? 0, r, s] });
}

/** An address without code answers with nothing, whatever it is asked; a contract that does the same leaves it to the simulation. */
function payerOf(word: Hex | undefined): ChainFacts['payer'] {
  return word === '0x' ? 'account' : word === ERC1271_YES ? 'accepts' : 'refuses';
}

/** Asked once more only while it is not so: contracts stay where they are. */
function readiness(panel: RpcPanel): () => Promise<boolean> {
  let ready = false;
  return async () => {
    ready ||= (await panel.any((rpc) => rpc.hasCode([PERMIT2, ...Object.values(PROXY_OF)]))).every(Boolean);
    return ready;
  };
}

/** The proxy asks who calls, so the payment itself is tried out apart. */
async function permit2Facts(
  rpc: EvmRpc,
  transfer: Permit2Transfer | UptoTransfer,
  digest: Hex32,
): Promise<Omit<ChainFacts, 'deployed'>> {
  const { token, from, nonce } = transfer;
  const signature = toHex(transfer.signature);
  const calls: Calls = [
    { to: token, data: encodeFunctionData({ abi: ABI, functionName: 'balanceOf', args: [from] }) },
    nonceBitmapCall(from, nonce),
    {
      to: from,
      data: encodeFunctionData({ abi: ABI, functionName: 'isValidSignature', args: [digest, signature] }),
    },
    allowanceCall(token, from),
  ];
  const sender = soleSender(transfer);
  const [[balance, bits, word, allowance], moved] = await Promise.all([
    answersOf(rpc, calls),
    succeedsAlone(rpc, transfer, sender === undefined ? {} : { from: sender }),
  ]);
  return {
    balance: uintOf(balance),
    nonceUsed: isNonceUsed(bits, nonce),
    payer: payerOf(word),
    allowance: uintOf(allowance),
    transferable: moved,
  };
}

function factsIn([balance, used, word, moved]: readonly (Hex | undefined)[]): ChainFacts {
  return {
    balance: uintOf(balance),
    nonceUsed: flagOf(used),
    payer: payerOf(word),
    transferable: moved !== undefined,
    allowance: null,
    deployed: true,
  };
}

const flagOf = (word: Hex | undefined): boolean | undefined =>
  ({ '0': false, '1': true })[String(uintOf(word))];
