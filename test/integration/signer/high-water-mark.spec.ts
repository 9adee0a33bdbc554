// A signer that has signed more than its database remembers signs nothing: how it notices, and how it goes on.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createSignerClient } from '#runtime';
import { signatureOf, SignerStage } from '../../support/signer.js';

/** Lets the superuser take rows from an append-only table, as a restored older copy would lack them. */
function forgetting(stage: SignerStage): Promise<unknown> {
  return stage.sql.query('SET session_replication_role = replica');
}

describe('high-water mark', () => {
  let stage: SignerStage;
  beforeEach(async () => {
    stage = await SignerStage.set();
  });
  afterEach(() => stage.strike());

  it('signs nothing on a database that has lost what was signed for, until adoption and 600 s are over', async () => {
    const [kept, lost] = await stage.operations(2);
    if (kept === undefined || lost === undefined) throw new Error('not seeded');
    const keptSignature = await signatureOf(stage, kept);
    await signatureOf(stage, lost);
    await stage.stop();
    await forgetting(stage);
    await stage.sql.query('DELETE FROM signer_ledger WHERE subject LIKE $1', [`%${lost.operationId}`]);
    await stage.start();
    expect((await stage.client.status()).quarantine).toMatchObject({ reason: 'ledger_behind_mark' });
    expect(await stage.client.sign(kept)).toEqual({ kind: 'unavailable', reason: 'quarantined' });

    // A time that is too early, left over from another restore, frees nothing; neither does a restart.
    await stage.sql.query('UPDATE cluster SET quarantined_until = clock_timestamp()');
    expect(await stage.client.sign(kept)).toEqual({ kind: 'unavailable', reason: 'quarantined' });
    await stage.stop();
    const note = join(stage.folder, 'keystore', 'signer', 'quarantine.json');
    const { sinceMs, reason } = JSON.parse(readFileSync(note, 'utf8')) as { sinceMs: number; reason: string };
    writeFileSync(note, `${JSON.stringify({ sinceMs: sinceMs - 601_000, reason })}\n`);
    await stage.start();
    expect(await signatureOf(stage, kept)).toBe(keptSignature);
    expect((await stage.client.status()).quarantine).toBeNull();
  });

  it('notices a restore while it runs, by the epoch of the database', async () => {
    await signatureOf(stage, await stage.operation());
    await stage.sql.query('UPDATE cluster SET epoch = epoch + 1');
    expect(await stage.client.sign(await stage.operation())).toEqual({
      kind: 'unavailable',
      reason: 'quarantined',
    });
    expect((await stage.client.status()).quarantine).toMatchObject({ reason: 'cluster_epoch_changed' });
  });

  it('signs again once the quarantine that came with a restore is over, also when it noticed the restore late', async () => {
    await signatureOf(stage, await stage.operation());
    await stage.sql.query(
      `UPDATE cluster SET epoch = epoch + 1, quarantined_until = clock_timestamp() + interval '1 hour'`,
    );
    const operation = await stage.operation();
    expect(await stage.client.sign(operation)).toEqual({ kind: 'unavailable', reason: 'quarantined' });
    await stage.sql.query('UPDATE cluster SET quarantined_until = clock_timestamp()');
    await signatureOf(stage, operation);
    expect((await stage.client.status()).quarantine).toBeNull();
  });

  it('notices a ledger that runs behind the mark while it runs, before a signature leaves', async () => {
    await signatureOf(stage, await stage.operation());
    await stage.sql.query('ALTER TABLE signer_ledger ALTER COLUMN sequence RESTART WITH 1');
    await forgetting(stage);
    await stage.sql.query('DELETE FROM signer_ledger');
    expect(await stage.client.sign(await stage.operation())).toEqual({
      kind: 'unavailable',
      reason: 'quarantined',
    });
  });

  it('holds what was committed when it could not be moved, before that is signed again', async () => {
    const [first, second] = await stage.operations(2);
    if (first === undefined || second === undefined) throw new Error('not seeded');
    const file = join(stage.folder, 'keystore', 'signer', 'ledger.mark');
    await signatureOf(stage, first);
    const before = readFileSync(file, 'utf8');
    await signatureOf(stage, second);
    await stage.stop();
    writeFileSync(file, before);
    await stage.start();
    await signatureOf(stage, second);
    await stage.stop();
    await forgetting(stage);
    await stage.sql.query('DELETE FROM signer_ledger WHERE subject LIKE $1', [`%${second.operationId}`]);
    await stage.start();
    expect((await stage.client.status()).quarantine).toMatchObject({ reason: 'ledger_behind_mark' });
  });

  it('takes up work again when only the answer was lost: ledger written, signature never sent', async () => {
    const operation = await stage.operation();
    const before = stage.client.sign(operation);
    const first = await before;
    await stage.stop();
    await stage.start();
    expect(await stage.client.sign(operation)).toEqual(first);
  });

  it('is unavailable, not wrong, while the signer is down', async () => {
    const operation = await stage.operation();
    await stage.stop();
    const client = createSignerClient({ socketPath: stage.socketPath });
    expect(await client.sign(operation)).toEqual({ kind: 'unavailable', reason: 'signer_unavailable' });
    await stage.start();
    expect((await client.sign(operation)).kind).toBe('signed');
    client.close();
  });
});
