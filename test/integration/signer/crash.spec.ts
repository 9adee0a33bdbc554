import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { recoverAddress } from '#evm';
import { createSignerClient } from '#runtime';
import { SignerStage, type SeededOperation } from '../../support/signer.js';

const PROGRAM = resolve(import.meta.dirname, '../../../dist/apps/signer/src/main.js');
const ROUNDS = 4;
const PER_ROUND = 300;

describe('signer process', () => {
  let stage: SignerStage;
  let child: ChildProcess | undefined;
  beforeAll(async () => {
    stage = await SignerStage.set();
    await stage.stop();
  });
  afterAll(async () => {
    child?.kill('SIGKILL');
    await stage.strike();
  });

  async function start(): Promise<ChildProcess> {
    const env = { PATH: process.env['PATH'], ...stage.environment(), LOG_LEVEL: 'info' };
    const started = spawn(process.execPath, [PROGRAM], { env, stdio: ['ignore', 'pipe', 'inherit'] });
    let output = '';
    await new Promise<void>((ready, failed) => {
      started.once('exit', () => failed(new Error(`the signer did not start; is dist/ built?\n${output}`)));
      started.stdout.on('data', (text: Buffer) => {
        output += text.toString();
        if (output.includes('signer is ready')) ready();
      });
    });
    return started;
  }

  async function ledgerRows(): Promise<number> {
    const { rows } = await stage.sql.query<{ n: number }>('SELECT count(*)::int AS n FROM signer_ledger');
    return rows[0]?.n ?? 0;
  }

  it('killed at any instruction, signs the same bytes afterwards and remembers all it ever signed', async () => {
    const before = new Map<string, string>();
    const all: SeededOperation[] = [];
    let caughtBetween = 0;
    for (let round = 0; round < ROUNDS; round += 1) {
      const operations = await stage.operations(PER_ROUND);
      all.push(...operations);
      child = await start();
      const client = createSignerClient({ socketPath: stage.socketPath });
      const rowsAtStart = await ledgerRows();
      const asked = operations.map(async (operation) => {
        const outcome = await client.sign(operation);
        if (outcome.kind === 'signed')
          before.set(operation.operationId, Buffer.from(outcome.signature).toString('hex'));
      });
      // Killed as soon as some rows are committed, a little later with each round.
      while ((await ledgerRows()) <= rowsAtStart + round * 60);
      const exited = once(child, 'exit');
      child.kill('SIGKILL');
      await exited;
      await Promise.all(asked);
      client.close();
      caughtBetween += (await ledgerRows()) - before.size;
    }
    child = await start();
    const client = createSignerClient({ socketPath: stage.socketPath });
    expect((await client.status()).quarantine).toBeNull();
    for (const operation of all) {
      const outcome = await client.sign(operation);
      if (outcome.kind !== 'signed') throw new Error(outcome.reason);
      const signature = Buffer.from(outcome.signature).toString('hex');
      expect(recoverAddress(Buffer.from(operation.digest.slice(2), 'hex'), outcome.signature)).toBe(
        stage.payer,
      );
      expect(before.get(operation.operationId) ?? signature).toBe(signature);
    }
    client.close();
    // The kills did fall between a ledger row and its answer.
    expect(caughtBetween).toBeGreaterThan(0);
    const { rows } = await stage.sql.query<{ n: number }>(
      'SELECT count(*)::int AS n FROM signer_ledger WHERE digest IS NOT NULL',
    );
    expect(rows[0]?.n).toBe(all.length);
    const left = once(child, 'exit');
    child.kill('SIGTERM');
    expect(await left).toEqual([0, null]);
    child = undefined;
  });

  it('does not start beside another one on the same socket', async () => {
    child = await start();
    const second = spawn(process.execPath, [PROGRAM], {
      env: { PATH: process.env['PATH'], ...stage.environment() },
      stdio: 'ignore',
    });
    expect(await once(second, 'exit')).toEqual([1, null]);
    child.kill('SIGTERM');
    await once(child, 'exit');
    child = undefined;
  });

  it('does not start with another derivation key than the database remembers', async () => {
    await stage.sql.query(`UPDATE cluster SET genesis = '{"keys": {"nonce": "v1:of-another-keystore"}}'`);
    const wrong = spawn(process.execPath, [PROGRAM], {
      env: {
        PATH: process.env['PATH'],
        ...stage.environment(),
        SIGNER_SOCKET: join(stage.folder, 'run', 'w.sock'),
      },
      stdio: 'ignore',
    });
    expect(await once(wrong, 'exit')).toEqual([1, null]);
  });
});
