// Settling on chain ourselves, with every process real: operations of kind settle, and sellers who use our facilitator.
import { ExactEvmScheme as ClientScheme, toClientEvmSigner } from '@x402/evm';
import { ExactEvmSchemeV1 } from '@x402/evm/exact/v1/client';
import { HTTPFacilitatorClient } from '@x402/core/server';
import { wrapFetchWithPaymentFromConfig } from '@x402/fetch';
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startExpressSeller, startSellerV1, type Seller } from '../../apps/local/src/sellers/index.js';
import { freePort } from '../../apps/local/src/services/index.js';
import { LOCAL_NETWORK, LOCAL_TOKEN } from '../../apps/local/src/chain.js';
import { chargesOf, mintUsdc } from '../support/chain.js';
import { facilitatorBody, keyOf } from '../support/facilitator-requests.js';
import { Agent, call, freshKey, type Answer } from './support/client.js';
import { TestStack, until } from './support/stack.js';

let stack: TestStack;
let agent: Agent;
let sellerKey: string;
let v2: Seller;
let v1: Seller;

const PAYEE = '0x5e11e700000000000000000000000000000000e2';

const facilitator = (api = 0): HTTPFacilitatorClient => {
  const headers = { Authorization: `Bearer ${sellerKey}` };
  return new HTTPFacilitatorClient({
    url: `${stack.file.apiUrls[api] ?? ''}/facilitator`,
    createAuthHeaders: () => Promise.resolve({ verify: headers, settle: headers, supported: headers }),
  });
};

const settle = (key: string, changes: Record<string, unknown> = {}, api = 0): Promise<Answer> =>
  call(`${stack.file.apiUrls[api] ?? ''}/purser/v1/operations`, 'POST', {
    headers: { ...agent.headers, 'idempotency-key': key },
    body: {
      kind: 'settle',
      url: 'https://invoice.example/1',
      expect: { pay_to: PAYEE, amount: '1000', network: LOCAL_NETWORK, asset: LOCAL_TOKEN },
      wait_ms: 30_000,
      ...changes,
    },
  });

const charges = async (): Promise<number> =>
  (await chargesOf(stack.file.walletAddress, stack.file.rpcUrl)).filter((it) => it.to.toLowerCase() === PAYEE)
    .length;

async function aBuyer() {
  const account = privateKeyToAccount(generatePrivateKey());
  await mintUsdc(stack.file.rpcUrl, account.address, 10_000_000n);
  return account;
}

const raw = (body: unknown, api: number, key?: string): Promise<Answer> =>
  call(`${stack.file.apiUrls[api % 2] ?? ''}/facilitator/settle`, 'POST', {
    headers: {
      Authorization: `Bearer ${sellerKey}`,
      ...(key === undefined ? {} : { 'idempotency-key': key }),
    },
    body,
  });
const aPayment = async (nonce: number) => {
  const from = keyOf(nonce).address;
  await mintUsdc(stack.file.rpcUrl, from, 10_000_000n);
  return { from, body: facilitatorBody({ nonce, signer: nonce, from, validBeforeSec: inFiveMinutes() }) };
};
const inFiveMinutes = (): number => Math.floor(Date.now() / 1000) + 300;

beforeAll(async () => {
  const port = await freePort();
  stack = await TestStack.start({ blockTime: 0, apis: 2, allow: [`127.0.0.1:${port}`] });
  agent = new Agent(() => stack.file, stack.file.agent);
  const made = await call(`${stack.file.apiUrl}/purser/v1/keys`, 'POST', {
    headers: { Authorization: `Bearer ${stack.file.adminKey}` },
    body: { role: 'seller', person: 'shop@example.test', label: 'shop' },
  });
  sellerKey = made.body.secret as string;
  v2 = await startExpressSeller({ rpcUrl: stack.file.rpcUrl, port, facilitator: facilitator() });
  v1 = await startSellerV1({ rpcUrl: stack.file.rpcUrl, facilitator: facilitator(1) });
});
afterAll(async () => {
  await v2?.stop();
  await v1?.stop();
  await stack?.stop();
});

