import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { allowanceNonce, allowanceResource, parseHex32, PERMIT2 } from '#domain';
import { recoverAddress } from '#evm';
import { SELLER, walletId } from '../../support/builders.js';
import { signatureOf, SignerStage, type Seed } from '../../support/signer.js';

/** An allowance as the store leaves it after a person's yes: no reservation, and nothing committed. */
const ALLOWANCE: Seed = {
  kind: 'allowance',
  method: 'allowance',
  to: PERMIT2,
  reservation: 'none',
  needsApproval: true,
  approval: {},
};
const bytesOf = (text: string): Uint8Array => Buffer.from(text.slice(2), 'hex');

describe('the signer, asked for an allowance', () => {
  let stage: SignerStage;
  beforeAll(async () => {
    stage = await SignerStage.set();
  });
  afterAll(() => stage.strike());

  const reasonOf = async (seed: Seed): Promise<unknown> =>
    stage.client.sign(await stage.operation({ ...ALLOWANCE, ...seed }));

  it.each([
    ['some', 10_000n],
    ['nothing, which takes it back', 0n],
    ['more than a payment may move', (1n << 256n) - 1n],
  ])('signs what was approved of, for %s, and gives the same bytes again', async (_amount, value) => {
    const operation = await stage.operation({ ...ALLOWANCE, value });
    const first = await signatureOf(stage, operation);
    expect(recoverAddress(bytesOf(operation.digest), Buffer.from(first, 'hex'))).toBe(stage.payer);
    expect(await signatureOf(stage, operation)).toBe(first);
    const { rows } = await stage.sql.query<{ purpose: string; digest: string }>(
      'SELECT purpose, digest FROM signer_ledger WHERE subject LIKE $1',
      [`%${operation.operationId}`],
    );
    expect(rows).toEqual([{ purpose: 'allowance', digest: operation.digest }]);
  });

  it.each<[string, Seed, string]>([
    ['nobody said yes', { approval: { status: 'pending' } }, 'not_approved'],
    [
      'no yes was needed, as somebody says',
      { needsApproval: false, approval: { status: 'pending' } },
      'not_approved',
    ],
    ['the yes was to something else', { approval: { digest: 'other' } }, 'approval_of_other_terms'],
    ['it outlives the yes', { approval: { useInSec: 60 } }, 'approval_too_old'],
    ['the spender is somebody else', { to: SELLER }, 'spender_not_permit2'],
    ['another amount was judged', { judgedAmount: 9_999n }, 'terms_mismatch'],
    [
      'another wallet was judged',
      { judgedTerms: { resourceUrl: allowanceResource(walletId(9)) } },
      'terms_mismatch',
    ],
    ['a payment was judged', { judgedTerms: { transferMethod: 'eip3009' } }, 'terms_mismatch'],
    ['the operation is a payment', { kind: 'authorize' }, 'method_of_another_kind'],
    [
      "its nonce is not the operation's",
      { nonce: allowanceNonce(parseHex32(`0x${'ab'.repeat(32)}`), 0n) },
      'nonce_not_derived',
    ],
    ['it is over', { validForSec: -1 }, 'expired'],
    ['the digest is of something else', { digest: `0x${'12'.repeat(32)}` }, 'digest_mismatch'],
  ])('burns for ever when %s', async (_case, seed, reason) => {
    expect(await reasonOf(seed)).toMatchObject({ kind: 'burned', reason });
  });

  it('does not let a payment pass as an operation of this kind', async () => {
    const payment = { method: 'eip3009', to: SELLER, reservation: 'held', judgedTerms: {} } as const;
    expect(await reasonOf(payment)).toMatchObject({ kind: 'burned', reason: 'method_of_another_kind' });
  });

  it('waits while anything in its scope is stopped', async () => {
    const operation = await stage.operation(ALLOWANCE);
    await stage.sql.query(`UPDATE control SET paused = true WHERE scope = 'global'`);
    expect(await stage.client.sign(operation)).toMatchObject({ kind: 'unavailable' });
    await stage.sql.query(`UPDATE control SET paused = false WHERE scope = 'global'`);
    await signatureOf(stage, operation);
  });

  it('never signs a payment for what the ledger has as an allowance', async () => {
    const operation = await stage.operation(ALLOWANCE);
    await signatureOf(stage, operation);
    await stage.sql.query(
      `UPDATE authorization_ledger SET method = 'eip3009', allowance = NULL, value = 10000 WHERE operation_id = $1`,
      [operation.operationId],
    );
    expect(await stage.client.sign(operation)).toMatchObject({ kind: 'burned' });
  });

  it('counts nothing against the limit of the wallet', async () => {
    await stage.stop();
    await stage.start({ PURSER_SIGNER_MAX_PER_WALLET_HOUR: '10000' });
    for (const value of [9_000n, 9_000n])
      await signatureOf(stage, await stage.operation({ ...ALLOWANCE, value }));
    await signatureOf(stage, await stage.operation({ value: 10_000n }));
    expect(await stage.client.sign(await stage.operation())).toMatchObject({
      reason: 'limit_per_wallet_hour',
    });
  });
});
