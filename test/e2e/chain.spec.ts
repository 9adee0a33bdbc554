// What a chain may do to a payment under way: blocks taken back, transactions lost, a node that dies, a token that refuses. One charge or provably none.
import { decodePaymentSignatureHeader } from '@x402/core/http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Hex } from 'viem';
import { startHostileSeller, type HostileSeller } from '../support/hostile-seller.js';
import { asTokenOwner, chainClients, LOCAL_TOKEN, mintUsdc, usdcAbi } from '../support/chain.js';
import { Admin, Agent, freshKey } from './support/client.js';
import { chainRpc, chainSaved, chainWatched } from './support/chain-node.js';
import { rows } from './support/measure.js';
import { TestStack, until } from './support/stack.js';

/** Of the local network's profile. */
const FINALITY_BLOCKS = 2;
const VALIDITY_SEC = 300;

let stack: TestStack;
let seller: HostileSeller;
let admin: Admin;
let agent: Agent;
/** Every authorization that went out and was not settled; the clock test ends them all. */
const unsettled: string[] = [];

beforeAll(async () => {
  seller = await startHostileSeller({
    rpcUrl: () => stack.file.rpcUrl,
    token: LOCAL_TOKEN,
    maxTimeoutSec: VALIDITY_SEC,
  });
  // A block per transaction and none besides: what becomes final, and when, is the test's choice.
  stack = await TestStack.start({ blockTime: 0, allow: [seller.host] });
  admin = new Admin(() => stack.file);
  agent = new Agent(() => stack.file, stack.file.agent);
});
afterAll(async () => {
  await stack?.stop();
  await seller?.close();
});

const rpc = <T>(method: string, params: readonly unknown[] = []): Promise<T> =>
  chainRpc<T>(stack.file.rpcUrl, method, params);
const mine = (blocks: number): Promise<unknown> => rpc('anvil_mine', [`0x${blocks.toString(16)}`]);

interface Bought {
  readonly id: string;
  readonly path: string;
  readonly key: string;
}

async function buy(name: string, status = 200): Promise<Bought> {
  const path = `/clean/${name}`;
  const key = freshKey(name);
  const answer = await agent.purchase(key, { url: `${seller.url}${path}`, max_amount: '1000' });
  expect(answer.status, JSON.stringify(answer.body)).toBe(status);
  return { id: answer.body.operation_id, path, key };
}

async function statusOf({ id }: Bought): Promise<string> {
  return (await agent.get(`/purser/v1/operations/${id}`)).body.status;
}

const reaches = (bought: Bought, status: string, withinMs = 20_000): Promise<void> =>
  until(async () => (await statusOf(bought)) === status, withinMs, `${bought.path} is ${status}`);

async function eventsOf({ id }: Bought): Promise<string[]> {
  const found = await rows<{ type: string }>(
    stack.file.databaseUrl,
    'SELECT type FROM events WHERE operation_id = $1 ORDER BY version',
    [id],
  );
  return found.map((row) => row.type);
}

/** Anyone who holds the signature may send it; so does the seller who finds its transaction gone. */
async function settleAgain({ path }: Bought): Promise<Hex> {
  const [header] = seller.presented.get(path) ?? [];
  const payload = decodePaymentSignatureHeader(header ?? '').payload as unknown as {
    authorization: { from: Hex; to: Hex; value: string; validAfter: string; validBefore: string; nonce: Hex };
    signature: Hex;
  };
  const { from, to, value, validAfter, validBefore, nonce } = payload.authorization;
  const { wallet } = chainClients(stack.file.rpcUrl);
  const [account] = await rpc<Hex[]>('eth_accounts');
  return wallet.writeContract({
    address: LOCAL_TOKEN,
    abi: usdcAbi,
    functionName: 'transferWithAuthorization',
    args: [from, to, BigInt(value), BigInt(validAfter), BigInt(validBefore), nonce, payload.signature],
    account: account as Hex,
    gas: 200_000n,
  });
}

