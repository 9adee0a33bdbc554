// The kill switch with every process real: buyers at two APIs and two workers run into stops of every scope, processes die while approvals are released,
// and what is live is killed on chain. The checker judges S17 from the books.
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Admin, Agent, call, freshKey, type Answer } from './support/client.js';
import { TestStack, until } from './support/stack.js';

let stack: TestStack;
let admin: Admin;
let agent: Agent;

beforeAll(async () => {
  stack = await TestStack.start({ apis: 2, workers: 2, blockTime: 1 });
  admin = new Admin(() => stack.file);
  agent = new Agent(() => stack.file, stack.file.agent);
  await admin.must('PUT', '/workspace/policy', { duplicate_window_sec: 0 });
}, 120_000);
afterAll(() => stack?.stop());

const weather = (): string => `${stack.file.sellers['v1']?.url}/weather?${randomUUID()}`;
const host = (): string => new URL(weather()).hostname;
const payee = (): string => String(stack.file.sellers['v1']?.payTo);
const max_amount = '10000';

/** Natively, without waiting. */
function submit(kind: 'purchase' | 'authorize'): Promise<Answer> {
  return call(`${stack.file.apiUrl}/purser/v1/operations`, 'POST', {
    headers: { authorization: `Bearer ${stack.file.agent.apiKey}`, 'idempotency-key': freshKey('stop') },
    body: { kind, url: weather(), max_amount, wait_ms: kind === 'purchase' ? 0 : 10_000 },
  });
}
const look = async (id: string): Promise<Answer['body']> => admin.must('GET', `/operations/${id}`);

interface Way {
  readonly stop: string;
  readonly body?: object;
  /** Absent: by the stop's id. */
  readonly resume?: string;
}
const of = (path: string): Way => ({ stop: `${path}/pause`, resume: `${path}/resume` });

