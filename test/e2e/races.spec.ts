// Caps and decisions under contention, through the API: what is granted is exactly what fits (S4), and every approval has one outcome (S10).
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startHostileSeller, type HostileSeller } from '../support/hostile-seller.js';
import { Admin, Agent, call, freshKey, type Answer } from './support/client.js';
import { FULL, TestStack, until } from './support/stack.js';

const TOKEN = '0x036CbD53842c5426634e7929541eC2318f3dCF7e';
const CLIENTS = 64;
const ATTEMPTS = 400;
const FITS = 100;
const PRICE = 1_000n;
const ROUNDS = FULL ? 2_000 : 60;
const ROUNDS_AT_ONCE = 20;

let stack: TestStack;
let seller: HostileSeller;
let admin: Admin;

beforeAll(async () => {
  seller = await startHostileSeller({ rpcUrl: () => stack.file.rpcUrl, token: TOKEN });
  stack = await TestStack.start({ apis: 2, workers: 2, allow: [seller.host] });
  admin = new Admin(() => stack.file);
});
afterAll(async () => {
  await stack?.stop();
  await seller?.close();
});

async function hire(name: string, limits: Readonly<Record<string, string>>): Promise<Agent> {
  const { agent_id: id } = await admin.must('POST', '/agents', { name });
  const { secret } = await admin.must('POST', '/keys', {
    role: 'agent',
    agent_id: id,
    person: `${name}@example.test`,
  });
  await admin.must('PUT', `/agents/${id}/budgets`, { limits });
  return new Agent(() => stack.file, { id, apiKey: secret });
}

/** Runs the work with so many callers at once. */
async function crowd(size: number, work: readonly (() => Promise<void>)[]): Promise<void> {
  const queue = [...work];
  await Promise.all(
    Array.from({ length: size }, async () => {
      for (let next = queue.shift(); next; next = queue.shift()) await next();
    }),
  );
}

describe('a cap', () => {
  for (const level of ['agent', 'workspace'] as const) {
    it(`for exactly ${FITS} grants exactly ${FITS} of ${ATTEMPTS} at ${level} level`, async () => {
      const cap = { lifetime: (PRICE * BigInt(FITS)).toString() };
      const agent = await hire(`cap-${level}`, level === 'agent' ? cap : { day: '1000000000' });
      const { spent, held } = await usageOf('/workspace/budgets');
      if (level === 'workspace') {
        await admin.must('PUT', '/workspace/budgets', {
          limits: { lifetime: (spent + held + PRICE * BigInt(FITS)).toString() },
        });
      }
      const answers: Answer[] = [];
      await crowd(
        CLIENTS,
        Array.from({ length: ATTEMPTS }, (_, n) => async () => {
          const body = { url: `${seller.url}/clean/${level}-${n}`, max_amount: PRICE.toString() };
          answers.push(await agent.purchaseUntilAnswered(freshKey(`cap-${level}`), body));
        }),
      );
      const report = await stack.check();
      if (level === 'workspace') await admin.must('PUT', '/workspace/budgets', { limits: {} });
      // A granted purchase may still be on its way to its answer; what counts is who was refused.
      const granted = answers.filter((answer) => answer.status !== 403);
      const refused = answers.filter((answer) => answer.status === 403);
      for (const { status, body } of granted) expect(status, JSON.stringify(body)).toBe(200);
      expect(granted.length).toBe(FITS);
      expect(refused.length).toBe(ATTEMPTS - FITS);
      for (const { body } of refused) expect(body.error.code).toBe('limit_exceeded');
      expect(report.violations).toEqual([]);
    });
  }
});

async function usageOf(path: string): Promise<{ spent: bigint; held: bigint }> {
  const { items } = await admin.must('GET', path);
  const node = items.find((it: { unit: string }) => it.unit === 'USD6');
  const lifetime = node.windows.find((it: { window: string }) => it.window === 'lifetime');
  return { spent: BigInt(lifetime.spent), held: BigInt(node.held) };
}

