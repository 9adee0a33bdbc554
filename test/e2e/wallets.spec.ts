// Wallets with every process real: topped up by hand and by policy, and what they signed killed on chain.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LOCAL_NETWORK, LOCAL_TOKEN } from '../../apps/local/src/chain.js';
import { chargesOf, mintUsdc } from '../support/chain.js';
import { Admin, Agent, call, freshKey, type Answer } from './support/client.js';
import { TestStack, until } from './support/stack.js';

const PLACE = { network: LOCAL_NETWORK, asset: LOCAL_TOKEN };

let stack: TestStack;
let admin: Admin;
let agent: Agent;
let treasury: { wallet_id: string; address: `0x${string}` };
let own: typeof treasury;

const shown = async ({ wallet_id: id } = own) => admin.must('GET', `/wallets/${id}`);
const available = async (wallet = own): Promise<string> =>
  ((await shown(wallet)).balances as { token: string; available: string }[]).find(
    (it) => it.token === LOCAL_TOKEN.toLowerCase(),
  )?.available ?? 'unread';
const confirm = (key: string, body: object): Promise<Answer> =>
  call(`${stack.file.apiUrl}/purser/v1/wallets/${own.wallet_id}/top-ups`, 'POST', {
    headers: { authorization: `Bearer ${stack.file.adminKey}`, 'idempotency-key': key },
    body: { ...PLACE, ...body, wait_ms: 30_000 },
  });

beforeAll(async () => {
  stack = await TestStack.start({ blockTime: 1 });
  admin = new Admin(() => stack.file);
  agent = new Agent(() => stack.file, stack.file.agent);
  treasury = await admin.must('POST', '/wallets', { role: 'treasury' });
  own = await admin.must('POST', '/wallets', { agent_id: stack.file.agent.id });
  await mintUsdc(stack.file.rpcUrl, treasury.address, 10_000_000n);
  await until(async () => (await available(treasury)) === '10000000', 20_000, 'the treasury is funded');
});
afterAll(() => stack?.stop());

describe('a top-up by hand', () => {
  it('is refused without a cap of its own', async () => {
    const { digest } = await admin.must('POST', `/wallets/${own.wallet_id}/top-ups/prepare`, {
      ...PLACE,
      amount: '5',
    });
    const refused = await confirm(freshKey('capless'), { amount: '5', digest });
    expect([refused.status, refused.body.error.code]).toEqual([422, 'no_budget']);
    await admin.must('PUT', '/workspace/budgets', { unit: 'TOP_UP_USD6', limits: { day: '9000000' } });
  });

  it('is shown, confirmed and on chain once, and no budget for payments hears of it', async () => {
    const before = await admin.must('GET', `/agents/${stack.file.agent.id}/budgets`);
    const prepared = await admin.must('POST', `/wallets/${own.wallet_id}/top-ups/prepare`, {
      ...PLACE,
      amount: '1000000',
    });
    expect(prepared).toMatchObject({
      covered: true,
      from: { available: '10000000', available_after: '9000000' },
    });
    const key = freshKey('top-up');
    const [first, again] = await Promise.all([
      confirm(key, { amount: '1000000', digest: prepared.digest }),
      confirm(key, { amount: '1000000', digest: prepared.digest }),
    ]);
    expect(new Set([first.status, again.status]), JSON.stringify(first.body)).toEqual(new Set([200, 201]));
    expect(first.body).toMatchObject({ kind: 'top_up', settled: true, pay_to: own.address });
    expect(again.body.operation_id).toBe(first.body.operation_id);
    const sent = await chargesOf(treasury.address, stack.file.rpcUrl);
    expect(sent.map((it) => [it.to.toLowerCase(), it.valueAtomic])).toEqual([[own.address, 1_000_000n]]);
    await until(async () => (await available()) === '1000000', 20_000, 'the wallet shows it');
    const after = await admin.must('GET', `/agents/${stack.file.agent.id}/budgets`);
    const payments = (it: typeof before) =>
      (it.items as { unit: string }[]).filter((row) => row.unit === 'USD6');
    expect(payments(after)).toEqual(payments(before));
  });
});

