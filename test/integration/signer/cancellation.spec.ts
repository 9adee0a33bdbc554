// The signer's second purpose over a payment: that it be dead (ruling 8).
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hasherOf, recoverAddress, toHex } from '#evm';
import { parseEvmAddress, parseHex32 } from '#domain';
import { NETWORK } from '../../support/builders.js';
import { signatureOf, SignerStage, TOKEN, type SeededOperation } from '../../support/signer.js';

let stage: SignerStage;
beforeAll(async () => {
  stage = await SignerStage.set();
});
afterAll(() => stage.strike());

const ask = (operation: SeededOperation) =>
  stage.sql.query(
    `INSERT INTO events (workspace_id, opened_month, operation_id, version, type, schema, data, actor, occurred_at_ms, prev_hash, hash, cluster_epoch)
     SELECT workspace_id, opened_month, operation_id, 90, 'CancellationRequested', 1, '{}', '{}', 0, '\\x00', '\\x09', 1
     FROM events WHERE operation_id = $1 AND version = 2`,
    [operation.operationId],
  );
const ledger = async ({ operationId }: SeededOperation) =>
  (
    await stage.sql.query<{ purpose: string; digest: string }>(
      'SELECT purpose, digest FROM signer_ledger WHERE subject = $1 ORDER BY purpose',
      [`${stage.workspaceId}/${operationId}`],
    )
  ).rows;
const set = (operation: SeededOperation, change: string) =>
  stage.sql.query(`UPDATE authorization_ledger SET ${change} WHERE operation_id = $1`, [
    operation.operationId,
  ]);

describe('a cancellation', () => {
  it('is signed over the very nonce of its operation, the same bytes each time, in a row of its own', async () => {
    const operation = await stage.operation();
    await signatureOf(stage, operation);
    await ask(operation);
    const [first, again] = [await stage.client.cancel(operation), await stage.client.cancel(operation)];
    if (first.kind !== 'signed') throw new Error(JSON.stringify(first));
    expect(again).toEqual(first);
    const { rows } = await stage.sql.query<{ nonce: string }>(
      'SELECT nonce FROM authorization_ledger WHERE operation_id = $1',
      [operation.operationId],
    );
    const tuple = { from: parseEvmAddress(stage.payer), nonce: parseHex32(rows[0]?.nonce) };
    const digest = hasherOf(NETWORK, TOKEN)?.cancelDigest(tuple) ?? new Uint8Array();
    expect(recoverAddress(digest, first.signature)).toBe(stage.payer);
    expect(await ledger(operation)).toEqual([
      { purpose: 'authorize', digest: operation.digest },
      { purpose: 'cancel', digest: toHex(digest) },
    ]);
  });

  it('leaves no more signature of the payment to be had, and burns nothing', async () => {
    const [fresh, signed] = (await stage.operations(2)) as [SeededOperation, SeededOperation];
    await signatureOf(stage, signed);
    for (const operation of [fresh, signed]) {
      await ask(operation);
      expect(await stage.client.sign(operation)).toMatchObject({ kind: 'unavailable' });
    }
    expect([await ledger(fresh), (await ledger(signed)).map((row) => row.purpose)]).toEqual([
      [],
      ['authorize'],
    ]);
  });

  it("is not signed unless the operation's own log asks for it", async () => {
    const [asked, other] = await stage.operations(2);
    await ask(asked as SeededOperation);
    expect(await stage.client.cancel(other as SeededOperation)).toMatchObject({
      kind: 'refused',
      reason: 'not_asked_for',
    });
    expect(await ledger(other as SeededOperation)).toEqual([]);
  });

  it.each([
    [`nonce = '0x${'77'.repeat(32)}'`, 'nonce_not_derived'],
    [`token = '0x${'12'.repeat(20)}'`, 'token_not_registered'],
    [`from_address = '0x${'12'.repeat(20)}'`, 'wallet_unknown'],
    [`method = 'permit2'`, 'method_has_no_cancellation'],
  ])('is not signed over another tuple: %s', async (change, reason) => {
    const operation = await stage.operation();
    await ask(operation);
    await set(operation, change);
    expect(await stage.client.cancel(operation)).toMatchObject({ kind: 'refused', reason });
    expect(await ledger(operation)).toEqual([]);
  });

  it('is signed while everything is stopped, for a retired wallet too: it moves no money', async () => {
    const operation = await stage.operation();
    await ask(operation);
    await stage.sql.query(`UPDATE control SET paused = true`);
    await stage.client.retireWallet(stage.workspaceId, stage.walletId);
    expect(await stage.client.cancel(operation)).toMatchObject({ kind: 'signed' });
    await stage.sql.query(`UPDATE control SET paused = false`);
  });
});
