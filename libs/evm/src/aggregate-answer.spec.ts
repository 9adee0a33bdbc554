import fc from 'fast-check';
import { encodeFunctionResult, multicall3Abi, type Hex } from 'viem';
import { describe, expect, it } from 'vitest';
import { successesIn } from './aggregate-answer.js';

const bytes = fc.uint8Array({ maxLength: 100 }).map((it): Hex => `0x${Buffer.from(it).toString('hex')}`);
const results = fc.array(fc.record({ success: fc.boolean(), returnData: bytes }), { maxLength: 20 });
const answerOf = (result: readonly { readonly success: boolean; readonly returnData: Hex }[]): Hex =>
  encodeFunctionResult({ abi: multicall3Abi, functionName: 'aggregate3', result });

describe('the successes in the answer of aggregate3', () => {
  it('are those that viem reads', () => {
    fc.assert(
      fc.property(results, (result) => {
        expect(successesIn(answerOf(result), result.length)).toEqual(result.map((it) => it.success));
      }),
    );
  });

  it('are of exactly as many calls as were made', () => {
    const answer = answerOf([{ success: true, returnData: '0x' }]);
    expect(() => successesIn(answer, 2)).toThrow('bad_response');
  });

  it('are not read from an answer that is cut short, or is none', () => {
    const answer = answerOf([
      { success: true, returnData: '0x' },
      { success: false, returnData: '0x0102' },
    ]);
    for (const end of [2, 66, 130, 200, 260])
      expect(() => successesIn(answer.slice(0, end), 2)).toThrow('bad_response');
    expect(() => successesIn(`0x${'ff'.repeat(200)}`, 2)).toThrow('bad_response');
    expect(() =>
      successesIn(
        answer.replace(`${'0'.repeat(63)}1${'0'.repeat(62)}40`, `${'0'.repeat(63)}2${'0'.repeat(62)}40`),
        2,
      ),
    ).toThrow('bad_response');
  });
});
