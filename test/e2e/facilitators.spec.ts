// Facilitators of others, with every process real: the reference one, ours as another tenant is served by it, and those that take a payment and lie
// about it. One authorization per operation, one charge at most, and the final state is what the chain says.
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { HTTPFacilitatorClient } from '@x402/core/server';
import type { x402Facilitator } from '@x402/core/facilitator';
import type { Hex } from 'viem';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LOCAL_NETWORK, LOCAL_TOKEN } from '../../apps/local/src/chain.js';
import { newCounters } from '../../apps/local/src/sellers/seller.js';
import { startFacilitator } from '../../apps/local/src/sellers/facilitator.js';
import { startExpressSeller, type Seller } from '../../apps/local/src/sellers/index.js';
import { freePort } from '../../apps/local/src/services/index.js';
import { chargesOf, mintUsdc } from '../support/chain.js';
import {
  HOSTILE_CONDUCTS,
  startHttpFacilitators,
  type HttpFacilitators,
} from '../support/http-facilitators.js';
import { Admin, Agent, call, freshKey, type Answer } from './support/client.js';
import { FULL, TestStack, until } from './support/stack.js';

const TOKEN = 'facilitator-token-canary';
const payees = new Map<string, string>();
let stack: TestStack;
let agent: Agent;
let facilitators: HttpFacilitators;
let sellers: Map<string, Seller>;
let reference: Promise<x402Facilitator> | undefined;
let another: Hex;
let secret: string;

/** Each operation pays a payee of its own, so that charges are counted one by one. */
function payeeOf(name: string): string {
  const known = payees.get(name) ?? `0x5e11e7${(payees.size + 1).toString(16).padStart(34, '0')}`;
  payees.set(name, known);
  return known;
}

const settle = (name: string, changes: Record<string, unknown> = {}): Promise<Answer> =>
  call(`${stack.file.apiUrl}/purser/v1/operations`, 'POST', {
    headers: { ...agent.headers, 'idempotency-key': `key-${name}` },
    body: {
      kind: 'settle',
      settle: 'facilitator',
      url: `https://invoice.example/${name}`,
      expect: { pay_to: payeeOf(name), amount: '1000', network: LOCAL_NETWORK, asset: LOCAL_TOKEN },
      wait_ms: 20_000,
      ...changes,
    },
  });
const chargesTo = async (payee: string): Promise<number> =>
  (await chargesOf(stack.file.walletAddress, stack.file.rpcUrl)).filter(
    (it) => it.to.toLowerCase() === payee.toLowerCase(),
  ).length;
const shownFor = (name: string): number =>
  facilitators.shown.get(`https://invoice.example/${name}`)?.size ?? 0;
const statusOf = async (id: string): Promise<string> =>
  (await agent.get(`/purser/v1/operations/${id}`)).body.status as string;

beforeAll(async () => {
  const conducts = [
    'foreign_hash',
    'fails_then_mines',
    'bad_gateway_after_mining',
    'reset_after_mining',
  ] as const;
  const ports = new Map<string, number>();
  for (const name of [...conducts, 'reference']) ports.set(name, await freePort());
  facilitators = await startHttpFacilitators({
    rpcUrl: () => stack.file.rpcUrl,
    token: LOCAL_TOKEN,
    another: () => another,
    reference: () => (reference ??= startFacilitator(stack.file.rpcUrl, newCounters())),
    own: () => ({ url: `${stack.file.apiUrl}/facilitator`, secret }),
  });
  const urls = [facilitators.url('hostile'), facilitators.url('reference'), facilitators.url('own')];
  stack = await TestStack.start({
    blockTime: 1,
    allow: [facilitators.host, ...[...ports.values()].map((port) => `127.0.0.1:${port}`)],
    env: {
      PURSER_SETTLE_FACILITATORS: `local=${urls.join(',')}`,
      PURSER_SETTLE_FACILITATOR_TOKENS: `${facilitators.host}=${TOKEN}`,
    },
  });
  agent = new Agent(() => stack.file, stack.file.agent);
  facilitators.kill = () => void stack.kill('worker');
  const admin = new Admin(() => stack.file);
  const other = await admin.must('POST', '/workspaces', {
    name: 'other',
    admin_person: 'other@example.test',
  });
  secret = other.secret as string;
  another = await mintUsdc(stack.file.rpcUrl, '0x00000000000000000000000000000000000000aa', 1n);
  const { rpcUrl } = stack.file;
  const made = await Promise.all(
    [...ports].map(async ([name, port]) => {
      const url = facilitators.url(name === 'reference' ? 'reference' : `as/${name as 'foreign_hash'}`);
      const facilitator = new HTTPFacilitatorClient({ url });
      return [name, await startExpressSeller({ rpcUrl, port, facilitator })] as const;
    }),
  );
  sellers = new Map(made);
});
afterAll(async () => {
  for (const seller of sellers?.values() ?? []) await seller.stop();
  await stack?.stop();
  await facilitators?.close();
});

