// Buying from sellers made of the stock SDK in the ways that are not the usual one: through Permit2 for a price, up to a ceiling of which part is
// charged, and before delivery. Every process is real.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../../apps/local/src/services/index.js';
import { chargesOf } from '../support/chain.js';
import { allowPermit2 } from '../support/permit2.js';
import {
  CEILING,
  PRICE,
  startPermit2Seller,
  UPFRONT_PRICE,
  type Permit2Seller,
} from '../support/permit2-seller.js';
import { Admin, Agent, call, freshKey, type Answer } from './support/client.js';
import { TestStack, until } from './support/stack.js';

let stack: TestStack;
let seller: Permit2Seller;
let agent: Agent;
let admin: Admin;
let base: string;

beforeAll(async () => {
  const port = await freePort();
  base = `http://127.0.0.1:${port}`;
  stack = await TestStack.start({ blockTime: 1, allow: [`127.0.0.1:${port}`] });
  seller = await startPermit2Seller(stack.file.rpcUrl, port);
  agent = new Agent(() => stack.file, stack.file.agent);
  admin = new Admin(() => stack.file);
}, 180_000);
afterAll(async () => {
  await seller?.close();
  await stack?.stop();
});

const buy = (path: string, max: bigint): Promise<Answer> =>
  call(`${stack.file.apiUrl}/purser/v1/operations`, 'POST', {
    headers: { ...agent.headers, 'idempotency-key': freshKey('permit2') },
    body: {
      kind: 'purchase',
      url: `${base}${path}`,
      method: 'GET',
      max_amount: max.toString(),
      wait_ms: 30_000,
    },
  });
const look = async (id: string) =>
  (await call(`${stack.file.apiUrl}/purser/v1/operations/${id}`, 'GET', { headers: agent.headers })).body;
const final = async (id: string) => {
  await until(async () => (await look(id)).finality === 'final', 60_000, 'finality');
  return look(id);
};
const charges = async (): Promise<readonly bigint[]> =>
  (await chargesOf(stack.file.walletAddress, stack.file.rpcUrl))
    .filter((it) => it.to.toLowerCase() === seller.payTo.toLowerCase())
    .map((it) => it.valueAtomic);
const held = async (): Promise<string> => {
  const { items } = await admin.must('GET', `/agents/${stack.file.agent.id}/budgets`);
  return items.find((it: { unit: string; node: string }) => it.unit === 'USD6' && it.node === 'agent').held;
};

describe('a purchase through Permit2', () => {
  it('is refused before anything is signed while Permit2 may move nothing, and says so', async () => {
    const answer = await buy('/exact', PRICE);
    expect(answer.status).toBe(422);
    expect(answer.body.error).toMatchObject({
      code: 'permit2_allowance_required',
      details: { allowance: '0', needed: PRICE.toString(), wallet: stack.file.walletAddress.toLowerCase() },
    });
    expect(await charges()).toEqual([]);
    expect(await held()).toBe('0');
  });

  it('pays a price once, and becomes final', async () => {
    await allowPermit2(stack.file.rpcUrl, stack.file.walletAddress);
    const answer = await buy('/exact', PRICE);
    expect(answer.body).toMatchObject({ seller_accepted: true, transfer_method: 'permit2' });
    expect(answer.status).toBe(201);
    expect(await final(answer.body.operation_id)).toMatchObject({
      status: 'settled',
      charged: PRICE.toString(),
      settled: true,
    });
    expect(await charges()).toEqual([PRICE]);
  });

  it('takes no ceiling where policy does not say so', async () => {
    const answer = await buy('/upto?charge=1', CEILING);
    expect(answer.body.error).toMatchObject({
      code: 'policy_refused',
      details: { rule: 'scheme_not_allowed', scheme: 'upto' },
    });
  });

  it('captures of a ceiling what the chain says was charged, and frees the rest', async () => {
    await admin.must('PUT', '/workspace/policy', { allow_upto: true });
    const answer = await buy('/upto?charge=12345', CEILING);
    expect(answer.body).toMatchObject({ seller_accepted: true, amount: CEILING.toString() });
    expect(await final(answer.body.operation_id)).toMatchObject({
      status: 'settled',
      charged: '12345',
      transfer_method: 'upto',
    });
    expect(await charges()).toEqual([PRICE, 12_345n]);
    expect(await held()).toBe('0');
  });

  it('ends by proof where nothing is charged, and frees everything', async () => {
    const answer = await buy('/upto?charge=0', CEILING);
    const id: string = answer.body.operation_id;
    expect(await look(id)).toMatchObject({ status: 'authorized', settled: false });
    expect(await held()).toBe(CEILING.toString());
    await until(async () => (await look(id)).status === 'failed', 120_000, 'expiry');
    expect(await look(id)).toMatchObject({ error: { code: 'payment_expired' } });
    expect(await held()).toBe('0');
    expect(await charges()).toEqual([PRICE, 12_345n]);
    expect(seller.delivered()).toBe(3);
  }, 150_000);

  it('is not made before delivery where policy does not say so', async () => {
    const answer = await buy('/upfront', UPFRONT_PRICE);
    expect(answer.body.error).toMatchObject({
      code: 'policy_refused',
      details: { rule: 'payment_flow_not_allowed', payment_flow: 'upfront' },
    });
    expect(await charges()).toEqual([PRICE, 12_345n]);
  });

  it('is paid, and not delivered, where policy does and the seller then fails', async () => {
    await admin.must('PUT', '/workspace/policy', { allow_upfront: true });
    const answer = await buy('/upfront', UPFRONT_PRICE);
    expect(await final(answer.body.operation_id)).toMatchObject({
      status: 'settled',
      payment_flow: 'upfront',
      seller_accepted: false,
      charged: UPFRONT_PRICE.toString(),
    });
    expect(await charges()).toEqual([PRICE, 12_345n, UPFRONT_PRICE]);
  });

  it('leaves clean books', async () => {
    const report = await stack.check();
    expect(report.violations).toEqual([]);
  });
});
