// What libs/evm signs and reads, against a node and the token on it.
import { beforeAll, describe, expect, inject, it } from 'vitest';
import { parseEvmAddress, parseHex32 } from '#domain';
import {
  createChainReader,
  createEvmRpc,
  fateOf,
  findAsset,
  indexTokenEvents,
  networkProfile,
  scanRange,
  REGISTERED_ASSETS,
  verifyNetwork,
  verifyTokens,
} from '#evm';
import { rpc } from '../../apps/local/src/services/index.js';
import { panelOf } from '../support/panel.js';
import { chainClients, LOCAL_TOKEN, usdcAbi } from '../support/chain.js';
import { clientOf, freshNonce, LOCAL, NETWORK, PAYEE, TOKEN, walletOn } from '../support/evm-wallet.js';

describe('the token accepts what libs/evm signs, and the chain tells it back', () => {
  const client = clientOf(inject('rpcUrl'));
  const reader = createChainReader(new Map([[NETWORK, panelOf([client])]]));
  let wallet: Awaited<ReturnType<typeof walletOn>>;
  let fromBlock: number;

  beforeAll(async () => {
    wallet = await walletOn(inject('rpcUrl'));
    fromBlock = (await reader.latest(NETWORK)).number + 1;
  });

  const scan = async () => {
    const { number } = await reader.latest(NETWORK);
    const watched = { tokens: [TOKEN], wallets: [wallet.address] };
    return scanRange(client, watched, { fromBlock, toBlock: number });
  };

  it('signs under the domain separator that the token itself reports', async () => {
    const reported = await chainClients(inject('rpcUrl')).reader.readContract({
      address: LOCAL_TOKEN,
      abi: usdcAbi,
      functionName: 'DOMAIN_SEPARATOR',
    });
    expect(reported).toBe(findAsset(NETWORK, TOKEN)?.domainSeparator);
    const [usdc, eurc] = ['USDC', 'EURC'].map(
      (symbol) =>
        REGISTERED_ASSETS.find((it) => it.symbol === symbol && it.network === NETWORK) ?? expect.fail(),
    );
    if (usdc === undefined || eurc === undefined) return expect.fail();
    await verifyTokens(client, [usdc]);
    await expect(verifyTokens(client, [usdc, eurc])).rejects.toThrow(`EURC (${eurc.token})`);
  });

  it('tells in one call which of many addresses have code, a delegated account among them', async () => {
    const delegated = PAYEE.replace(/.$/, PAYEE.endsWith('1') ? '2' : '1');
    await rpc(inject('rpcUrl'), 'anvil_setCode', [delegated, `0xef0100${TOKEN.slice(2)}`]);
    const calls = client.stats().calls;
    const addresses = [wallet.address, TOKEN, PAYEE, parseEvmAddress(delegated)];
    expect(await client.hasCode(addresses)).toEqual([false, true, false, true]);
    expect(client.stats().calls).toBe(calls + 1);
  });

  it('finds a settled payment by its receipt and by its block, at the same place', async () => {
    const authorization = wallet.authorize(50_000n);
    const txHash = await wallet.settle(authorization);
    const byReceipt = await reader.fateInTransaction(authorization, txHash);
    expect(byReceipt).toMatchObject({ kind: 'settled', settlement: { txHash } });
    expect(fateOf(authorization, indexTokenEvents(await scan()))).toEqual(byReceipt);
    const other = { ...authorization, nonce: freshNonce() };
    expect(await reader.fateInTransaction(other, txHash)).toEqual({ kind: 'unused' });
    expect(await reader.fateInTransaction(authorization, parseHex32(`0x${'ee'.repeat(32)}`))).toEqual({
      kind: 'unused',
    });
  });

  it('tells apart the payments of one transaction', async () => {
    const authorizations = [7n, 7n, 9n].map((value) => wallet.authorize(value));
    await wallet.settleTogether(authorizations);
    const index = indexTokenEvents(await scan());
    const fates = authorizations.map((authorization) => fateOf(authorization, index));
    expect(fates.map((fate) => fate.kind)).toEqual(['settled', 'settled', 'settled']);
    const logs = fates.map((fate) => (fate.kind === 'settled' ? fate.settlement.logIndex : -1));
    expect(new Set(logs).size).toBe(3);
  });

  it('finds a cancelled authorization', async () => {
    const authorization = wallet.authorize(1n);
    const txHash = await wallet.cancel(authorization);
    expect(fateOf(authorization, indexTokenEvents(await scan()))).toMatchObject({
      kind: 'cancelled',
      txHash,
    });
  });

  it('shows a transfer that no authorization explains', async () => {
    await wallet.pay(123n);
    const { otherTransfers } = indexTokenEvents(await scan());
    expect(otherTransfers).toMatchObject([{ from: wallet.address, to: PAYEE, value: 123n }]);
  });

  it('reads 600 nonce states at one block in three calls and one request', async () => {
    const used = wallet.authorize(2n);
    await wallet.settle(used);
    const { hash } = await reader.latest(NETWORK);
    const queries = [used, ...Array.from({ length: 599 }, () => wallet.authorize(1n))];
    const before = client.stats();
    const states = await client.authorizationStates(queries, { blockHash: hash });
    expect(states).toEqual([true, ...Array.from({ length: 599 }, () => false)]);
    const after = client.stats();
    expect([after.calls - before.calls, after.httpRequests - before.httpRequests]).toEqual([3, 1]);
  });

  it('reads balances, and no balance where there is no token', async () => {
    const nobody = parseEvmAddress(`0x${'99'.repeat(20)}`);
    const owner = wallet.address;
    const [rich, poor, none] = await client.balances(
      [
        { token: TOKEN, owner },
        { token: TOKEN, owner: nobody },
        { token: nobody, owner },
      ],
      'latest',
    );
    expect(rich).toBeGreaterThan(0n);
    expect([poor, none]).toEqual([0n, undefined]);
    expect(await client.balances([{ token: nobody, owner }], 'latest')).toEqual([undefined]);
  });

  it('knows a contract from an account', async () => {
    expect(await reader.isContract(NETWORK, TOKEN)).toBe(true);
    expect(await reader.isContract(NETWORK, wallet.address)).toBe(false);
  });

  it('accepts this node as the local network and as no other', async () => {
    await verifyNetwork(client, LOCAL);
    const sepolia = networkProfile('base-sepolia') ?? expect.fail('no profile');
    await expect(verifyNetwork(client, sepolia)).rejects.toThrow('wrong_chain');
    const base = createEvmRpc({ url: inject('rpcUrl'), chainId: 8453 });
    await expect(base.block('latest')).rejects.toThrow('wrong_chain');
  });
});
