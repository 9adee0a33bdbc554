// Calls of x402's Permit2 proxies in other people's transactions. What they say is a claim, made by whoever sent the transaction: it counts only
// with the logs that its success leaves behind, and only where nothing else in the transaction could have left them (permits.ts of the engine).
// Arguments are read leniently: facilitators append bytes of their own.
import { parseEvmAddress, parseHex32, type EvmAddress } from '#domain';
import type { PermitSeen } from '#engine';
import { decodeFunctionData, multicall3Abi, parseAbi, type Hex } from 'viem';
import { MULTICALL3 } from './multicall3.js';
import { EXACT_PROXY, UPTO_PROXY } from './permit2.js';

const PERMITTED = 'struct TokenPermissions { address token; uint256 amount; }';
const PERMIT = 'struct Permit { TokenPermissions permitted; uint256 nonce; uint256 deadline; }';
const PERMIT_2612 = 'struct Permit2612 { uint256 value; uint256 deadline; bytes32 r; bytes32 s; uint8 v; }';
const EXACT_ABI = parseAbi([
  PERMITTED,
  PERMIT,
  PERMIT_2612,
  'struct Witness { address to; uint256 validAfter; }',
  'function settle(Permit permit, address owner, Witness witness, bytes signature)',
  'function settleWithPermit(Permit2612 permit2612, Permit permit, address owner, Witness witness, bytes signature)',
]);
const UPTO_ABI = parseAbi([
  PERMITTED,
  PERMIT,
  PERMIT_2612,
  'struct Witness { address to; address facilitator; uint256 validAfter; }',
  'function settle(Permit permit, uint256 amount, address owner, Witness witness, bytes signature)',
  'function settleWithPermit(Permit2612 permit2612, Permit permit, uint256 amount, address owner, Witness witness, bytes signature)',
]);

/** What one call says it moves, and by which of the wallet's nonces. */
export type PermitCall = Omit<PermitSeen, 'txHash' | 'spent'>;

/**
 * A transaction's calls of the proxies in order, made directly or through Multicall3's `aggregate3`, where any of them may have failed. None where
 * one thing beside them cannot be read: whatever it did, a call that failed could take the credit for it. `tokens`: code that is known to do
 * nothing but move itself.
 */
export function permitCallsIn(
  target: EvmAddress,
  input: Hex,
  tokens: readonly EvmAddress[],
): readonly PermitCall[] {
  if (target !== MULTICALL3) {
    const call = callOf(target, input);
    return call ? [call] : [];
  }
  const calls = attempt(() => decodeFunctionData({ abi: multicall3Abi, data: input }));
  if (calls?.functionName !== 'aggregate3') return [];
  const read = calls.args[0].map((it) => readInBatch(parseEvmAddress(it.target), it.callData, tokens));
  return read.includes('opaque') ? [] : read.filter((it) => typeof it === 'object');
}

function readInBatch(
  target: EvmAddress,
  data: Hex,
  tokens: readonly EvmAddress[],
): PermitCall | 'opaque' | 'nothing' {
  if (tokens.includes(target)) return 'nothing';
  const call = callOf(target, data);
  if (call === undefined || !tokens.includes(call.token)) return 'opaque';
  if (call.method === 'permit2') return call;
  // The proxy lets nobody but the facilitator charge, and here Multicall3 asks. Who names that lets everybody charge any amount.
  return call.facilitator === MULTICALL3 ? 'opaque' : 'nothing';
}

function callOf(target: EvmAddress, data: Hex): PermitCall | undefined {
  if (target === EXACT_PROXY) return exactCall(data);
  return target === UPTO_PROXY ? uptoCall(data) : undefined;
}

function exactCall(data: Hex): PermitCall | undefined {
  const call = attempt(() => decodeFunctionData({ abi: EXACT_ABI, data }));
  if (call === undefined) return undefined;
  const [permit, owner, witness] =
    call.functionName === 'settle' ? call.args : ([call.args[1], call.args[2], call.args[3]] as const);
  return { method: 'permit2', ...moved(permit, owner, { to: witness.to, value: permit.permitted.amount }) };
}

function uptoCall(data: Hex): PermitCall | undefined {
  const call = attempt(() => decodeFunctionData({ abi: UPTO_ABI, data }));
  if (call === undefined) return undefined;
  const [permit, value, owner, witness] =
    call.functionName === 'settle'
      ? call.args
      : ([call.args[1], call.args[2], call.args[3], call.args[4]] as const);
  const facilitator = parseEvmAddress(witness.facilitator);
  return { method: 'upto', ...moved(permit, owner, { to: witness.to, value }), facilitator };
}

interface Permit {
  readonly permitted: { readonly token: Hex };
  readonly nonce: bigint;
}

function moved(
  { permitted, nonce }: Permit,
  owner: Hex,
  { to, value }: { readonly to: Hex; readonly value: bigint },
) {
  return {
    token: parseEvmAddress(permitted.token),
    from: parseEvmAddress(owner),
    to: parseEvmAddress(to),
    value,
    nonce: parseHex32(`0x${nonce.toString(16).padStart(64, '0')}`),
  };
}

/** Whatever somebody sent there: not to be understood is no fault. */
function attempt<T>(decode: () => T): T | undefined {
  try {
    return decode();
  } catch {
    return undefined;
  }
}