describe('a decision', () => {
  it(`has one outcome in ${ROUNDS} rounds of approve, reject and cancel at once`, async () => {
    const agent = await hire('races', { day: '1000000000' });
    await admin.must('PUT', `/agents/${agent.credentials.id}/policy`, { approval_threshold: '1' });
    let approvedAndPaid = 0;
    await crowd(
      ROUNDS_AT_ONCE,
      Array.from({ length: ROUNDS }, (_, round) => async () => {
        const body = { url: `${seller.url}/clean/race-${round}`, max_amount: PRICE.toString() };
        const asked = await agent.purchaseUntilAnswered(freshKey('race'), body);
        expect(asked.status, JSON.stringify(asked.body)).toBe(202);
        const { operation_id: operationId, approval_id: approvalId } = asked.body;
        const { digest } = (await approver('GET', `/approvals/${approvalId}`)).body;
        const decisions = await Promise.all([
          approver('POST', `/approvals/${approvalId}/approve`, { digest }),
          approver('POST', `/approvals/${approvalId}/reject`, { reason: 'no' }),
          agent.post(`/purser/v1/operations/${operationId}/cancel`, { reason: 'changed my mind' }),
        ]);
        const won = decisions.filter((decision) => decision.status !== null && decision.status < 300);
        // A cancel may still come after an approval, until the intent; nothing else may win twice.
        const pair = won.length === 2 && won[0] === decisions[0] && won[1] === decisions[2];
        expect(won.length === 1 || pair, JSON.stringify(decisions.map((it) => [it.status, it.body]))).toBe(
          true,
        );
        for (const lost of decisions.filter((it) => !won.includes(it))) expect(lost.status).toBe(409);
        const path = `/v1/agent/operations/${operationId}`;
        let status = '';
        await until(
          async () => {
            status = (await agent.get(path)).body.operation.status;
            return ['submitted', 'executed', 'policy_rejected', 'cancelled'].includes(status);
          },
          60_000,
          'the decided operation moves on',
        );
        const paid = status === 'submitted' || status === 'executed';
        if (paid) approvedAndPaid += 1;
        expect(paid).toBe(won.length === 1 && won[0] === decisions[0]);
      }),
    );
    const report = await stack.check();
    expect(report.violations).toEqual([]);
    expect(approvedAndPaid).toBeLessThanOrEqual(ROUNDS);
  });

  it('is refused when the digest is another one, and the requester may not approve', async () => {
    const agent = await hire('digest', { day: '1000000000' });
    await admin.must('PUT', `/agents/${agent.credentials.id}/policy`, { approval_threshold: '1' });
    const body = { url: `${seller.url}/clean/digest`, max_amount: PRICE.toString() };
    const asked = await agent.purchaseUntilAnswered(freshKey('digest'), body);
    const path = `/approvals/${asked.body.approval_id}`;
    const { digest } = (await approver('GET', path)).body;
    const other = `${digest.startsWith('0') ? '1' : '0'}${digest.slice(1)}`;
    const refused = await approver('POST', `${path}/approve`, { digest: other });
    expect(refused.status).toBe(409);
    const { secret } = await admin.must('POST', '/keys', { role: 'approver', person: 'digest@example.test' });
    const own = await call(`${stack.file.apiUrl}/purser/v1${path}/approve`, 'POST', {
      headers: { authorization: `Bearer ${secret}` },
      body: { digest },
    });
    expect(own.status).toBe(403);
    expect((await approver('POST', `${path}/approve`, { digest })).status).toBe(200);
  });
});

function approver(method: string, path: string, body?: unknown): Promise<Answer> {
  const { apiUrl, approver: credentials } = stack.file;
  return call(`${apiUrl}/purser/v1${path}`, method, {
    headers: { authorization: `Bearer ${credentials.token}` },
    ...(body === undefined ? {} : { body }),
  });
}
