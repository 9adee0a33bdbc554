// Letting Permit2 move money of a wallet that has no ether, as an operation with a person's yes. Every process is real.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LOCAL_NETWORK, LOCAL_TOKEN } from '../../apps/local/src/chain.js';
import { freePort } from '../../apps/local/src/services/index.js';
import { chargesOf } from '../support/chain.js';
import { PRICE, startPermit2Seller, type Permit2Seller } from '../support/permit2-seller.js';
import { Admin, Agent, call, freshKey, type Answer } from './support/client.js';
import { TestStack, until } from './support/stack.js';

const PERMIT2 = '0x000000000022d473030f116ddee9f6b43ac78ba3';

let stack: TestStack;
let seller: Permit2Seller;
let agent: Agent;
let approver: Record<string, string>;
let base: string;

beforeAll(async () => {
  const port = await freePort();
  base = `http://127.0.0.1:${port}`;
  stack = await TestStack.start({ blockTime: 1, allow: [`127.0.0.1:${port}`] });
  seller = await startPermit2Seller(stack.file.rpcUrl, port);
  agent = new Agent(() => stack.file, stack.file.agent);
  const { secret } = await new Admin(() => stack.file).must('POST', '/keys', {
    role: 'approver',
    person: 'treasurer@example.test',
  });
  approver = { authorization: `Bearer ${secret}` };
}, 180_000);
afterAll(async () => {
  await seller?.close();
  await stack?.stop();
});

const submit = (body: object, key = freshKey('allowance')): Promise<Answer> =>
  call(`${stack.file.apiUrl}/purser/v1/operations`, 'POST', {
    headers: { ...agent.headers, 'idempotency-key': key },
    body: { ...body, wait_ms: 30_000 },
  });
const buy = () =>
  submit({ kind: 'purchase', url: `${base}/exact`, method: 'GET', max_amount: PRICE.toString() });
const allow = (amount: bigint, key?: string) =>
  submit({ kind: 'allowance', network: LOCAL_NETWORK, asset: LOCAL_TOKEN, amount: amount.toString() }, key);
const decide = async (asked: Answer, what: 'approve' | 'reject'): Promise<Answer> => {
  const { approval_id: id, digest } = asked.body.approval;
  const shown = await call(`${stack.file.apiUrl}/purser/v1/approvals/${id}`, 'GET', { headers: approver });
  expect(shown.body).toMatchObject({ payee: PERMIT2, transfer_method: 'allowance', digest });
  return call(`${stack.file.apiUrl}/purser/v1/approvals/${id}/${what}`, 'POST', {
    headers: approver,
    body: what === 'approve' ? { digest } : { reason: 'too much' },
  });
};
const look = async (path: string) =>
  (await call(`${stack.file.apiUrl}/purser/v1${path}`, 'GET', { headers: agent.headers })).body;
const final = async (asked: Answer) => {
  const path = `/operations/${asked.body.operation_id}`;
  await until(async () => (await look(path)).finality === 'final', 60_000, 'finality');
  return look(path);
};
const onWallet = async (): Promise<string> => {
  const { items } = await new Admin(() => stack.file).must('GET', '/wallets');
  const wallet = await look(
    `/wallets/${items.find((it: { address: string }) => it.address === stack.file.walletAddress.toLowerCase()).wallet_id}`,
  );
  return wallet.balances[0].permit2_allowance;
};

describe('an allowance for Permit2', () => {
  it('is what a purchase lacks, is decided by a person, and then the same purchase succeeds', async () => {
    expect((await buy()).body.error).toMatchObject({ code: 'permit2_allowance_required' });
    const key = freshKey('give');
    const asked = await allow(3n * PRICE, key);
    expect([asked.status, asked.body.status]).toEqual([202, 'awaiting_approval']);
    expect((await decide(asked, 'approve')).status).toBe(200);
    expect(await final(asked)).toMatchObject({
      kind: 'allowance',
      status: 'settled',
      amount: (3n * PRICE).toString(),
      pay_to: PERMIT2,
      paid: false,
      charged: null,
    });
    expect(await chargesOf(stack.file.walletAddress, stack.file.rpcUrl)).toEqual([]);
    await until(async () => (await onWallet()) === (3n * PRICE).toString(), 15_000, 'the wallet tells');
    expect((await allow(3n * PRICE, key)).body.operation_id).toBe(asked.body.operation_id);
    expect((await buy()).body).toMatchObject({ seller_accepted: true, transfer_method: 'permit2' });
  });

  it('is not given where the approver says no', async () => {
    const asked = await allow(1_000_000n);
    await decide(asked, 'reject');
    expect(await look(`/operations/${asked.body.operation_id}`)).toMatchObject({ status: 'rejected' });
    await until(async () => (await onWallet()) === (2n * PRICE).toString(), 15_000, 'what the purchase left');
  });

  it('is taken back in the same way, and then nothing is paid', async () => {
    const asked = await allow(0n);
    await decide(asked, 'approve');
    expect(await final(asked)).toMatchObject({ status: 'settled', amount: '0' });
    await until(async () => (await onWallet()) === '0', 15_000, 'the wallet tells');
    expect((await buy()).body.error).toMatchObject({
      code: 'permit2_allowance_required',
      details: { allowance: '0' },
    });
  });

  it('leaves clean books', async () => {
    const report = await stack.check();
    expect(report.violations).toEqual([]);
  });
});
