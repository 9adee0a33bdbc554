// A broadcaster over two RPCs of one real node, one of which, or both, are not what they should be: it goes on, or it waits, and it never lies.
import type { Hex32 } from '#domain';
import type { SignedTransfer } from '#engine';
import { createBroadcastChain, createEvmRpc } from '#evm';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startFalseRpc, type FalseRpc } from '../../support/false-rpc.js';
import { panelOf } from '../../support/panel.js';
import { startSettling, type Payer, type Settling } from '../../support/settling.js';

let settling: Settling;
let payer: Payer;
let rpcs: FalseRpc[];
let nowMs: number;
let alarms: string[];
let genesisHash: Hex32;

const first = (): FalseRpc => rpcs[0] ?? expect.fail();
const second = (): FalseRpc => rpcs[1] ?? expect.fail();
const mine = (blocks = 1) => settling.node('anvil_mine', `0x${blocks.toString(16)}`);

beforeAll(async () => {
  settling = await startSettling({ mining: 'automine', slotsInAnEpoch: 8 });
  genesisHash = await settling.chain.genesisHash();
});
afterAll(() => settling.close());
beforeEach(async () => {
  rpcs = [await startFalseRpc(settling.url), await startFalseRpc(settling.url)];
  await settling.node('evm_setAutomine', true);
  payer = await settling.aPayer();
  nowMs = Date.now();
  alarms = [];
  return () => rpcs.forEach((it) => it.close());
});

const clock = (): number => nowMs;
const say = (fields: Record<string, unknown>): void => {
  if (typeof fields['alarm'] === 'string') alarms.push(fields['alarm']);
};

function aBroadcaster() {
  const panel = panelOf(
    rpcs.map(({ url }) => createEvmRpc({ url, chainId: 84532 })),
    { genesisHash, nowMs: clock, logger: { info: say, warn: say, error: say } },
  );
  const chain = createBroadcastChain({ panel, finality: { kind: 'tag' } });
  return settling.broadcaster({ chain, nowMs: clock });
}

async function aClaim(): Promise<SignedTransfer> {
  const transfer = payer.authorize();
  await settling.claim(transfer);
  return transfer;
}

const viewOf = async (transfer: SignedTransfer) => (await settling.desk.find(transfer)) ?? expect.fail();
const take = async (broadcaster: ReturnType<typeof aBroadcaster>, turns: number, stepMs = 500) => {
  for (let turn = 0; turn < turns; turn += 1) {
    nowMs += stepMs;
    await broadcaster.turn();
  }
};

describe('two RPCs', () => {
  it('both have the signed bytes at once, and what they agree on is final', async () => {
    const broadcaster = aBroadcaster();
    await settling.node('evm_setAutomine', false);
    const transfer = await aClaim();
    await broadcaster.turn();
    await expect
      .poll(() => rpcs.map((it) => it.heard.includes('eth_sendRawTransaction')))
      .toEqual([true, true]);
    await mine(20);
    await take(broadcaster, 2);
    expect(await viewOf(transfer)).toMatchObject({ status: 'settled', final: true });
    expect(await settling.chargesOf(payer)).toBe(1);
  });

  it.each([0, 1])(
    'of which one is away go on, and nothing is final before it is back (%i)',
    async (which) => {
      const away = rpcs[which] ?? expect.fail();
      away.mode = 'away';
      const broadcaster = aBroadcaster();
      const transfer = await aClaim();
      await take(broadcaster, 3);
      expect(await viewOf(transfer)).toMatchObject({ status: 'settled', final: false });
      await mine(20);
      await take(broadcaster, 3);
      expect(await viewOf(transfer)).toMatchObject({ status: 'settled', final: false });
      await take(broadcaster, 6, 20_000);
      expect(alarms).toContain('rpc_away');
      away.mode = 'up';
      await mine();
      await take(broadcaster, 4, 61_000);
      expect(await viewOf(transfer)).toMatchObject({ status: 'settled', final: true });
    },
  );

  it('of which one says nothing at all are waited for once, and not again', async () => {
    second().mode = 'silent';
    const broadcaster = aBroadcaster();
    const transfer = await aClaim();
    await broadcaster.turn();
    const startedMs = Date.now();
    await take(broadcaster, 3);
    expect(Date.now() - startedMs).toBeLessThan(2_000);
    expect((await viewOf(transfer)).status).toBe('settled');
  });
});

