// The broadcaster as a process, killed with SIGKILL between every two steps: one transfer, and the hash it had.
import { spawn } from 'node:child_process';
import { resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startSettling, type Settling } from '../../support/settling.js';

/** Each point ten times with `PURSER_SCALE=full`; the same points are gone through ten times in process by broadcaster.spec.ts. */
const ROUNDS = process.env['PURSER_SCALE'] === 'full' ? 10 : 2;
const PROGRAM = resolve(import.meta.dirname, '../../../dist/test/support/mortal-broadcaster.js');

let settling: Settling;
beforeAll(async () => {
  settling = await startSettling({ mining: 'automine', slotsInAnEpoch: 8 });
});
afterAll(async () => {
  const violations = await settling.violations();
  await settling.close();
  expect(violations).toEqual([]);
});

/** Until it has come to the step, and then no further. */
async function killedAt(step: string): Promise<void> {
  const database = new URL(settling.bench.database.url);
  database.username = 'purser_system';
  const child = spawn(process.execPath, [PROGRAM], {
    env: {
      PATH: process.env['PATH'],
      RPC_URL: settling.url,
      DATABASE_URL: database.href,
      KEYS: settling.signer.privateKeys.join(','),
      STOP_AT: step,
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const blocks = setInterval(() => void settling.node('anvil_mine', '0x14').catch(() => undefined), 300);
  try {
    await new Promise<void>((stopped, failed) => {
      child.once('exit', () => failed(new Error('the broadcaster ended by itself; is dist/ built?')));
      child.stdout.once('data', () => stopped());
    });
  } finally {
    clearInterval(blocks);
    const gone = new Promise((ended) => child.once('exit', ended));
    child.kill('SIGKILL');
    if (child.exitCode === null && child.signalCode === null) await gone;
  }
}

describe('a broadcaster killed', () => {
  it.each([
    'before intend',
    'after intend',
    'after signBroadcast',
    'after attempted',
    'after send',
    'before mined',
    'after mined',
    'before finalized',
    'after finalized',
  ])('%s has paid once, in the transaction it had signed', async (step) => {
    for (let round = 0; round < ROUNDS; round += 1) {
      const payer = await settling.aPayer();
      const transfers = Array.from({ length: 1 + (round % 3) }, () => payer.authorize());
      await Promise.all(transfers.map((transfer) => settling.claim(transfer)));
      await killedAt(step);
      const unfinished = await settling.store.unfinished(settling.chain.network);
      const known = unfinished.find((it) => it.transfers.some((carried) => carried.from === payer.address));
      const views = await settling.settle(settling.broadcaster(), transfers);
      expect(views.every((it) => it.status === 'settled')).toBe(true);
      // Bytes that were stored are the bytes that are mined.
      const signed = known?.attempts.map((attempt) => attempt.txHash) ?? [];
      if (signed.length > 0) expect(signed).toContain(views[0]?.txHash);
      expect(await settling.chargesOf(payer)).toBe(transfers.length);
    }
  });
});