/** Held by the demo agent's own node, base units. */
async function held(): Promise<bigint> {
  const { items } = await admin.must('GET', `/agents/${agent.credentials.id}/budgets`);
  return BigInt(items.find((it: { unit: string }) => it.unit === 'USD6').held);
}

/** Of the wallet at the latest block, as the API tells it. */
async function balance(): Promise<bigint> {
  const { wallets } = await admin.must('GET', '/balances');
  return BigInt(wallets[0]?.on_chain ?? 0);
}

async function expectClean(): Promise<void> {
  const report = await stack.check();
  expect(report.violations).toEqual([]);
}

describe('money that comes in', () => {
  it('is in the balance within two blocks', async () => {
    await until(async () => (await balance()) > 0n, 20_000, 'the balance is known');
    const before = await balance();
    await mintUsdc(stack.file.rpcUrl, stack.file.walletAddress, 5_000_000n);
    await mine(1);
    await until(async () => (await balance()) === before + 5_000_000n, 5_000, 'the deposit shows');
  });
});

describe('a reorganization above finality', () => {
  for (const depth of [1, FINALITY_BLOCKS]) {
    it(`of ${depth} takes the payment back to submitted; seen again it is the same one, and becomes final`, async () => {
      const bought = await buy(`reorg-${depth}`);
      await reaches(bought, 'provisional');
      await mine(depth - 1);
      await chainWatched(stack); // What is about to go must have been seen.
      await rpc('anvil_reorg', [depth, []]);
      await reaches(bought, 'authorized');
      expect((await agent.get(`/v1/agent/operations/${bought.id}`)).body.operation.status).toBe('submitted');
      expect(await held()).toBe(1_000n);
      await settleAgain(bought);
      await reaches(bought, 'provisional');
      await mine(FINALITY_BLOCKS);
      await reaches(bought, 'settled');
      expect(await eventsOf(bought)).toContain('SettlementReorged');
      expect(seller.presented.get(bought.path)?.size).toBe(1);
      expect(await held()).toBe(0n);
      await expectClean();
    });
  }
});

describe('a transaction that is dropped', () => {
  it('leaves the payment open; sent again it is charged once', async () => {
    await rpc('evm_setAutomine', [false]);
    const path = '/clean/dropped';
    const asked = agent.purchase(freshKey('dropped'), { url: `${seller.url}${path}`, max_amount: '1000' });
    await until(
      async () => (await rpc<{ pending: Hex }>('txpool_status')).pending !== '0x0',
      15_000,
      'the seller has sent it',
    );
    await rpc('anvil_dropAllTransactions');
    await rpc('evm_setAutomine', [true]);
    const { body } = await asked;
    const bought = { id: body.operation_id as string, path, key: '' };
    expect(await statusOf(bought)).toBe('authorized');
    await mine(FINALITY_BLOCKS);
    expect(await held()).toBe(1_000n);
    await settleAgain(bought);
    await mine(FINALITY_BLOCKS);
    await reaches(bought, 'settled');
    expect(seller.presented.get(path)?.size).toBe(1);
    await expectClean();
  });
});

describe('a node that is killed', () => {
  it('comes back, and every payment from before, during and after its absence is charged once', async () => {
    const before = await buy('before-the-kill');
    await reaches(before, 'provisional');
    await chainSaved(stack); // What a node forgets is another test's matter.
    const old = stack.file.pids['chain']?.[0];
    stack.kill('chain');
    const path = '/clean/during-the-kill';
    const answer = await agent.purchaseUntilAnswered(freshKey('during'), {
      url: `${seller.url}${path}`,
      max_amount: '1000',
    });
    await until(
      () => Promise.resolve(![undefined, old].includes(stack.file.pids['chain']?.[0])),
      20_000,
      'the node is back',
    );
    const during = { id: answer.body.operation_id as string, path, key: '' };
    // Sent to a node that was away, it may never have arrived.
    if ((await statusOf(during)) === 'authorized') await settleAgain(during).catch(() => undefined);
    const after = await buy('after-the-kill');
    await mine(FINALITY_BLOCKS);
    for (const bought of [before, during, after]) await reaches(bought, 'settled', 30_000);
    await expectClean();
  });
});