describe('kind settle', () => {
  it('pays on chain and proves it; a repeat, at any process, is the same payment', async () => {
    const before = await charges();
    const key = freshKey('invoice');
    const first = await settle(key);
    expect(first.status, JSON.stringify(first.body)).toBe(201);
    expect(first.body).toMatchObject({ kind: 'settle', settled: true, pay_to: PAYEE, seller_accepted: null });
    const again = await settle(key, {}, 1);
    expect(again.status).toBe(200);
    expect(again.body.transaction).toBe(first.body.transaction);
    const other = await settle(key, { url: 'https://invoice.example/2' });
    expect(other.status).toBe(422);
    expect(await charges()).toBe(before + 1);
  });

  it('names what is missing, and changes nothing', async () => {
    const before = await charges();
    const refused = await settle(freshKey('bad'), { expect: { pay_to: PAYEE, amount: '1000' } });
    expect(refused.status).toBe(400);
    expect(JSON.stringify(refused.body)).toContain('expect.network');
    expect(await charges()).toBe(before);
  });

  it('ends each of 20 payments once while workers and signer are killed', async () => {
    const before = await charges();
    const keys = Array.from({ length: 20 }, (_, n) => freshKey(`killed-${n}`));
    const payments = keys.map((key) => settle(key, { wait_ms: 0 }));
    for (const role of ['worker', 'signer', 'worker']) {
      await new Promise((resolve) => setTimeout(resolve, 400));
      stack.kill(role);
    }
    await Promise.all(payments);
    for (const key of keys) {
      await until(async () => {
        const answer = await settle(key, { wait_ms: 5_000 });
        return answer.body?.settled === true;
      }, 90_000);
    }
    expect(await charges()).toBe(before + 20);
  });
});

describe('the facilitator', () => {
  it('serves an unmodified v2 seller and buyer', async () => {
    const buyer = await aBuyer();
    const paying = wrapFetchWithPaymentFromConfig(fetch, {
      schemes: [{ network: LOCAL_NETWORK, client: new ClientScheme(toClientEvmSigner(buyer)) }],
    });
    const answer = await paying(`${v2.url}/weather`);
    expect(answer.status, await answer.clone().text()).toBe(200);
    expect(await chargesOf(buyer.address, stack.file.rpcUrl)).toHaveLength(1);
  });

  it('brings one payload that is asked for 50 times at once, at two processes, on chain once: one success', async () => {
    const { from, body } = await aPayment(4_711);
    const answers = await Promise.all(Array.from({ length: 50 }, (_, n) => raw(body, n)));
    expect(answers.every((it) => it.status === 200)).toBe(true);
    const told = answers.map((it) => (it.body.success === true ? 'success' : String(it.body.errorReason)));
    expect(told.filter((it) => it === 'success')).toHaveLength(1);
    expect(told.filter((it) => it === 'duplicate_settlement')).toHaveLength(49);
    expect(await chargesOf(from, stack.file.rpcUrl)).toHaveLength(1);
  });

  it('gives 50 equal answers to 50 requests under one key', async () => {
    const { from, body } = await aPayment(4_712);
    const answers = await Promise.all(Array.from({ length: 50 }, (_, n) => raw(body, n, 'order-4712')));
    expect(new Set(answers.map((it) => JSON.stringify(it.body))).size).toBe(1);
    expect(answers[0]?.body).toMatchObject({ success: true, payer: from });
    expect(await chargesOf(from, stack.file.rpcUrl)).toHaveLength(1);
  });

  it('is where our own payer pays, too', async () => {
    const answer = await agent.purchase(freshKey('own'), { url: `${v2.url}/weather`, max_amount: '10000' });
    expect(answer.status, JSON.stringify(answer.body)).toBe(200);
    expect(answer.body).toMatchObject({ settled: true, seller_accepted: true });
  });

  it('serves a v1 seller and buyer', async () => {
    const buyer = await aBuyer();
    const paying = wrapFetchWithPaymentFromConfig(fetch, {
      schemes: [
        {
          network: 'base-sepolia' as never,
          client: new ExactEvmSchemeV1(toClientEvmSigner(buyer)),
          x402Version: 1,
        },
      ],
    });
    const answer = await paying(`${v1.url}/weather`);
    expect(answer.status, await answer.clone().text()).toBe(200);
    expect(await chargesOf(buyer.address, stack.file.rpcUrl)).toHaveLength(1);
  });
});

it('leaves books that add up', async () => {
  const report = await stack.check();
  expect(report.violations).toEqual([]);
});
