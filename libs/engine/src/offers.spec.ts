import { describe, expect, it } from 'vitest';
import type { Policy, Terms } from '#domain';
import {
  address,
  aPolicy,
  PAYER,
  SELLER,
  someTerms,
  TOKEN,
  WORKSPACE,
} from '../../../test/support/builders.js';
import { MemoryInstallation } from '../../../test/support/memory-installation.js';

const EXACT = someTerms({ amount: 12_000n });
const PERMIT2 = someTerms({ amount: 11_000n, transferMethod: 'permit2' });
const UPTO = someTerms({ transferMethod: 'upto', facilitator: address(0xfac1) });
const UPFRONT = someTerms({ paymentFlow: 'upfront' });

interface Given {
  readonly policy?: Partial<Policy>;
  readonly allowance?: bigint;
}

/** What becomes of an operation to whom the seller offers these, the best one first. */
async function paying([terms, ...others]: readonly [Terms, ...Terms[]], given: Given = {}) {
  const purser = new MemoryInstallation();
  purser.price = { kind: 'terms', terms, others };
  purser.policies.policies.set(WORKSPACE, aPolicy(given.policy ?? {}));
  if (given.allowance !== undefined) purser.chain.permit2Allowance = given.allowance;
  const operationId = await purser.submit('order-1');
  await purser.drive(operationId);
  const state = purser.database.stateOf(operationId) ?? expect.fail('no operation');
  return { state, signed: purser.signer.ledger.size };
}

describe('of several offers', () => {
  it.each<[string, readonly [Terms, ...Terms[]], Given, Terms]>([
    ['the best one', [PERMIT2, EXACT], {}, PERMIT2],
    ['the next one where the allowance is too small', [PERMIT2, EXACT], { allowance: 10_999n }, EXACT],
    ['the next one where policy takes no ceiling', [UPTO, PERMIT2], {}, PERMIT2],
    ['a ceiling where policy takes it', [UPTO, EXACT], { policy: { allowUpto: true } }, UPTO],
    [
      'another payee where policy denies the first',
      [someTerms({ payTo: address(0xbad) }), EXACT],
      { policy: { allowedPayees: [SELLER] } },
      EXACT,
    ],
    ['money before the goods where policy says so', [UPFRONT], { policy: { allowUpfront: true } }, UPFRONT],
  ])('is taken %s', async (_what, offers, given, expected) => {
    const { state, signed } = await paying(offers, given);
    expect(state).toMatchObject({
      status: 'authorized',
      terms: expected,
      authorization: { method: expected.transferMethod ?? 'eip3009', value: expected.amount },
    });
    expect(signed).toBe(1);
  });

  it.each<[string, readonly [Terms, ...Terms[]], Given, object]>([
    [
      'what the allowance lacks',
      [PERMIT2, UPTO],
      { allowance: 7n },
      {
        code: 'permit2_allowance_required',
        details: { asset: TOKEN, wallet: PAYER, allowance: '7', needed: '11000' },
      },
    ],
    [
      'that policy takes no ceiling',
      [UPTO],
      {},
      { code: 'policy_refused', details: { rule: 'scheme_not_allowed', scheme: 'upto' } },
    ],
    [
      'that policy pays nobody in advance',
      [UPFRONT],
      {},
      { code: 'policy_refused', details: { rule: 'payment_flow_not_allowed' } },
    ],
  ])('none is taken, and the refusal of the best one says %s', async (_what, offers, given, refusal) => {
    const { state, signed } = await paying(offers, given);
    expect(state).toMatchObject({ status: 'refused', ...refusal });
    expect(signed).toBe(0);
  });

  it('holds and shows an approver the whole ceiling', async () => {
    const { state } = await paying([UPTO], { policy: { allowUpto: true, approvalThreshold: 10_000n } });
    expect(state).toMatchObject({
      status: 'awaiting_approval',
      terms: { amount: 10_000n },
      verdict: { reasons: ['above_threshold'] },
    });
  });
});
