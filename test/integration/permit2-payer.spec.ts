// Payments of a wallet of ours through Permit2, against a node: what is signed is accepted, and what happened is read back.
import { beforeAll, describe, expect, inject, it } from 'vitest';
import { encodeFunctionData } from 'viem';
import { type Authorization, type Hex32 } from '#domain';
import { fateOfPermit, tiePermits } from '#engine';
import { createChainReader, createChainSource } from '#evm';
import { chainClients, LOCAL_TOKEN, usdcAbi } from '../support/chain.js';
import { clientOf, LOCAL, NETWORK, PAYEE, TOKEN } from '../support/evm-wallet.js';
import { panelOf } from '../support/panel.js';
import { permit2WalletOn, together } from '../support/permit2-wallet.js';

const url = inject('rpcUrl');
const client = clientOf(url);
const panel = panelOf([client]);
const reader = createChainReader(new Map([[NETWORK, panel]]));
const source = createChainSource({ profile: LOCAL, panel, tokens: [TOKEN] });
let wallet: Awaited<ReturnType<typeof permit2WalletOn>>;
let fromBlock: number;

beforeAll(async () => {
  wallet = await permit2WalletOn(url);
  fromBlock = (await source.latest()).number + 1;
});

/** What a watcher would make of everything since the last look. */
async function look() {
  const head = await source.latest();
  const scan = await source.scan([wallet.address], { fromBlock, toBlock: head.number });
  const tied = tiePermits(scan.permits, scan.otherTransfers, () => false);
  fromBlock = head.number + 1;
  return {
    scan,
    others: tied.others,
    fateOf(authorization: Authorization) {
      const use = tied.uses.find((it) => it.nonce === authorization.nonce);
      return use && fateOfPermit(authorization, use);
    },
  };
}

const settledIn = (txHash: Hex32, amount?: bigint): unknown =>
  expect.objectContaining({
    kind: 'settled',
    settlement:
      amount === undefined
        ? expect.objectContaining({ txHash })
        : expect.objectContaining({ txHash, amount }),
  });
const stateOf = async (authorization: Authorization) =>
  (await source.unusedAt([authorization], await source.latest()))[0];

describe('a payment through Permit2', () => {
  it('is found by its block, by its receipt and by its nonce, at the same place', async () => {
    const authorization = wallet.authorize('permit2', 50_000n);
    expect(await stateOf(authorization)).toBe(1);
    const txHash = await wallet.send(wallet.callOf(authorization));
    const seen = await look();
    const fate = seen.fateOf(authorization);
    expect(fate).toEqual(settledIn(txHash));
    expect(seen.others).toEqual([]);
    expect(await reader.fateInTransaction(authorization, txHash)).toEqual(fate);
    expect(await source.findUse(authorization, await source.latest())).toEqual(fate);
    expect(await stateOf(authorization)).toBe(-1);
  });

  it('is settled with what was charged, where it is a ceiling', async () => {
    const authorization = wallet.authorize('upto', 50_000n);
    const txHash = await wallet.send(wallet.callOf(authorization, 12_345n));
    expect((await look()).fateOf(authorization)).toEqual(settledIn(txHash, 12_345n));
    expect(await reader.fateInTransaction(authorization, txHash)).toEqual(settledIn(txHash, 12_345n));
    expect(await source.findUse(authorization, await source.latest())).toEqual(settledIn(txHash, 12_345n));
  });

  it('is told from its neighbours in a batch, also when they are alike', async () => {
    const alike = [7_000n, 7_000n, 8_000n].map((value) => wallet.authorize('permit2', value));
    const txHash = await wallet.send(together(alike.map((it) => wallet.callOf(it))));
    const seen = await look();
    const logs = alike
      .map((it) => seen.fateOf(it))
      .map((fate) => fate?.kind === 'settled' && fate.settlement.logIndex);
    expect(new Set(logs).size).toBe(3);
    for (const it of alike) expect(seen.fateOf(it)).toEqual(settledIn(txHash));
  });

  it('is told from a repeat that fails beside it, whoever looks', async () => {
    const [before, now] = [wallet.authorize('permit2', 9_000n), wallet.authorize('permit2', 9_000n)];
    const first = await wallet.send(wallet.callOf(before));
    const second = await wallet.send(together([before, now].map((it) => wallet.callOf(it))));
    const seen = await look();
    expect(seen.fateOf(before)).toEqual(settledIn(first));
    expect(seen.fateOf(now)).toEqual(settledIn(second));
    expect(await source.findUse(now, await source.latest())).toEqual(settledIn(second));
  });

  it('is not made by a call that failed, nor by one of a nonce that is not spent', async () => {
    const [good, stale] = [
      wallet.authorize('permit2', 9_000n),
      wallet.authorize('permit2', 9_000n, { validBeforeSec: 1_000 }),
    ];
    await wallet.send(together([stale, good].map((it) => wallet.callOf(it))));
    const seen = await look();
    expect(seen.fateOf(stale)).toBeUndefined();
    expect(seen.fateOf(good)).toMatchObject({ kind: 'settled' });
    expect(await stateOf(stale)).toBe(1);
  });

  it('is told from money that leaves in another way', async () => {
    const approve = encodeFunctionData({ abi: usdcAbi, functionName: 'transfer', args: [PAYEE, 77n] });
    const { node, wallet: sender, reader: chain } = chainClients(url);
    await node.impersonateAccount({ address: wallet.address });
    const hash = await sender.sendTransaction({ account: wallet.address, to: LOCAL_TOKEN, data: approve });
    await chain.waitForTransactionReceipt({ hash });
    expect((await look()).others).toMatchObject([{ value: 77n, txHash: hash }]);
  });

  it('costs no request more where nothing was paid through Permit2', async () => {
    const before = client.stats().calls;
    await source.scan([PAYEE], { fromBlock: fromBlock - 1, toBlock: fromBlock - 1 });
    expect(client.stats().calls - before).toBe(2);
  });
});
