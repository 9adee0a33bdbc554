import { x402ExactPermit2ProxyABI, x402UptoPermit2ProxyABI } from '@x402/evm';
import { encodeFunctionData, multicall3Abi, type Hex } from 'viem';
import { describe, expect, it } from 'vitest';
import { parseEvmAddress, type EvmAddress } from '#domain';
import { MULTICALL3 } from './multicall3.js';
import { permitCallsIn } from './permit-calls.js';
import { EXACT_PROXY, UPTO_PROXY } from './permit2.js';

const address = (byte: string): EvmAddress => parseEvmAddress(`0x${byte.repeat(20)}`);
const [TOKEN, PAYER, PAYEE, CHARGER, STRANGER] = [
  address('70'),
  address('aa'),
  address('bb'),
  address('cc'),
  address('dd'),
];
interface Call {
  readonly target: EvmAddress;
  readonly data: Hex;
}

const permit = (nonce: bigint, token = TOKEN) => ({
  permitted: { token, amount: 100n },
  nonce,
  deadline: 9n,
});
const exact = (nonce: bigint, token = TOKEN): Call => ({
  target: EXACT_PROXY,
  data: encodeFunctionData({
    abi: x402ExactPermit2ProxyABI,
    functionName: 'settle',
    args: [permit(nonce, token), PAYER, { to: PAYEE, validAfter: 0n }, '0x'],
  }),
});
const upto = (nonce: bigint, facilitator = CHARGER): Call => ({
  target: UPTO_PROXY,
  data: encodeFunctionData({
    abi: x402UptoPermit2ProxyABI,
    functionName: 'settle',
    args: [permit(nonce), 7n, PAYER, { to: PAYEE, facilitator, validAfter: 0n }, '0x'],
  }),
});
const ofToken: Call = { target: TOKEN, data: '0x23b872dd' };
const together = (...calls: readonly Call[]): Call => ({
  target: MULTICALL3,
  data: encodeFunctionData({
    abi: multicall3Abi,
    functionName: 'aggregate3',
    args: [calls.map(({ target, data }) => ({ target, allowFailure: true, callData: data }))],
  }),
});

const noncesIn = ({ target, data }: Call): readonly number[] =>
  permitCallsIn(target, data, [TOKEN]).map((it) => Number(it.nonce));

describe('calls of the proxies', () => {
  it('are read where they are the transaction, with what they move', () => {
    const moved = { token: TOKEN, from: PAYER, to: PAYEE };
    expect(permitCallsIn(EXACT_PROXY, exact(1n).data, [TOKEN])).toMatchObject([
      { ...moved, method: 'permit2', value: 100n },
    ]);
    expect(permitCallsIn(UPTO_PROXY, upto(1n).data, [TOKEN])).toMatchObject([
      { ...moved, method: 'upto', value: 7n, facilitator: CHARGER },
    ]);
  });

  it('are read in a batch of such and of calls of the token', () => {
    expect(noncesIn(together(exact(1n), ofToken, exact(2n)))).toEqual([1, 2]);
  });

  it.each<[string, Call]>([
    ['a call of somebody else', { target: STRANGER, data: '0x' }],
    ['a batch in the batch', together(exact(3n))],
    ['a payment in a token that is not known', exact(3n, STRANGER)],
    ['a call of a proxy that cannot be read', { target: EXACT_PROXY, data: '0x12345678' }],
    ['a ceiling that anybody may charge', upto(3n, MULTICALL3)],
  ])('are none in a batch with %s: it could have done what they say', (_what, opaque) => {
    expect(noncesIn(together(exact(1n), opaque))).toEqual([]);
    expect(noncesIn(together(opaque, exact(1n)))).toEqual([]);
  });

  it('by a facilitator of its own cannot succeed in a batch, and say nothing there', () => {
    expect(noncesIn(together(upto(1n), exact(2n)))).toEqual([2]);
  });
});