describe('a float policy', () => {
  it('fills the wallet when a payment leaves too little, up to its cap, and can be stopped', async () => {
    const float = { ...PLACE, min: '995000', target: '1000000', cap_per_day: '12000' };
    const set = await admin.must('PUT', `/wallets/${own.wallet_id}/float`, float);
    expect(set.floats).toMatchObject([{ enabled: true, sent_today: '0', operation_id: null }]);
    const buy = async () => {
      const url = `${stack.file.sellers['v2']?.url ?? ''}/weather`;
      const bought = await agent.purchase(freshKey('buy'), { url, max_amount: '20000' });
      expect(bought.status, JSON.stringify(bought.body)).toBe(200);
    };
    await buy();
    await until(async () => (await available()) === '1000000', 40_000, 'the wallet is filled');
    const filled = (await shown()).floats[0];
    expect(filled).toMatchObject({ sent_today: '10000' });
    await until(async () => (await shown()).floats[0].operation_id === null, 40_000, 'the top-up is final');
    const { last_operation_id: id } = (await shown()).floats[0];
    const events = await admin.must('GET', `/operations/${id as string}/events`);
    expect(events.items[0].actor).toEqual({ type: 'system', id: `float/${own.wallet_id}` });
    // What is left of the day's cap is less than what is lacking.
    await buy();
    await until(
      async () => (await available()) === '992000',
      40_000,
      'the wallet is filled as far as the cap goes',
    );
    expect((await shown()).floats[0]).toMatchObject({ sent_today: '12000' });
    await buy();
    await until(async () => (await available()) === '982000', 20_000, 'the payment is seen');
    await new Promise((resolve) => setTimeout(resolve, 4_000));
    expect(await chargesOf(treasury.address, stack.file.rpcUrl)).toHaveLength(3);
    const stopped = await admin.must('POST', `/wallets/${own.wallet_id}/float/stop`, PLACE);
    expect(stopped.floats).toMatchObject([{ enabled: false }]);
  });

  it('does nothing while its agent is stopped, and says so', async () => {
    await admin.must('POST', `/agents/${stack.file.agent.id}/pause`, {});
    await admin.must('PUT', `/wallets/${own.wallet_id}/float`, {
      ...PLACE,
      min: '995000',
      target: '1000000',
      cap_per_day: '500000',
    });
    await until(
      async () => (await shown()).floats[0].problem === 'agent_paused',
      20_000,
      'the problem shows',
    );
    expect(await chargesOf(treasury.address, stack.file.rpcUrl)).toHaveLength(3);
    await admin.must('POST', `/agents/${stack.file.agent.id}/resume`, {});
  });
});

const url = () => `${stack.file.sellers['v2']?.url ?? ''}/weather`;
const kill = (id: string) =>
  agent.post(`/purser/v1/operations/${id}/cancel`, { on_chain: true, reason: 'wrong shop' });
const operation = (id: string) => admin.must('GET', `/operations/${id}`);
const isOver = async (id: string): Promise<boolean> =>
  ['settled', 'failed'].includes((await operation(id)).status as string);
const heldNow = async () => {
  const { items } = await admin.must('GET', `/agents/${stack.file.agent.id}/budgets`);
  return (items as { unit: string; held: string }[]).find((it) => it.unit === 'USD6')?.held;
};
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

const authorize = async () => {
  const made = await call(`${stack.file.apiUrl}/purser/v1/operations`, 'POST', {
    headers: { ...agent.headers, 'idempotency-key': freshKey('authorize') },
    body: { kind: 'authorize', url: url(), max_amount: '20000', wait_ms: 30_000 },
  });
  expect(made.status, JSON.stringify(made.body)).toBe(201);
  const { header_name: name, header } = made.body.payment as { header_name: string; header: string };
  return {
    id: made.body.operation_id as string,
    redeem: () => fetch(url(), { headers: { [name]: header } }),
  };
};

describe('a live authorization', () => {
  it('is dead for its seller once the chain has cancelled it, and its budget free at finality', async () => {
    await until(async () => (await heldNow()) === '0', 60_000, 'nothing is held');
    const { id, redeem } = await authorize();
    const plain = await agent.post(`/purser/v1/operations/${id}/cancel`, {});
    expect([plain.status, plain.body.error.code]).toEqual([409, 'too_late']);
    const asked = await kill(id);
    expect([asked.status, asked.body.status], JSON.stringify(asked.body)).toEqual([200, 'authorized']);
    expect(asked.body.cancellation).toMatchObject({ reason: 'wrong shop' });
    await until(async () => (await operation(id)).status === 'failed', 60_000, 'the chain has cancelled it');
    expect((await operation(id)).error.code).toBe('payment_voided');
    expect(await heldNow()).toBe('0');
    expect((await redeem()).status).toBe(402);
    const again = await kill(id);
    expect([again.status, again.body.error.code]).toEqual([409, 'too_late']);
  });

  it('is paid or dead, never both, in six races with its seller', async () => {
    const before = (await chargesOf(own.address, stack.file.rpcUrl)).length;
    const six = await Promise.all(Array.from({ length: 6 }, authorize));
    const goods = await Promise.all(
      six.map(async ({ id, redeem }, n) => {
        // The first has its goods before anybody wants it dead, the last is dead before it is shown; the others race.
        if (n === 0) return redeem().then(({ status }) => kill(id).then(() => status));
        if (n === 5) {
          await kill(id);
          await until(() => isOver(id), 60_000, 'the kill is final');
          return (await redeem()).status;
        }
        const [answer] = await Promise.all([
          pause(n % 2 === 0 ? 0 : 900).then(redeem),
          pause(n % 2 === 0 ? 900 : 0).then(() => kill(id)),
        ]);
        return answer.status;
      }),
    );
    const ended = async () =>
      (await Promise.all(six.map(({ id }) => operation(id)))).map((it) => it.status as string);
    await until(
      async () => (await ended()).every((it) => it === 'settled' || it === 'failed'),
      90_000,
      'all races are decided',
    );
    const settled = (await ended()).filter((it) => it === 'settled').length;
    expect((await chargesOf(own.address, stack.file.rpcUrl)).length).toBe(before + settled);
    expect(goods.filter((it) => it === 200).length).toBeLessThanOrEqual(settled);
    expect(settled).toBeGreaterThan(0);
    expect(settled).toBeLessThan(6);
    expect(await heldNow()).toBe('0');
  });
});

it('leaves books that add up', async () => {
  const report = await stack.check();
  expect(report.violations).toEqual([]);
});
