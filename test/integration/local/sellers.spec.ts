import { ExactEvmScheme, registerExactEvmScheme } from '@x402/evm/exact/client';
import { x402Client, x402HTTPClient, wrapFetchWithPayment } from '@x402/fetch';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import {
  BINARY_GOODS,
  startExpressSeller,
  startFailingSeller,
  startSellerV1,
  type Seller,
} from '../../../apps/local/src/sellers/index.js';
import { chargesOf, freshAccount, LOCAL_TOKEN } from '../../support/chain.js';

const rpcUrl = inject('rpcUrl');
type Buyer = Awaited<ReturnType<typeof freshAccount>>;
let buyer: Buyer;
const running: Seller[] = [];
beforeEach(async () => {
  buyer = await freshAccount({ usdc: 1_000_000n, gas: false });
});
afterEach(async () => {
  await Promise.all(running.splice(0).map((seller) => seller.stop()));
});

async function sold<T extends Seller>(starting: Promise<T>): Promise<T> {
  const seller = await starting;
  running.push(seller);
  return seller;
}

/** The stock client, with its built-in spending limits opened for the local token. */
function stockClient(): x402Client {
  const client = new x402Client();
  registerExactEvmScheme(client, { signer: buyer });
  const limits = { network: 'eip155:84532', asset: LOCAL_TOKEN, maxAmountPerPayment: '1000000' } as const;
  return client.setSpendControls({ allowedAssets: [limits] });
}

const buy = (url: string, init?: RequestInit): Promise<Response> =>
  wrapFetchWithPayment(fetch, stockClient())(url, init);

/** A fresh payment each time, always under the same name. */
async function namedPayment(url: string): Promise<Record<string, string>> {
  const client = stockClient();
  const protocol = new x402HTTPClient(client);
  const challenge = await fetch(url);
  const terms = protocol.getPaymentRequiredResponse((name) => challenge.headers.get(name));
  const payload = await client.createPaymentPayload(terms);
  const declared = terms.extensions?.['payment-identifier'] as { info: object; schema: object };
  const named = { ...declared, info: { ...declared.info, id: 'purser-test-payment-1' } };
  return protocol.encodePaymentSignatureHeader({
    ...payload,
    extensions: { ...payload.extensions, 'payment-identifier': named },
  });
}

describe('demo seller on @x402/express', () => {
  it('is paid once by the stock client and hands over the goods', async () => {
    const seller = await sold(startExpressSeller({ rpcUrl }));
    const response = await buy(`${seller.url}/weather`);
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({ city: 'Aarhus' });
    expect(await chargesOf(buyer.address)).toMatchObject([{ to: seller.payTo, valueAtomic: 10_000n }]);
    expect(seller.counters).toMatchObject({ challenged: 1, settled: 1, delivered: 1, refused: 0 });
  });

  it('hands over bytes unharmed', async () => {
    const seller = await sold(startExpressSeller({ rpcUrl }));
    const response = await buy(`${seller.url}/binary`, { method: 'POST', body: 'x' });
    expect(Buffer.from(await response.arrayBuffer()).equals(BINARY_GOODS)).toBe(true);
  });

  it('serves ten buyers at once, each settlement landing', async () => {
    const seller = await sold(startExpressSeller({ rpcUrl }));
    const answers = await Promise.all(Array.from({ length: 10 }, () => buy(`${seller.url}/weather`)));
    expect(answers.map((answer) => answer.status)).toEqual(Array.from({ length: 10 }, () => 200));
    expect(await chargesOf(buyer.address)).toHaveLength(10);
  });

  it('answers the same named payment with the first answer, and another under that name with 409', async () => {
    const seller = await sold(startExpressSeller({ rpcUrl }));
    const url = `${seller.url}/binary`;
    const first = await namedPayment(url);
    const paid = await fetch(url, { headers: first });
    const again = await fetch(url, { headers: first });
    expect([paid.status, again.status]).toEqual([200, 200]);
    expect(again.headers.get('payment-response')).toBe(paid.headers.get('payment-response'));
    expect(Buffer.from(await again.arrayBuffer()).equals(BINARY_GOODS)).toBe(true);
    expect((await fetch(url, { headers: await namedPayment(url) })).status).toBe(409);
    expect(await chargesOf(buyer.address)).toHaveLength(1);
    expect(seller.counters).toMatchObject({ settled: 1, replayed: 1 });
  });

  it('makes a slow buyer wait, and settles only when the goods are ready', async () => {
    const seller = await sold(startExpressSeller({ rpcUrl, delayMs: 300 }));
    const began = performance.now();
    const buying = buy(`${seller.url}/weather`);
    await expect.poll(() => seller.counters.requests).toBe(2);
    expect(seller.counters.settled).toBe(0);
    expect((await buying).status).toBe(200);
    expect(performance.now() - began).toBeGreaterThan(290);
  });
});

describe('demo seller on protocol v1', () => {
  it('is paid once by the stock client through X-PAYMENT', async () => {
    const seller = await sold(startSellerV1({ rpcUrl }));
    const response = await buy(`${seller.url}/report`);
    expect(response.status).toBe(200);
    const receipt = Buffer.from(response.headers.get('x-payment-response') ?? '', 'base64').toString('utf8');
    const [charge] = await chargesOf(buyer.address);
    expect(charge).toMatchObject({ to: seller.payTo, valueAtomic: 250_000n });
    expect(JSON.parse(receipt)).toMatchObject({ success: true, transaction: charge?.transaction });
  });

  it('asks again, and takes nothing, when the payment is malformed', async () => {
    const seller = await sold(startSellerV1({ rpcUrl }));
    const response = await fetch(`${seller.url}/weather`, { headers: { 'x-payment': '!' } });
    expect(response.status).toBe(402);
    expect(await response.json()).toMatchObject({ x402Version: 1, accepts: [{ network: 'base-sepolia' }] });
  });
});

describe('demo seller that fails after payment', () => {
  it('takes the money once, answers 500, and gives the goods to a repeat of the same payment', async () => {
    const seller = await sold(startFailingSeller({ rpcUrl, failures: 2 }));
    const url = `${seller.url}/weather`;
    const client = new x402Client().register('eip155:84532', new ExactEvmScheme(buyer));
    client.setSpendControls(false);
    const protocol = new x402HTTPClient(client);
    const challenge = await fetch(url);
    const terms = protocol.getPaymentRequiredResponse((name) => challenge.headers.get(name));
    const headers = protocol.encodePaymentSignatureHeader(await client.createPaymentPayload(terms));
    const answers: number[] = [];
    for (let attempt = 0; attempt < 3; attempt += 1) answers.push((await fetch(url, { headers })).status);
    expect(answers).toEqual([500, 500, 200]);
    expect(await chargesOf(buyer.address)).toHaveLength(1);
  });
});
