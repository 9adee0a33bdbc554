// What chain, token and load may do to settlements, on a real node and a real database: each is paid once or not at all, and what was said of it is
// what the independent checker finds on chain.
import type { BroadcastChain, SignedTransfer } from '#engine';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { TOKEN_OWNER } from '../../../apps/local/src/chain.js';
import { asTokenOwner, LOCAL_TOKEN, usdcAbi } from '../../support/chain.js';
import { startSettling, type Payer, type Settling } from '../../support/settling.js';

let settling: Settling;
let payer: Payer;
let nowMs: number;
/** Rules that the checker finds broken. */
let expected: readonly string[] = [];
const clock = { nowMs: () => nowMs };
const mine = (blocks = 1) => settling.node('anvil_mine', `0x${blocks.toString(16)}`);
const automine = (on: boolean) => settling.node('evm_setAutomine', on);
const viewOf = async (transfer: SignedTransfer) => (await settling.desk.find(transfer)) ?? expect.fail();

async function start(blockTimeSec?: number): Promise<void> {
  settling = await startSettling({ mining: blockTimeSec ?? 'automine', slotsInAnEpoch: 8 });
  payer = await settling.aPayer(1_000_000_000_000n);
  nowMs = Date.now();
}

async function claimed(count: number): Promise<readonly SignedTransfer[]> {
  const transfers = Array.from({ length: count }, () => payer.authorize());
  await Promise.all(transfers.map((transfer) => settling.claim(transfer)));
  return transfers;
}

const owner = (functionName: 'pause' | 'unpause') =>
  asTokenOwner(settling.url, ({ wallet }) =>
    wallet.writeContract({
      address: LOCAL_TOKEN,
      abi: usdcAbi,
      functionName,
      account: TOKEN_OWNER,
      gas: 200_000n,
    }),
  );

afterEach(async () => {
  try {
    expect((await settling.violations()).map((it) => it.rule)).toEqual(expected);
  } finally {
    expected = [];
    await settling.close();
  }
});

