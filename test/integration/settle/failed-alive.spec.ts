// A transfer that failed in our transaction is public from then on: what somebody else makes of it is looked at until nobody can make anything of it.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { BroadcastChain, SettlementView, SignedTransfer } from '#engine';
import { mintUsdc } from '../../support/chain.js';
import { startSettling, type Payer, type Settling } from '../../support/settling.js';

let settling: Settling;
beforeAll(async () => {
  settling = await startSettling();
});
afterAll(() => settling.close());

/** The payer has no money while our transaction is mined, and has some right after. */
async function failed(
  validForSec: number,
): Promise<{ payer: Payer; transfer: SignedTransfer; view: SettlementView }> {
  const payer = await settling.aPayer(5_000n);
  const head = await settling.chain.latest();
  const transfer = payer.authorize({ validBeforeSec: head.timestampSec + validForSec });
  await settling.claim(transfer);
  const blind: BroadcastChain = {
    ...settling.chain,
    outlook: (_, transfers) => Promise.resolve(transfers.map(() => 'succeeds' as const)),
  };
  const [view] = await settling.settle(settling.broadcaster({ chain: blind }), [transfer]);
  if (view === undefined) return expect.fail();
  expect(view).toMatchObject({ status: 'failed', txHash: expect.any(String) as string });
  await mintUsdc(settling.url, payer.address, 1_000_000n);
  return { payer, transfer, view };
}

async function broughtBySomebodyElse(transfer: SignedTransfer): Promise<string> {
  const account = '0x00000000000000000000000000000000000f1257';
  await settling.node('anvil_impersonateAccount', account);
  await settling.node('anvil_setBalance', account, '0x56bc75e2d63100000');
  const { target, data } = settling.chain.compose([transfer]);
  const call = { from: account, to: target, data: `0x${Buffer.from(data).toString('hex')}`, gas: '0x30000' };
  return String(await settling.node('eth_sendTransaction', call));
}

const blocks = (count: number) => settling.node('anvil_mine', `0x${count.toString(16)}`, '0x1');
const looked = async (transfer: SignedTransfer): Promise<SettlementView | undefined> => {
  await settling.broadcaster().turn();
  return settling.desk.find(transfer);
};

describe('a transfer that failed in our transaction', () => {
  it('and was brought by somebody else is settled there, and final when that is', async () => {
    const { payer, transfer } = await failed(3_600);
    const txHash = await broughtBySomebodyElse(transfer);
    expect(await looked(transfer)).toMatchObject({ status: 'failed', final: false });
    await blocks(40);
    expect(await looked(transfer)).toMatchObject({ status: 'settled', reason: null, txHash });
    expect(await looked(transfer)).toMatchObject({ status: 'settled', txHash, final: true });
    expect(await settling.chargesOf(payer)).toBe(1);
    expect(await settling.violations()).toEqual([]);
  });

  it('is looked at while its time lasts, also when nobody has brought it at first', async () => {
    const { transfer } = await failed(3_600);
    await blocks(40);
    expect(await looked(transfer)).toMatchObject({ status: 'failed', final: false });
    const txHash = await broughtBySomebodyElse(transfer);
    await blocks(40);
    expect(await looked(transfer)).toMatchObject({ status: 'settled', txHash });
  });

  it('has failed for good when its time is over in a final block', async () => {
    const { transfer, view } = await failed(20);
    await blocks(60);
    expect(await looked(transfer)).toMatchObject({ status: 'failed', txHash: view.txHash, final: true });
    expect(await settling.store.failedAlive(settling.chain.network, 10)).toEqual([]);
  });

  it('is asked about once in a few final blocks, a few at a time', async () => {
    const asked: string[] = [];
    for (let count = 0; count < 3; count += 1) await failed(3_600);
    await blocks(40);
    const chain: BroadcastChain = {
      ...settling.chain,
      whyNot: (transfer) => {
        asked.push(transfer.nonce);
        return settling.chain.whyNot(transfer);
      },
    };
    let nowMs = Date.now();
    const broadcaster = settling.broadcaster({ chain, nowMs: () => nowMs });
    // Less than a lease apart, so that the same process goes on looking.
    const turns = async (count: number, newBlocks: number): Promise<void> => {
      for (let turn = 0; turn < count; turn += 1) {
        await broadcaster.turn();
        nowMs += 5_500;
        await blocks(newBlocks);
      }
    };
    await turns(4, 1);
    expect(asked).toHaveLength(3);
    await turns(3, 5);
    expect(asked.length).toBeGreaterThanOrEqual(6);
    expect(new Set(asked).size).toBe(3);
  });
});