async function isPaidOnce(name: string): Promise<void> {
  const first = await settle(name);
  expect(first.status).not.toBe(402);
  const ask = (): Promise<Answer> => settle(name, { wait_ms: 0 });
  await until(async () => (await ask()).body?.settled === true, 150_000, `${name} is settled`);
  const id = (await ask()).body.operation_id as string;
  await until(async () => (await statusOf(id)) === 'settled', 60_000, `${name} is final`);
  expect(await chargesTo(payeeOf(name))).toBe(1);
  expect(shownFor(name), 'one signature, however often and to whom it was shown').toBe(1);
  const { items } = (await agent.get(`/purser/v1/operations/${id}/events`)).body;
  const types = (items as readonly { type: string }[]).map((it) => it.type);
  expect(types.filter((it) => it === 'AuthorizationPrepared')).toHaveLength(1);
  expect(types.indexOf('SettlementHandedOver')).toBeGreaterThan(types.indexOf('AuthorizationSigned'));
}

/** Behind a stock seller each takes a quarter of a minute or a whole one. */
const AT_SELLERS = (
  ['fails_then_mines', 'reset_after_mining', 'foreign_hash', 'bad_gateway_after_mining'] as const
).slice(0, FULL ? 4 : 2);

describe('hostile facilitators', () => {
  const names = HOSTILE_CONDUCTS.flatMap((conduct) => [`${conduct}/calm`, `${conduct}/killed`]);
  const outcomes = new Map<string, Promise<unknown>>();

  beforeAll(() => {
    // All under way at once; one after the other some kill the worker that has just shown the payment.
    names.forEach((name, index) => {
      if (name.endsWith('killed')) facilitators.killAt.add(`https://invoice.example/${name}`);
      const begun = new Promise((done) => setTimeout(done, index * 1_000)).then(() => isPaidOnce(name));
      outcomes.set(
        name,
        begun.catch((error: unknown) => error),
      );
    });
  });

  it.each(names)('%s: one authorization, one charge, and the operation follows the chain', async (name) => {
    expect(await outcomes.get(name)).toBeUndefined();
  });
});

describe('after all of them', () => {
  it('goes to the reference facilitator of @x402/core, in v2 and for a v1 challenge', async () => {
    facilitators.only('reference');
    const named = await settle('reference/v2');
    expect(named.status, JSON.stringify(named.body)).toBe(201);
    expect(named.body).toMatchObject({ kind: 'settle', settled: true, pay_to: payeeOf('reference/v2') });
    const offer = {
      scheme: 'exact',
      network: 'base-sepolia',
      maxAmountRequired: '1000',
      asset: LOCAL_TOKEN,
      payTo: payeeOf('reference/v1'),
      resource: 'https://invoice.example/reference/v1',
      description: 'an invoice',
      mimeType: '',
      maxTimeoutSeconds: 60,
      extra: { name: 'USDC', version: '2' },
    };
    const brought = await settle('reference/v1', { challenge: { x402Version: 1, accepts: [offer] } });
    expect(brought.status, JSON.stringify(brought.body)).toBe(201);
    expect(await chargesTo(payeeOf('reference/v1'))).toBe(1);
    expect(await chargesTo(payeeOf('reference/v2'))).toBe(1);
  });

  it('goes through our own facilitator, where another tenant keeps a key', async () => {
    facilitators.only('own');
    const answer = await settle('own/1');
    expect(answer.status, JSON.stringify(answer.body)).toBe(201);
    expect(answer.body.settled).toBe(true);
    expect(await chargesTo(payeeOf('own/1'))).toBe(1);
  });

  it('buys from a stock seller whose facilitator is the reference one', async () => {
    facilitators.only('reference');
    const { url } = sellers.get('reference') as Seller;
    const answer = await agent.purchase(freshKey('stock'), { url: `${url}/weather`, max_amount: '10000' });
    expect(answer.status, JSON.stringify(answer.body)).toBe(200);
    expect(answer.body).toMatchObject({ settled: true, seller_accepted: true });
  });

  it.each(AT_SELLERS)(
    'pays a stock seller once, or provably not, whose facilitator knows %s, while workers are killed',
    async (conduct) => {
      // So that what nobody settles is over soon.
      await new Admin(() => stack.file).must('PUT', '/workspace/policy', { max_validity_sec: 60 });
      const { url, payTo } = sellers.get(conduct) as Seller;
      const key = freshKey(conduct);
      const body = { url: `${url}/weather`, max_amount: '10000', timeout_ms: 5_000 };
      const asking = agent.purchaseUntilAnswered(key, body);
      await new Promise((done) => setTimeout(done, 700));
      stack.kill('worker');
      const answer = await asking;
      expect(answer.status).not.toBe(402);
      const id = answer.body.operation_id as string;
      const end = conduct === 'foreign_hash' ? 'failed' : 'settled';
      await until(async () => (await statusOf(id)) === end, 120_000, `${conduct}: ${end}`);
      expect(await chargesTo(payTo)).toBe(end === 'settled' ? 1 : 0);
    },
  );

  it('leaves books that add up, and neither signature nor token in any log', async () => {
    const report = await stack.check();
    expect(report.violations).toEqual([]);
    const folder = join(stack.home, 'logs');
    const ours = readdirSync(folder).filter((file) => /^(api|worker|signer)/.test(file));
    const logs = ours.map((file) => readFileSync(join(folder, file), 'utf8'));
    expect(logs).toHaveLength(3);
    const secrets = [
      TOKEN,
      ...[...facilitators.shown.values()].flatMap((it) => [...it].map((text) => text.slice(2))),
    ];
    expect(secrets.length).toBeGreaterThan(20);
    for (const text of logs) for (const it of secrets) expect(text.includes(it)).toBe(false);
    expect([...(facilitators.tokens.get('hostile') ?? [])]).toEqual([`Bearer ${TOKEN}`]);
  });
});
