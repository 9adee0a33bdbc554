// Unmodified `@x402/express` and `@x402/fetch` pay each other by Permit2 through our facilitator, exactly and up to a ceiling. Every process is real.
import { HTTPFacilitatorClient } from '@x402/core/server';
import { ExactEvmScheme, toClientEvmSigner } from '@x402/evm';
import { UptoEvmScheme } from '@x402/evm/upto/client';
import { wrapFetchWithPaymentFromConfig } from '@x402/fetch';
import { privateKeyToAccount } from 'viem/accounts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LOCAL_NETWORK } from '../../apps/local/src/chain.js';
import { freePort } from '../../apps/local/src/services/index.js';
import type { EvmAddress } from '#domain';
import { chargesOf, mintUsdc, usdcBalance } from '../support/chain.js';
import { keyOf } from '../support/facilitator-requests.js';
import { allowPermit2, aPermit2Payer } from '../support/permit2.js';
import { permitBody } from '../support/permit2-requests.js';
import { CEILING, PRICE, startPermit2Seller, type Permit2Seller } from '../support/permit2-seller.js';
import { call } from './support/client.js';
import { TestStack } from './support/stack.js';

let stack: TestStack;
let seller: Permit2Seller;
let base: string;
let facilitator: HTTPFacilitatorClient;
let headers: Record<string, string>;

beforeAll(async () => {
  stack = await TestStack.start({ blockTime: 0, apis: 2 });
  const made = await call(`${stack.file.apiUrl}/purser/v1/keys`, 'POST', {
    headers: { Authorization: `Bearer ${stack.file.adminKey}` },
    body: { role: 'seller', person: 'shop@example.test', label: 'shop' },
  });
  headers = { Authorization: `Bearer ${made.body.secret as string}` };
  facilitator = new HTTPFacilitatorClient({
    url: `${stack.file.apiUrl}/facilitator`,
    createAuthHeaders: () => Promise.resolve({ verify: headers, settle: headers, supported: headers }),
  });
  const port = await freePort();
  base = `http://127.0.0.1:${port}`;
  seller = await startPermit2Seller(stack.file.rpcUrl, port, facilitator);
}, 180_000);
afterAll(async () => {
  await seller?.close();
  await stack?.stop();
});

async function aBuyer(options: Parameters<typeof aPermit2Payer>[1] = {}) {
  const { privateKey, address } = await aPermit2Payer(stack.file.rpcUrl, options);
  const signer = toClientEvmSigner(privateKeyToAccount(privateKey));
  const paying = wrapFetchWithPaymentFromConfig(fetch, {
    schemes: [
      { network: LOCAL_NETWORK, client: new ExactEvmScheme(signer) },
      { network: LOCAL_NETWORK, client: new UptoEvmScheme(signer) },
    ],
    spendControls: false,
  });
  const charged = async (): Promise<readonly bigint[]> =>
    (await chargesOf(address, stack.file.rpcUrl)).map((it) => it.valueAtomic);
  return { paying, charged };
}

describe('a stock seller and a stock buyer', () => {
  it('pay a price', async () => {
    const { paying, charged } = await aBuyer();
    const answer = await paying(`${base}/exact`);
    expect(answer.status, await answer.clone().text()).toBe(200);
    expect(await charged()).toEqual([PRICE]);
  });

  it('pay what was used of a ceiling, and nothing for nothing', async () => {
    const { paying, charged } = await aBuyer();
    const answer = await paying(`${base}/upto?charge=12345`);
    expect(answer.status, await answer.clone().text()).toBe(200);
    expect(await charged()).toEqual([12_345n]);
    expect((await paying(`${base}/upto?charge=0`)).status).toBe(200);
    expect(await charged()).toEqual([12_345n]);
  });

  it('are stopped above the ceiling, and without the allowance, and nothing is paid', async () => {
    const { paying, charged } = await aBuyer();
    expect((await paying(`${base}/upto?charge=${CEILING + 1n}`)).status).toBe(402);
    expect(await charged()).toEqual([]);
    const shy = await aBuyer({ allowance: 0n });
    expect((await shy.paying(`${base}/exact`)).status).toBe(412);
    expect(await shy.charged()).toEqual([]);
  });

  it('pay at once, twenty each way, and every payment is made once', async () => {
    const before = await usdcBalance(stack.file.rpcUrl, seller.payTo as `0x${string}`);
    const buyers = await Promise.all(Array.from({ length: 20 }, () => aBuyer()));
    const answers = await Promise.all(
      buyers.flatMap(({ paying }) => [paying(`${base}/exact`), paying(`${base}/upto?charge=1000`)]),
    );
    expect(answers.map((it) => it.status)).toEqual(answers.map(() => 200));
    for (const { charged } of buyers)
      expect((await charged()).toSorted((a, b) => Number(a - b))).toEqual([1_000n, PRICE]);
    const after = await usdcBalance(stack.file.rpcUrl, seller.payTo as `0x${string}`);
    expect(after - before).toBe(20n * (PRICE + 1_000n));
  });
});

it.each(['permit2', 'upto'] as const)(
  'one payload (%s) asked for 50 times at once, at two processes, is one transaction and one success',
  async (method) => {
    const signer = method === 'upto' ? 5_001 : 5_002;
    const { address } = keyOf(signer);
    await mintUsdc(stack.file.rpcUrl, address, 10_000n);
    await allowPermit2(stack.file.rpcUrl, address);
    const { kinds } = await facilitator.getSupported();
    const named = kinds.find((it) => it.scheme === 'upto')?.extra?.['facilitatorAddress'];
    const deadlineSec = Math.floor(Date.now() / 1000) + 300;
    const body = permitBody({ method, signer, deadlineSec, facilitator: named as EvmAddress });
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, n) =>
        call(`${stack.file.apiUrls[n % 2] ?? ''}/facilitator/settle`, 'POST', { headers, body }),
      ),
    );
    const told = answers.map((it) => (it.body.success === true ? 'success' : String(it.body.errorReason)));
    expect(told.filter((it) => it === 'success')).toHaveLength(1);
    expect(told.filter((it) => it === 'duplicate_settlement')).toHaveLength(49);
    expect(await chargesOf(address, stack.file.rpcUrl)).toHaveLength(1);
  },
);

it('the facilitator names the one account that charges what is metered', async () => {
  const { kinds, signers } = await facilitator.getSupported();
  const upto = kinds.find((it) => it.scheme === 'upto');
  expect(upto).toMatchObject({ x402Version: 2, network: LOCAL_NETWORK });
  expect(signers['eip155:*']?.[0]).toBe(upto?.extra?.['facilitatorAddress']);
});

it('leaves books that add up', async () => {
  expect((await stack.check()).violations).toEqual([]);
});
