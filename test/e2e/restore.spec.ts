// An older copy of the database is restored and callers retry what it has forgotten: the chain remembers, and every retry adopts the payment
// that was made (ruling 9, safety.md d.5.10). Nothing is paid twice, nothing is signed too early, the books still agree.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { postgresDataDir } from '../../apps/local/src/services/index.js';
import { startHostileSeller, type HostileSeller } from '../support/hostile-seller.js';
import { Admin, Agent, call, freshKey, type Answer } from './support/client.js';
import { TestStack, until, type StackFile } from './support/stack.js';

const TOKEN = '0x036CbD53842c5426634e7929541eC2318f3dCF7e';
/** The shortest a policy allows; the quarantine must outlast it. */
const VALIDITY_SEC = 30;
const QUARANTINE_SEC = 35;
const PRICE = 1_000n;

let stack: TestStack;
let seller: HostileSeller;
let folder: string;
let history: string;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'purser-restore-'));
  history = join(folder, 'history.jsonl');
  seller = await startHostileSeller({
    rpcUrl: () => stack.file.rpcUrl,
    token: TOKEN,
    priceAtomic: PRICE,
    maxTimeoutSec: VALIDITY_SEC,
  });
  stack = await TestStack.start({ blockTime: 1, allow: [seller.host] });
});
afterEach(async () => {
  await stack?.stop();
  await seller?.close();
  rmSync(folder, { recursive: true, force: true });
});

const file = (): StackFile => stack.file;
const order = (mode: string, thing: string) => ({
  url: `${seller.url}/${mode}/${thing}`,
  max_amount: PRICE.toString(),
  timeout_ms: 20_000,
});

async function statusOf(agent: Agent, id: string): Promise<Answer['body']> {
  return (await agent.get(`/v1/agent/operations/${id}?include=onchain`)).body?.operation;
}

async function executed(agent: Agent, id: string, withinMs: number): Promise<Answer['body']> {
  let operation: Answer['body'];
  await until(
    async () => {
      operation = await statusOf(agent, id);
      return operation?.status === 'executed';
    },
    withinMs,
    `operation ${id} is executed`,
  );
  return operation;
}

/** The database is gone; a fresh one is filled from the older copy. */
async function loseAndRestore(backup: string): Promise<void> {
  const { home } = stack;
  await stack.stop({ keep: true });
  rmSync(postgresDataDir(`${home}-postgres`), { recursive: true });
  await stack.command('restore', '--stack', '--from', backup, '--quarantine', String(QUARANTINE_SEC));
  stack = await TestStack.start({ blockTime: 1, allow: [seller.host], home });
}

describe('after an older copy is restored', () => {
  it(
    'a retry of a forgotten purchase adopts its payment, and new payments wait for the quarantine',
    { timeout: 600_000 },
    async () => {
      const admin = new Admin(file);
      await admin.must('PUT', '/workspace/policy', {
        approval_threshold: '200000',
        max_validity_sec: VALIDITY_SEC,
      });
      const agent = new Agent(file, file().agent, history);
      const buy = (key: string, body: ReturnType<typeof order>) => agent.purchaseUntilAnswered(key, body);

      const remembered = { key: freshKey('kept'), body: order('clean', 'kept') };
      const first = await buy(remembered.key, remembered.body);
      expect(first.body).toMatchObject({ settled: true, seller_accepted: true });
      const backup = join(folder, 'backup');
      await stack.command('backup', '--stack', '--to', backup);

      const forgotten = ['clean', 'clean', 'error_after_settle', 'second_402'].map((mode, n) => ({
        key: freshKey('lost'),
        body: order(mode, `lost-${n}`),
      }));
      const before = await Promise.all(forgotten.map(({ key, body }) => buy(key, body)));
      await until(() => Promise.resolve(seller.settled === 5), 30_000, 'all five are settled');
      const transactions = new Map<string, string>();
      for (const { body } of before) {
        const { onchain } = await executed(agent, body.operation_id, 60_000);
        transactions.set(body.operation_id, onchain.tx_hash);
      }

      await loseAndRestore(backup);

      // What the copy still knows is answered as ever; what it forgot is found on the chain, while nothing may be signed.
      expect((await buy(remembered.key, remembered.body)).body.operation_id).toBe(first.body.operation_id);
      const fresh = buy(freshKey('new'), order('clean', 'new'));
      const retried = await Promise.all(forgotten.map(({ key, body }) => buy(key, body)));
      expect(retried.map(({ body }) => body.operation_id)).toEqual(
        before.map(({ body }) => body.operation_id),
      );
      for (const { body } of retried) {
        const operation = await executed(agent, body.operation_id, 60_000);
        expect(operation.onchain.tx_hash).toBe(transactions.get(body.operation_id));
      }
      expect(seller.settled).toBe(5);
      const settledOnce = await buy(forgotten[0]?.key ?? '', forgotten[0]?.body ?? order('clean', ''));
      expect(settledOnce.body).toMatchObject({ settled: true, seller_accepted: false });

      const { body: late } = await fresh;
      await executed(agent, late.operation_id, (QUARANTINE_SEC + 60) * 1_000);
      expect(seller.settled).toBe(6);
      for (const headers of seller.presented.values()) expect(headers.size).toBe(1);
      const report = await stack.check(history);
      expect(report.violations).toEqual([]);
      expect(report.charges).toBe(6);
    },
  );

  it('an approval that the copy takes for open can no longer be decided once the chain shows it was paid', async () => {
    const admin = new Admin(file);
    await admin.must('PUT', '/workspace/policy', {
      approval_threshold: '500',
      max_validity_sec: VALIDITY_SEC,
    });
    const agent = new Agent(file, file().agent, history);
    const approver = (method: string, path: string, body?: unknown) =>
      call(`${file().apiUrl}/purser/v1/approvals/${path}`, method, {
        headers: { authorization: `Bearer ${file().approver.token}` },
        ...(body === undefined ? {} : { body }),
      });
    const key = freshKey('approved');
    const asked = await agent.purchaseUntilAnswered(key, order('clean', 'approved'));
    expect(asked.status).toBe(202);
    const backup = join(folder, 'backup');
    await stack.command('backup', '--stack', '--to', backup);
    const { digest } = (await approver('GET', asked.body.approval_id)).body;
    expect((await approver('POST', `${asked.body.approval_id}/approve`, { digest })).status).toBe(200);
    const paid = await executed(agent, asked.body.operation_id, 60_000);

    await loseAndRestore(backup);

    let again: Answer | undefined;
    await until(
      async () => {
        again = await approver('POST', `${asked.body.approval_id}/approve`, { digest });
        return again.status !== 503;
      },
      60_000,
      'the chain has been compared',
    );
    expect(again?.status).toBe(409);
    const operation = await executed(agent, asked.body.operation_id, 60_000);
    expect(operation.onchain.tx_hash).toBe(paid.onchain.tx_hash);
    expect(seller.settled).toBe(1);
    const report = await stack.check(history);
    expect(report.violations).toEqual([]);
    expect(report.charges).toBe(1);
  });
});
