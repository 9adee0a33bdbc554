import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { hashOfRow, type LedgerFacts } from './database.js';
import { whyBehind } from './high-water.js';
import { LedgerMark, type Mark, type Quarantine } from './ledger-mark.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'purser-mark-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** What a new process would find. */
async function reopened(): Promise<{ mark: Mark | undefined; quarantine: Quarantine | undefined }> {
  const ledger = await LedgerMark.open(folder);
  const { mark, quarantine } = ledger;
  await ledger.close();
  return { mark, quarantine };
}

const row = { purpose: 'authorize', subject: 'w/o', digest: '0x01', reason: null, sequence: 7 } as const;
const mark: Mark = { count: 5, sequence: 7, hash: hashOfRow(row), clusterEpoch: 1 };
const facts: LedgerFacts = {
  nowMs: 0,
  clusterEpoch: 1,
  quarantinedUntilMs: null,
  count: 5,
  newest: row,
  marked: row,
};

describe('high-water mark', () => {
  it('is what was written last, after a restart', async () => {
    const ledger = await LedgerMark.open(folder);
    expect(ledger.mark).toBeUndefined();
    await ledger.replace({ ...mark, count: 1 });
    for (let count = 2; count <= 5; count += 1) await ledger.advance({ ...mark, count });
    await ledger.close();
    expect((await reopened()).mark).toEqual(mark);
  });

  it('is the last whole one when a crash left half a line', async () => {
    const ledger = await LedgerMark.open(folder);
    await ledger.replace(mark);
    await ledger.close();
    const path = join(folder, 'signer', 'ledger.mark');
    appendFileSync(path, '{"count":6,"sequ');
    expect((await reopened()).mark).toEqual(mark);
    expect(readFileSync(path, 'utf8').trim().split('\n')).toHaveLength(1);
  });

  it('goes into a new file after a write that failed, so that half a line spoils no other', async () => {
    const ledger = await LedgerMark.open(folder);
    await ledger.replace({ ...mark, count: 1 });
    const handle = await open(join(folder, 'any'), 'w');
    const prototype = Object.getPrototypeOf(handle) as FileHandle;
    await handle.close();
    vi.spyOn(prototype, 'datasync').mockRejectedValueOnce(new Error('ENOSPC'));
    await expect(ledger.advance({ ...mark, count: 2 })).rejects.toThrow('ENOSPC');
    appendFileSync(join(folder, 'signer', 'ledger.mark'), '{"count":2,"sequ');
    await ledger.advance(mark);
    await ledger.close();
    expect((await reopened()).mark).toEqual(mark);
  });

  it('keeps a quarantine over restarts, and also when the note of it is damaged', async () => {
    const ledger = await LedgerMark.open(folder);
    await ledger.enterQuarantine({ sinceMs: 5, reason: 'ledger_behind_mark' });
    expect((await reopened()).quarantine).toEqual({ sinceMs: 5, reason: 'ledger_behind_mark' });
    writeFileSync(join(folder, 'signer', 'quarantine.json'), '{"sin');
    expect((await reopened()).quarantine?.reason).toBe('note_damaged');
    await ledger.leaveQuarantine(mark);
    expect((await reopened()).quarantine).toBeUndefined();
    await ledger.close();
  });

  it.each([
    ['holds everything', {}, undefined],
    ['holds more', { count: 9, newest: { ...row, sequence: 20 } }, undefined],
    ['holds fewer rows', { count: 4 }, 'ledger_behind_mark'],
    ['lacks the newest row', { marked: null }, 'ledger_behind_mark'],
    ['holds another row in its place', { marked: { ...row, digest: '0x02' } }, 'ledger_differs_from_mark'],
    ['has been restored', { clusterEpoch: 2 }, 'cluster_epoch_changed'],
  ] as const)('against a database that %s', (_case, over, reason) => {
    expect(whyBehind({ ...facts, ...over }, mark)).toBe(reason);
  });

  it('may be missing only while nothing has ever been signed', () => {
    expect(whyBehind({ ...facts, count: 0, newest: null, marked: null }, undefined)).toBeUndefined();
    expect(whyBehind(facts, undefined)).toBe('mark_missing');
  });
});
