// Ruling 10 with every process real: a prepaid seller is paid on chain first, once, whatever it then does; a stock seller on our facilitator redeems the
// payment exactly once.
import { decodePaymentSignatureHeader } from '@x402/core/http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LOCAL_TOKEN } from '../../apps/local/src/chain.js';
import { chargesOf } from '../support/chain.js';
import { startHostileSeller, type HostileSeller } from '../support/hostile-seller.js';
import { Admin, Agent, call, freshKey, type Answer } from './support/client.js';
import { TestStack, until } from './support/stack.js';

let stack: TestStack;
let agent: Agent;
let hostile: HostileSeller;

/** Prepaid is a matter of the host's name; the demo seller has two. */
const prepaid = (url: string): string => url.replace('127.0.0.1', 'localhost');
function facilitated() {
  const seller = stack.file.sellers['facilitated'];
  if (seller === undefined) throw new Error('no such seller');
  return seller;
}
const chargesTo = async (payee: string): Promise<number> =>
  (await chargesOf(stack.file.walletAddress, stack.file.rpcUrl)).filter(
    (it) => it.to.toLowerCase() === payee.toLowerCase(),
  ).length;
const atFacilitator = (question: 'verify' | 'settle', body: unknown, api = 0): Promise<Answer> =>
  call(`${stack.file.apiUrls[api % 2] ?? ''}/facilitator/${question}`, 'POST', {
    headers: { authorization: `Bearer ${stack.file.sellerKey}` },
    body,
  });

beforeAll(async () => {
  hostile = await startHostileSeller({
    rpcUrl: () => stack.file.rpcUrl,
    token: LOCAL_TOKEN,
    hostName: 'localhost',
  });
  stack = await TestStack.start({ blockTime: 1, apis: 2, allow: [hostile.host] });
  agent = new Agent(() => stack.file, stack.file.agent);
  await new Admin(() => stack.file).must('PUT', '/workspace/policy', { prepaid_hosts: ['localhost'] });
});
afterAll(async () => {
  await stack?.stop();
  await hostile?.close();
});

describe('a prepaid seller', () => {
  it('with our facilitator is paid, then asked, and redeems what was paid', async () => {
    const { url, payTo } = facilitated();
    const before = await chargesTo(payTo);
    const body = { url: `${prepaid(url)}/weather`, max_amount: '10000' };
    const answer = await agent.purchase(freshKey('prepaid'), body);
    expect(answer.status, JSON.stringify(answer.body)).toBe(200);
    expect(answer.body).toMatchObject({ settled: true, seller_accepted: true });
    const { items } = (await agent.get(`/purser/v1/operations/${answer.body.operation_id}/events`)).body;
    const types = (items as readonly { type: string }[]).map((it) => it.type);
    expect(types.indexOf('SettlementObserved')).toBeGreaterThan(0);
    expect(types.indexOf('SettlementObserved')).toBeLessThan(types.indexOf('ResourceDelivered'));
    const usual = await agent.purchase(freshKey('usual'), { url: `${url}/weather`, max_amount: '10000' });
    expect(usual.body).toMatchObject({ settled: true, seller_accepted: true });
    expect(await chargesTo(payTo)).toBe(before + 2);
  });

  it('that takes the money and gives nothing: settled, not accepted, charged once; redeemable once of 50 at once', async () => {
    const path = '/error_after_settle/prepaid';
    const body = { url: `${hostile.url}${path}`, max_amount: '1000', timeout_ms: 5_000 };
    const key = freshKey('undelivered');
    const answer = await agent.purchaseUntilAnswered(key, body);
    expect(answer.body).toMatchObject({ settled: true, seller_accepted: false });
    const again = await agent.purchase(key, body);
    expect(again.body).toMatchObject({ operation_id: answer.body.operation_id, settled: true });
    expect(hostile.presented.get(path)?.size).toBe(1);
    expect(hostile.settled, 'the seller finds nothing left to settle').toBe(0);

    const [header = ''] = hostile.presented.get(path) ?? [];
    const paymentPayload = decodePaymentSignatureHeader(header);
    const asked = { x402Version: 2, paymentPayload, paymentRequirements: paymentPayload.accepted };
    expect((await atFacilitator('verify', asked)).body).toMatchObject({ isValid: true });
    // All that a stranger can make of what the chain shows.
    const { extensions: _named, ...fromChain } = paymentPayload;
    const stolen = { ...asked, paymentPayload: fromChain };
    expect((await atFacilitator('verify', stolen)).body).toMatchObject({ isValid: false });
    expect((await atFacilitator('settle', stolen)).body).toMatchObject({
      errorReason: 'duplicate_settlement',
    });
    const dearer = { ...asked, paymentRequirements: { ...paymentPayload.accepted, amount: '1001' } };
    expect((await atFacilitator('verify', dearer)).body).toMatchObject({ isValid: false });
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, n) => atFacilitator('settle', asked, n)),
    );
    const told = answers.map((it) => (it.body.success === true ? 'success' : String(it.body.errorReason)));
    expect(told.filter((it) => it === 'success')).toHaveLength(1);
    expect(told.filter((it) => it === 'duplicate_settlement')).toHaveLength(49);
    expect((await atFacilitator('verify', asked, 1)).body).toMatchObject({ isValid: false });
    expect(await chargesTo(hostile.payTo)).toBe(1);
  });

  it('is paid once by each of 10 purchases while workers and signer are killed', async () => {
    const { url, payTo } = facilitated();
    const before = await chargesTo(payTo);
    const body = { url: `${prepaid(url)}/weather`, max_amount: '10000' };
    const keys = Array.from({ length: 10 }, (_, n) => freshKey(`killed-${n}`));
    const asking = keys.map((key) => agent.purchaseUntilAnswered(key, body));
    for (const role of ['worker', 'signer', 'worker']) {
      await new Promise((done) => setTimeout(done, 500));
      stack.kill(role);
    }
    await Promise.all(asking);
    for (const key of keys)
      await until(
        async () => {
          const { body: told } = await agent.purchase(key, body);
          return told?.settled === true && told.seller_accepted !== null;
        },
        120_000,
        'settled, and asked of the seller',
      );
    expect(await chargesTo(payTo)).toBe(before + 10);
  });

  it('leaves books that add up', async () => {
    expect((await stack.check()).violations).toEqual([]);
  });
});
