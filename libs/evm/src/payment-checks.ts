// Facts of the chain about one signed transfer, for the facilitator: one eth_call per payment, and payments asked about at the same time
// share HTTP requests, so that fifty sellers who verify at once cost a request or two.
import { parseAbi, encodeFunctionData, type Hex } from 'viem';
import type { Caip2, Hex32 } from '#domain';
import type { ChainFacts, PaymentChecks, SignedTransfer } from '#engine';
import { failover } from './chain-source.js';
import { RpcError } from './json-rpc.js';
import { toHex } from './keccak.js';
import type { EvmRpc } from './rpc.js';

export interface PaymentChecksOptions {
  /** Per network, in the order in which they are asked; the next one is asked when one gives no answer. */
  readonly rpcs: ReadonlyMap<Caip2, readonly EvmRpc[]>;
  /** How long a payment waits for others to travel with; default 2. */
  readonly gatherMs?: number;
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

export function createPaymentChecks({ rpcs, gatherMs = 2 }: PaymentChecksOptions): PaymentChecks {
  const readers = new Map([...rpcs].map(([network, list]) => [network, failover(list)]));
  let together: Promise<void> | undefined;
  /** Everybody who waits goes on in the same turn of the event loop; the RPC client makes one batch of what is asked in one turn. */
  const gather = (): Promise<void> =>
    (together ??= new Promise((resolve) => {
      setTimeout(() => {
        together = undefined;
        resolve();
      }, gatherMs);
    }));
  return {
    async factsOf(transfer, digest) {
      const read = readers.get(transfer.network);
      if (read === undefined) throw new RpcError('wrong_chain', 'configuration: no RPC');
      await gather();
      // The transfer comes last: what it changes must not be read as how things are.
      return factsIn(await read((rpc) => answersOf(rpc, callsFor(transfer, digest))));
    },
  };
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