describe('one that lies', () => {
  it.each([
    ['that a transaction failed', { status: '0x0', logs: [] }],
    ['about the block of a receipt', { blockHash: `0x${'ab'.repeat(32)}`, logs: [] }],
  ])('%s is not believed: the outcome waits', async (_, forged) => {
    for (const liar of rpcs) {
      const lie = liar.lies.set('eth_getTransactionReceipt', async (__, truth) => {
        const receipt = await truth();
        return receipt && { ...receipt, ...forged };
      });
      const broadcaster = aBroadcaster();
      const transfer = await aClaim();
      await take(broadcaster, 4);
      expect((await viewOf(transfer)).status).toBe('broadcast');
      lie.clear();
      await mine();
      await take(broadcaster, 2);
      expect((await viewOf(transfer)).status).toBe('settled');
    }
  });

  it('about a receipt of what is in no block is not believed', async () => {
    await settling.node('evm_setAutomine', false);
    const broadcaster = aBroadcaster();
    const transfer = await aClaim();
    await broadcaster.turn();
    const { number, hash } = await settling.chain.latest();
    first().lies.set('eth_getTransactionReceipt', ([transactionHash]) => ({
      transactionHash,
      blockNumber: `0x${number.toString(16)}`,
      blockHash: hash,
      status: '0x1',
      logs: [],
    }));
    await take(broadcaster, 3);
    expect((await viewOf(transfer)).status).toBe('broadcast');
  });

  it('about state, so that a transfer seems bound to fail, does not make it fail', async () => {
    for (const liar of rpcs) {
      liar.lies.set('eth_call', () => new Error('execution reverted'));
      const transfer = await aClaim();
      await take(aBroadcaster(), 3);
      expect(await viewOf(transfer)).toMatchObject({ status: 'settled', reason: null });
      liar.lies.clear();
    }
    expect(await settling.chargesOf(payer)).toBe(2);
  });

  it('about block hashes takes nothing back', async () => {
    const broadcaster = aBroadcaster();
    const transfer = await aClaim();
    await take(broadcaster, 3);
    second().lies.set('eth_getBlockByNumber', async ([at], truth) => {
      const block = await truth();
      return at === 'latest' ? block : block && { ...block, hash: `0x${'cd'.repeat(32)}` };
    });
    await mine(20);
    await take(broadcaster, 3);
    expect(await viewOf(transfer)).toMatchObject({ status: 'settled', final: false });
    second().lies.clear();
    await mine();
    await take(broadcaster, 2);
    expect(await viewOf(transfer)).toMatchObject({ status: 'settled', final: true });
  });

  it('about the tip costs nothing', async () => {
    first().lies.set('eth_maxPriorityFeePerGas', () => '0x746a528800');
    await aClaim();
    await take(aBroadcaster(), 2);
    expect(settling.signer.signed.at(-1)?.maxPriorityFeePerGas).toBeLessThan(10n ** 10n);
  });
});

describe('one that lags', () => {
  it('holds the outcome back, both do, and it is told when they have come to it', async () => {
    await Promise.all(rpcs.map((it) => it.freeze()));
    const broadcaster = aBroadcaster();
    const transfer = await aClaim();
    await take(broadcaster, 4);
    expect((await viewOf(transfer)).status).toBe('broadcast');
    first().thaw();
    await take(broadcaster, 4);
    expect((await viewOf(transfer)).status).toBe('broadcast');
    second().thaw();
    await take(broadcaster, 4);
    expect((await viewOf(transfer)).status).toBe('settled');
    expect(await settling.chargesOf(payer)).toBe(1);
  });

  it('for a minute, while the other goes on, is not waited for any more', async () => {
    const broadcaster = aBroadcaster();
    await take(broadcaster, 12);
    await second().freeze();
    const transfer = await aClaim();
    await take(broadcaster, 4);
    expect((await viewOf(transfer)).status).toBe('broadcast');
    await mine();
    await take(broadcaster, 8, 16_000);
    expect(alarms).toContain('rpc_behind');
    expect(await viewOf(transfer)).toMatchObject({ status: 'settled', final: false });
  });
});

describe('one that has lost its memory', () => {
  it('and comes back from far behind is not waited for, though it moves', async () => {
    await mine(100);
    let number = 0;
    second().lies.set('eth_getBlockByNumber', async ([at], truth) => {
      const block = await truth();
      number += 1;
      return at === 'latest' ? { ...block, number: `0x${number.toString(16)}`, timestamp: '0x1' } : block;
    });
    const transfer = await aClaim();
    await take(aBroadcaster(), 4);
    expect(await viewOf(transfer)).toMatchObject({ status: 'settled', final: false });
    expect(alarms).toContain('rpc_behind');
  });

  it('of our transactions does not make their nonces somebody else’s', async () => {
    second().lies.set('eth_getTransactionReceipt', () => null);
    const broadcaster = aBroadcaster();
    const before = settling.signer.signed.length;
    const transfer = await aClaim();
    for (let round = 0; round < 5; round += 1) {
      await take(broadcaster, 2, 6_000);
      await mine(10);
    }
    expect((await viewOf(transfer)).status).toBe('broadcast');
    expect(settling.signer.signed.slice(before).map((it) => it.accountNonce)).toHaveLength(1);
    second().lies.clear();
    await mine();
    await take(broadcaster, 3);
    expect(await viewOf(transfer)).toMatchObject({ status: 'settled', final: true });
  });
});

describe('one on another chain', () => {
  it('by its id since a restart gets nothing, and is heard again when it is back', async () => {
    const broadcaster = aBroadcaster();
    await take(broadcaster, 1);
    first().lies.set('eth_chainId', () => '0x1');
    const transfer = await aClaim();
    await take(broadcaster, 3);
    expect((await viewOf(transfer)).status).toBe('settled');
    expect(alarms).toContain('rpc_wrong_chain');
    expect(first().heard).not.toContain('eth_sendRawTransaction');
    first().lies.clear();
    await take(broadcaster, 2, 61_000);
    first().heard.length = 0;
    await aClaim();
    await take(broadcaster, 1);
    await expect.poll(() => first().heard).toContain('eth_sendRawTransaction');
  });

  it('by its first block, though the id is right, gets nothing either', async () => {
    const broadcaster = aBroadcaster();
    await aClaim();
    await take(broadcaster, 3);
    second().mode = 'away';
    await take(broadcaster, 1, 10_000);
    second().lies.set('eth_getBlockByNumber', async ([at], truth) => {
      const block = await truth();
      return at === '0x0' ? { ...block, hash: `0x${'ef'.repeat(32)}` } : block;
    });
    second().mode = 'up';
    second().heard.length = 0;
    const transfer = await aClaim();
    await take(broadcaster, 3, 30_000);
    expect((await viewOf(transfer)).status).toBe('settled');
    expect(alarms).toContain('rpc_wrong_chain');
    expect(second().heard).not.toContain('eth_sendRawTransaction');
  });
});