describe('a token that refuses', () => {
  const cases = [
    { what: 'is paused', on: 'pause', off: 'unpause', args: [] },
    { what: 'has blacklisted the payer', on: 'blacklist', off: 'unBlacklist', args: 'wallet' },
  ] as const;
  for (const { what, on, off, args } of cases) {
    it(`because it ${what} is asked with one authorization, whatever the caller repeats`, async () => {
      const values = args === 'wallet' ? [stack.file.walletAddress] : [];
      const owner = (functionName: typeof on | typeof off) =>
        asTokenOwner(stack.file.rpcUrl, ({ wallet }) =>
          wallet.writeContract({
            address: LOCAL_TOKEN,
            abi: usdcAbi,
            functionName,
            args: values,
            account: '0x0000000000000000000000000000000000a11ce5',
            gas: 200_000n,
          } as never),
        );
      await owner(on);
      const bought = await buy(on, 502);
      const again = await agent.purchase(bought.key, {
        url: `${seller.url}${bought.path}`,
        max_amount: '1000',
      });
      await owner(off);
      expect(again.body.operation_id).toBe(bought.id);
      expect(seller.presented.get(bought.path)?.size).toBe(1);
      const prepared = (await eventsOf(bought)).filter((type) => type === 'AuthorizationPrepared');
      expect(prepared.length).toBe(1);
      expect(await statusOf(bought)).toBe('authorized');
      unsettled.push(bought.id);
      expect(await held()).toBe(1_000n * BigInt(unsettled.length));
    });
  }
});

describe('a clock that jumps beyond validBefore', () => {
  it('ends what was not settled with proof, and frees its budget, once the block is final', async () => {
    expect(unsettled.length).toBe(2);
    await rpc('evm_increaseTime', [VALIDITY_SEC + 60]);
    await mine(1);
    await chainWatched(stack);
    // Expired, but not yet finally so.
    expect(await held()).toBe(2_000n);
    await mine(FINALITY_BLOCKS);
    for (const id of unsettled) {
      const bought = { id, path: id, key: '' };
      await reaches(bought, 'failed');
      const { body } = await agent.get(`/purser/v1/operations/${id}`);
      expect(body).toMatchObject({ paid: false, error: { code: 'payment_expired' } });
      expect((await eventsOf(bought)).slice(-2).sort()).toEqual([
        'AuthorizationExpiredUnused',
        'BudgetReleased',
      ]);
    }
    expect(await held()).toBe(0n);
    await expectClean();
  });
});

describe('a transfer behind our back', () => {
  it('is put on record, and the checker sees it', async () => {
    const { wallet, node } = chainClients(stack.file.rpcUrl);
    const { walletAddress } = stack.file;
    await node.impersonateAccount({ address: walletAddress });
    await node.setBalance({ address: walletAddress, value: 10n ** 18n });
    const hash = await wallet.writeContract({
      address: LOCAL_TOKEN,
      abi: usdcAbi,
      functionName: 'transfer',
      args: [seller.payTo, 7n],
      account: walletAddress,
      gas: 200_000n,
    });
    let found: { kind: string; tx_hash: string }[] = [];
    await until(
      async () => {
        found = await rows(stack.file.databaseUrl, 'SELECT kind, tx_hash FROM chain_exception');
        return found.length > 0;
      },
      10_000,
      'the exception is recorded',
    );
    expect(found).toEqual([{ kind: 'unexplained_transfer', tx_hash: hash }]);
    const report = await stack.check();
    expect(report.violations).toEqual([expect.objectContaining({ rule: 'S6', where: hash })]);
  });
});