describe('settlements', () => {
  beforeEach(() => start());

  it('of a paused token fail without a transaction, and may be asked for again', async () => {
    await owner('pause');
    const broadcaster = settling.broadcaster(clock);
    const transfers = await claimed(3);
    const refused = await settling.settle(broadcaster, transfers);
    expect(new Set(refused.map((it) => it.reason))).toEqual(
      new Set(['invalid_exact_evm_transaction_failed']),
    );
    expect(settling.signer.signed).toHaveLength(0);
    await owner('unpause');
    await Promise.all(transfers.map((it) => settling.claim(it)));
    const settled = await settling.settle(broadcaster, transfers);
    expect(settled.map((it) => it.status)).toEqual(['settled', 'settled', 'settled']);
    expect(await settling.chargesOf(payer)).toBe(3);
  });

  it('of a token that is paused while they are under way fail on chain, and are not sent again', async () => {
    const broadcaster = settling.broadcaster(clock);
    await automine(false);
    const transfers = await claimed(3);
    await broadcaster.turn();
    await settling.node('anvil_dropTransaction', (await viewOf(transfers[0] ?? expect.fail())).txHash);
    await automine(true);
    await owner('pause');
    nowMs += 6_000;
    const failed = await settling.settle(broadcaster, transfers);
    expect(failed.map((it) => it.status)).toEqual(['failed', 'failed', 'failed']);
    await owner('unpause');
    await Promise.all(transfers.map((it) => settling.claim(it)));
    nowMs += 20_000;
    for (let turns = 0; turns < 3; turns += 1) await broadcaster.turn();
    expect(new Set(settling.signer.signed.map((it) => it.accountNonce))).toEqual(new Set([0]));
    expect(await settling.chargesOf(payer)).toBe(0);
  });

  it('to a payee on the blacklist fail, and their neighbours do not', async () => {
    const [bad] = await claimed(1);
    if (bad === undefined) return expect.fail();
    await asTokenOwner(settling.url, ({ wallet }) =>
      wallet.writeContract({
        address: LOCAL_TOKEN,
        abi: usdcAbi,
        functionName: 'blacklist',
        args: [bad.to],
        account: TOKEN_OWNER,
        gas: 200_000n,
      }),
    );
    const good = await claimed(5);
    const blind: BroadcastChain = {
      ...settling.chain,
      outlook: (_, transfers) => Promise.resolve(transfers.map(() => 'succeeds' as const)),
    };
    const views = await settling.settle(settling.broadcaster({ ...clock, chain: blind }), [...good, bad]);
    expect(views.map((it) => it.status)).toEqual([...good.map(() => 'settled'), 'failed']);
    expect(await settling.chargesOf(payer)).toBe(5);
  });

  it('wait out a base fee a hundred times as high, and are paid once', async () => {
    await automine(false);
    const broadcaster = settling.broadcaster(clock);
    const transfers: SignedTransfer[] = [];
    for (let batch = 0; batch < 4; batch += 1) {
      transfers.push(...(await claimed(5)));
      await broadcaster.turn();
    }
    const { baseFeePerGas } = await settling.chain.latest();
    for (let turns = 0; turns < 12; turns += 1) {
      await settling.node('anvil_setNextBlockBaseFeePerGas', `0x${(baseFeePerGas * 100n).toString(16)}`);
      await mine();
      nowMs += 3_000;
      await broadcaster.turn();
    }
    const views = await settling.settle(broadcaster, transfers, true);
    expect(views.every((it) => it.status === 'settled')).toBe(true);
    expect(new Set(settling.signer.signed.map((it) => it.accountNonce)).size).toBe(4);
    expect(await settling.chargesOf(payer)).toBe(20);
  });

  it('survive reorganizations of one to five blocks at every stage', async () => {
    const broadcaster = settling.broadcaster(clock);
    let paid = 0;
    for (const depth of [1, 2, 3, 4, 5])
      for (const stage of ['sent', 'mined', 'told', 'bumped'] as const) {
        await automine(false);
        const transfers = await claimed(2);
        await broadcaster.turn();
        if (stage === 'bumped') {
          const { baseFeePerGas } = await settling.chain.latest();
          await settling.node('anvil_setNextBlockBaseFeePerGas', `0x${(baseFeePerGas * 20n).toString(16)}`);
          await mine(3);
          nowMs += 6_000;
          await broadcaster.turn();
        }
        if (stage !== 'sent') await mine(depth);
        if (stage === 'told') await broadcaster.turn();
        if (stage === 'sent') await mine(5);
        await settling.node('anvil_reorg', depth, []);
        nowMs += 6_000;
        const views = await settling.settle(broadcaster, transfers, true);
        expect(views.every((it) => it.status === 'settled')).toBe(true);
        expect(await settling.chargesOf(payer)).toBe((paid += 2));
      }
    const nonces = settling.signer.signed.map((it) => it.accountNonce);
    expect(new Set(nonces).size).toBe(20);
  });

  it('that were final are not paid again when a reorganization takes them away all the same, and the checker tells', async () => {
    const broadcaster = settling.broadcaster(clock);
    const transfers = await claimed(2);
    await settling.settle(broadcaster, transfers);
    await mine(24);
    await broadcaster.turn();
    expect((await viewOf(transfers[0] ?? expect.fail())).final).toBe(true);
    await automine(false);
    await settling.node('anvil_reorg', 25, []);
    for (let turns = 0; turns < 6; turns += 1) {
      nowMs += 6_000;
      await broadcaster.turn();
    }
    expect(settling.signer.signed).toHaveLength(1);
    expect(await settling.chargesOf(payer)).toBe(0);
    expected = ['S7', 'S7'];
  });
});

describe.each([
  ['a block per transaction', undefined],
  ['a block per second', 1],
])('at once, with one key and %s', (_, blockTimeSec) => {
  beforeEach(() => start(blockTimeSec));

  it.each([20, 200, 2_000])('%i distinct payments all succeed, each once', async (count) => {
    const transfers = await claimed(count);
    const views = await settling.settle(settling.broadcaster(), transfers);
    expect(views.filter((it) => it.status === 'settled')).toHaveLength(count);
    expect(await settling.chargesOf(payer)).toBe(count);
  });
});
