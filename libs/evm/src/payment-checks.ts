// What the chain says of signed transfers, for the facilitator. Payments asked about at the same time are tried out together in one eth_call;
// only for one that would not succeed are the facts read that name the reason.
import { parseAbi, encodeFunctionData, type Hex } from 'viem';
import type { Caip2, Hex32 } from '#domain';
import { coalesce, type ChainFacts, type PaymentChecks, type SignedTransfer } from '#engine';
import { RpcError } from './json-rpc.js';
import { toHex } from './keccak.js';
import type { EvmRpc } from './rpc.js';
import type { RpcPanel } from './rpc-panel.js';
import { simulate } from './simulate.js';
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

export function createPaymentChecks({ panels }: PaymentChecksOptions): PaymentChecks {
  const chains = new Map(
    [...panels].map(([network, panel]) => {
      const tryOut = (transfers: readonly SignedTransfer[]): Promise<readonly boolean[]> =>
        panel.any((rpc) => successesOf(rpc, transfers));
      return [network, { panel, together: coalesce(tryOut, { maxBatch: MAX_TOGETHER }) }];
    }),
  );
  const chainOf = (network: Caip2) => {
    const chain = chains.get(network);
    if (chain === undefined) throw new RpcError('wrong_chain', 'configuration: no RPC');
    return chain;
  };
  return {
    transferable: async (transfer) => chainOf(transfer.network).together(transfer),
    // The transfer comes last: what it changes must not be read as how things are.
    factsOf: async (transfer, digest) =>
      factsIn(await chainOf(transfer.network).panel.any((rpc) => answersOf(rpc, callsFor(transfer, digest)))),
  };
}

/** One by one where they cannot be tried out together: a payer's contract may use up whatever it is given. */
async function successesOf(rpc: EvmRpc, transfers: readonly SignedTransfer[]): Promise<readonly boolean[]> {
  const tryOut = (some: readonly SignedTransfer[]) => simulate(rpc, some, { gas: gasFor(some) });
  const together = await tryOut(transfers);
  if (together !== undefined) return together;
  const alone = await Promise.all(transfers.map((transfer) => tryOut([transfer])));
  return alone.map((answer) => answer?.[0] === true);
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

function callsFor(transfer: SignedTransfer, digest: Hex32): Calls {
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
function transferCall(transfer: SignedTransfer): Hex {
  const { from, to, value, nonce, signature } = transfer;
  const times = [BigInt(transfer.validAfterSec), BigInt(transfer.validBeforeSec)] as const;
  const functionName = 'transferWithAuthorization';
  const args = [from, to, value, ...times, nonce] as const;
  if (signature.length !== KEY_SIGNATURE_BYTES)
    return encodeFunctionData({ abi: WITH_BYTES, functionName, args: [...args, toHex(signature)] });
  const [r, s] = [toHex(signature.subarray(0, 32)), toHex(signature.subarray(32, 64))];
  return encodeFunctionData({ abi: WITH_VRS, functionName, args: [...args, signature[64] ?? 0, r, s] });
}

function factsIn([balance, used, word, moved]: readonly (Hex | undefined)[]): ChainFacts {
  return {
    balance: uintOf(balance),
    nonceUsed: flagOf(used),
    // An address without code answers with nothing, whatever it is asked; a contract that does the same leaves it to the simulation.
    payer: word === '0x' ? 'account' : word === ERC1271_YES ? 'accepts' : 'refuses',
    transferable: moved !== undefined,
  };
}

const uintOf = (word: Hex | undefined): bigint | undefined =>
  word !== undefined && word.length === 66 ? BigInt(word) : undefined;

const flagOf = (word: Hex | undefined): boolean | undefined =>
  ({ '0': false, '1': true })[String(uintOf(word))];
