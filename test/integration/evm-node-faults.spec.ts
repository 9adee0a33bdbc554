// A node that reorganizes, lacks a contract, changes its chain or dies, and what libs/evm makes of it.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseEvmAddress } from '#domain';
import { finalizedBlock, findForkPoint, scanRange, type EvmRpc } from '#evm';
import { rpc as rawRpc, startAnvil, type Service } from '../../apps/local/src/services/index.js';
import { fundGas, mintUsdc, prepareChain } from '../support/chain.js';
import { clientOf, LOCAL, MULTICALL3, PAYEE, TOKEN, walletOn } from '../support/evm-wallet.js';

describe('a node that misbehaves', () => {
  let node: Service;
  let client: EvmRpc;

  beforeAll(async () => {
    node = await startAnvil({ mining: 'automine', slotsInAnEpoch: 8 });
    await prepareChain(node.url);
    client = clientOf(node.url);
  });
  afterAll(() => node.stop());

  const latest = async () => (await client.block('latest')) ?? expect.fail('no latest block');

  it('and reorganizes is found out, and reads tied to a block that is gone fail', async () => {
    const wallet = await walletOn(node.url);
    const authorization = wallet.authorize(5n);
    const start = await latest();
    await wallet.settle(authorization);
    await rawRpc(node.url, 'anvil_mine', ['0x2']);
    const head = await latest();
    const numbers = Array.from({ length: head.number - start.number + 1 }, (_, i) => start.number + i);
    const stored = await Promise.all(
      numbers.map(async (number) => (await client.block(number)) ?? expect.fail('block missing')),
    );
    expect(await finalizedBlock(client, LOCAL.finality)).toMatchObject({ number: head.number - 2 });
    expect(await findForkPoint(stored, client)).toMatchObject({ number: head.number });
    expect(await client.authorizationStates([authorization], { blockHash: head.hash })).toEqual([true]);

    await rawRpc(node.url, 'anvil_reorg', [3, []]);

    expect(await findForkPoint(stored, client)).toMatchObject({ number: start.number, hash: start.hash });
    await expect(client.authorizationStates([authorization], { blockHash: head.hash })).rejects.toThrow(
      'rejected',
    );
    expect(await client.authorizationStates([authorization], 'latest')).toEqual([false]);
    const range = { fromBlock: start.number + 1, toBlock: head.number };
    expect(await scanRange(client, { tokens: [TOKEN], wallets: [wallet.address] }, range)).toEqual([]);
  });

  it('and has no Multicall3 gives the same answers, still in one request', async () => {
    const owner = parseEvmAddress(`0x${'77'.repeat(20)}`);
    await fundGas(node.url, owner);
    await mintUsdc(node.url, owner, 42n);
    const queries = [
      { token: TOKEN, owner },
      { token: TOKEN, owner: PAYEE },
      { token: owner, owner },
    ];
    const withMulticall = await client.balances(queries, 'latest');
    await rawRpc(node.url, 'anvil_setCode', [MULTICALL3, '0x']);
    const before = client.stats().httpRequests;
    expect(await client.balances(queries, 'latest')).toEqual(withMulticall);
    expect(client.stats().httpRequests - before).toBe(2);
    expect(withMulticall[0]).toBe(42n);
  });

  it('and comes back as another chain is believed in nothing', async () => {
    await latest();
    await rawRpc(node.url, 'anvil_setChainId', [1]);
    await expect(client.block('latest')).rejects.toThrow('wrong_chain');
    await rawRpc(node.url, 'anvil_setChainId', [LOCAL.chainId]);
    await latest();
  });

  it('and dies is unreachable, by a name without its address', async () => {
    const dying = await startAnvil({ mining: 'automine' });
    const lost = clientOf(dying.url);
    await lost.block('latest');
    await dying.stop();
    const error: unknown = await lost.block('latest').catch((reason: unknown) => reason);
    expect(error).toMatchObject({ fault: 'unreachable' });
    expect(String(error)).not.toContain(new URL(dying.url).port);
  });
});