describe('a stop', () => {
  it.each<[string, () => Way]>([
    ['agent', () => of(`/agents/${stack.file.agent.id}`)],
    ['workspace', () => of('/workspace')],
    ['global', () => of('/system')],
    ['payee', () => ({ stop: '/stops', body: { payee: payee() } })],
    ['host', () => ({ stop: '/stops', body: { host: host() } })],
    ['payee everywhere', () => ({ stop: '/system/stops', body: { payee: payee() } })],
  ])('lets nothing be authorized in its scope while payments are under way: %s', async (_, way) => {
    const { stop, body, resume } = way();
    const ending = new AbortController();
    const bought: (number | null)[] = [];
    const buyers = Array.from({ length: 6 }, async (_each, number) => {
      for (let n = 0; !ending.signal.aborted && n < 40; n += 1) {
        const answer = await agent.purchase(freshKey('race'), { url: weather(), max_amount }, number % 2);
        bought.push(answer.status);
      }
    });
    await until(() => Promise.resolve(bought.length > 6), 60_000, 'buyers buy');
    const stopped = await admin.must('POST', stop, { ...body, reason: 'drill' });
    expect(stopped).toMatchObject({ paused: true, reason: 'drill', carried_out: true });
    // Whoever asks from now on is refused; whatever was under way is in the list or comes to nothing.
    const refused = await agent.purchase(freshKey('race'), { url: weather(), max_amount });
    expect([401, 403]).toContain(refused.status);
    const { items } = await admin.must('GET', '/stops');
    expect(items).toMatchObject([{ stop_id: stopped.stop_id }]);
    await new Promise((done) => setTimeout(done, 1_000));
    ending.abort();
    await admin.must('POST', resume ?? `${stop}/${stopped.stop_id}/resume`, {});
    await Promise.all(buyers);
    expect((await agent.purchase(freshKey('race'), { url: weather(), max_amount })).status).toBe(200);
    expect(bought).toContain(200);
  });

  it('releases every approval in its scope, also when API and workers die over it', async () => {
    await admin.must('PUT', '/workspace/policy', { approval_threshold: '1', duplicate_window_sec: 0 });
    const ids: string[] = [];
    for (let start = 0; start < 240; start += 40) {
      const answers = await Promise.all(Array.from({ length: 40 }, () => submit('purchase')));
      ids.push(...answers.map((it) => String(it.body.operation_id)));
    }
    await until(
      async () => (await Promise.all(ids.map(look))).every((it) => it.status === 'awaiting_approval'),
      60_000,
      'everybody waits for a person',
    );
    const asked = admin.call('POST', '/stops', { payee: payee(), reason: 'drill' });
    const kills = (
      [
        ['api', 30],
        ['worker', 200],
        ['worker', 400],
        ['api', 600],
      ] as const
    ).map(async ([role, afterMs]) => {
      await new Promise((done) => setTimeout(done, afterMs));
      stack.kill(role);
    });
    await asked;
    await Promise.all(kills);
    let stop: Answer['body'];
    await until(
      async () => {
        const again = await admin.call('POST', '/stops', { payee: payee(), reason: 'drill' });
        stop = again.status === 200 ? again.body : undefined;
        return stop?.carried_out === true;
      },
      60_000,
      'the stop is carried out',
    );
    for (const operation of await Promise.all(ids.map(look)))
      expect(operation).toMatchObject({ status: 'cancelled', error: { code: 'operation_cancelled' } });
    const { items } = await admin.must('GET', `/agents/${stack.file.agent.id}/budgets`);
    const own = (items as { layer: string; unit: string; held: string }[]).find(
      (it) => it.layer === 'payments' && it.unit === 'USD6',
    );
    await admin.must('POST', `/stops/${stop.stop_id}/resume`, {});
    await admin.must('PUT', '/workspace/policy', { duplicate_window_sec: 0 });
    // What was signed in the rounds before may still be held until it is final.
    expect(BigInt(own?.held ?? -1)).toBeLessThan(BigInt(ids.length) * 10_000n);
  });

  it('has what is live killed on chain where that is wished for, and says what was too late', async () => {
    const signed = await Promise.all(Array.from({ length: 5 }, () => submit('authorize')));
    const ids = signed.map((it) => String(it.body.operation_id));
    const stopped = await admin.must('POST', '/stops', { payee: payee(), cancel_on_chain: true });
    const live = new Map(
      (stopped.still_live as { operation_id: string; cancellation: string }[]).map((it) => [
        it.operation_id,
        it.cancellation,
      ]),
    );
    for (const id of ids) expect(live.get(id)).toBe('requested');
    await until(
      async () => (await Promise.all(ids.map(look))).every((it) => it.status === 'failed'),
      60_000,
      'the chain has killed them',
    );
    for (const id of ids) expect(await look(id)).toMatchObject({ error: { code: 'payment_voided' } });
    await admin.must('POST', `/stops/${stopped.stop_id}/resume`, {});
  });

  it('of a killed agent is for ever', async () => {
    const made = await admin.must('POST', '/agents', { name: 'doomed' });
    const { secret } = await admin.must('POST', '/keys', {
      role: 'agent',
      agent_id: made.agent_id,
      person: 'ann',
    });
    const headers = { authorization: `Bearer ${secret}` };
    expect((await call(`${stack.file.apiUrl}/purser/v1/operations`, 'GET', { headers })).status).toBe(200);
    const killed = await admin.must('POST', `/agents/${made.agent_id}/kill`, { reason: 'leaked' });
    expect(killed).toMatchObject({ final: true, carried_out: true });
    expect((await call(`${stack.file.apiUrl}/purser/v1/operations`, 'GET', { headers })).status).toBe(401);
    expect((await admin.call('POST', `/agents/${made.agent_id}/resume`, {})).body.error.code).toBe(
      'agent_disabled',
    );
  });

  it('leaves books that add up, and no intent between a stop and its end', async () => {
    expect((await stack.check()).violations).toEqual([]);
  });
});
