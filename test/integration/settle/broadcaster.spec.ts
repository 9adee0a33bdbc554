// The broadcaster on a real database and a real node: every transfer once, whatever happens in between.
import type { BroadcastChain, SignedTransfer } from '#engine';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { CRASH_POINTS, dyingBroadcaster } from '../../support/crash-points.js';
import { startSettling, type Payer, type Settling } from '../../support/settling.js';

let settling: Settling;
let payer: Payer;

beforeAll(async () => {
  settling = await startSettling();
});
afterAll(() => settling.close());
beforeEach(async () => {
  settling.lines.alarms.length = 0;
  payer = await settling.aPayer();
});

const claimed = async (count: number, by = payer): Promise<readonly SignedTransfer[]> => {
  const transfers = Array.from({ length: count }, () => by.authorize());
  await Promise.all(transfers.map((transfer) => settling.claim(transfer)));
  return transfers;
};

describe('what waits', () => {
  it('goes out alone when it is alone, and together when it is not', async () => {
    const before = settling.signer.signed.length;
    const broadcaster = settling.broadcaster();
    const [alone] = await settling.settle(broadcaster, await claimed(1));
    expect(alone).toMatchObject({ status: 'settled', reason: null });
    const together = await settling.settle(broadcaster, await claimed(20));
    expect(together.every((it) => it.status === 'settled')).toBe(true);
    expect(new Set(together.map((it) => it.txHash)).size).toBe(1);
    expect(settling.signer.signed).toHaveLength(before + 2);
    expect(await settling.chargesOf(payer)).toBe(21);
  });

  it('all settles, 200 at once with one key', async () => {
    const transfers = await claimed(200);
    const views = await settling.settle(settling.broadcaster(), transfers);
    expect(views.filter((it) => it.status === 'settled')).toHaveLength(200);
    expect(await settling.chargesOf(payer)).toBe(200);
    expect(new Set(views.map((it) => it.txHash)).size).toBeLessThanOrEqual(3);
  });

  it('and cannot succeed is refused without a transaction', async () => {
    const poor = await settling.aPayer(5_000n);
    const before = settling.signer.signed.length;
    const expired = payer.authorize({ validBeforeSec: 1_000 });
    const tooMuch = poor.authorize();
    await Promise.all([expired, tooMuch].map((it) => settling.claim(it)));
    const views = await settling.settle(settling.broadcaster(), [expired, tooMuch]);
    expect(views.map((it) => it.reason)).toEqual([
      'invalid_exact_evm_payload_authorization_valid_before',
      'invalid_exact_evm_insufficient_balance',
    ]);
    expect(settling.signer.signed).toHaveLength(before);
  });

  it('harms no neighbour when it fails on the way', async () => {
    const poor = await settling.aPayer(5_000n);
    const bad = poor.authorize();
    const good = await claimed(3);
    await settling.claim(bad);
    const blind: BroadcastChain = {
      ...settling.chain,
      outlook: (_, transfers) => Promise.resolve(transfers.map(() => 'succeeds' as const)),
    };
    const views = await settling.settle(settling.broadcaster({ chain: blind }), [...good, bad]);
    expect(views.map((it) => it.status)).toEqual(['settled', 'settled', 'settled', 'failed']);
    expect(views[3]?.reason).toBe('invalid_exact_evm_insufficient_balance');
  });

  it('is settled all the same when somebody else brought it first', async () => {
    const [transfer] = await claimed(1);
    if (transfer === undefined) return expect.fail();
    const other = await startOutsider(transfer);
    const [view] = await settling.settle(settling.broadcaster(), [transfer]);
    expect(view).toMatchObject({ status: 'settled', txHash: other });
    expect(await settling.chargesOf(payer)).toBe(1);
  });
});

describe('what the chain does not tell', () => {
  it('of one transfer holds up no other', async () => {
    const poor = await settling.aPayer(5_000n);
    const bad = poor.authorize();
    await settling.claim(bad);
    const good = await claimed(3);
    const mute: BroadcastChain = { ...settling.chain, whyNot: () => Promise.reject(new Error('no answer')) };
    const views = await settling.settle(settling.broadcaster({ chain: mute }), good);
    expect(views.every((it) => it.status === 'settled')).toBe(true);
    expect((await settling.desk.find(bad))?.status).toBe('waiting');
    const [ended] = await settling.settle(settling.broadcaster(), [bad]);
    expect(ended?.reason).toBe('invalid_exact_evm_insufficient_balance');
  });

  it('because a payer has made the node give up, holds up no other', async () => {
    const wallet = await settling.aPayer();
    const bad = wallet.authorize({ signature: new Uint8Array(70) });
    await settling.claim(bad);
    const good = await claimed(3);
    const chain: BroadcastChain = {
      ...settling.chain,
      estimateGas: () => Promise.reject(new Error('gas required exceeds allowance')),
    };
    const views = await settling.settle(settling.broadcaster({ chain }), good);
    expect(views.every((it) => it.status === 'settled')).toBe(true);
    await settling.settle(settling.broadcaster(), [bad]);
  });

  it('is decided by code of the payer, so that it travels alone', async () => {
    const wallet = await settling.aPayer();
    const alone = [wallet.authorize(), wallet.authorize()];
    for (const transfer of alone) await settling.claim(transfer);
    const others = await claimed(5);
    const before = settling.signer.signed.length;
    const chain: BroadcastChain = {
      ...settling.chain,
      outlook: async (sender, transfers) =>
        (await settling.chain.outlook(sender, transfers)).map((it, index) =>
          transfers[index]?.from === wallet.address ? 'alone' : it,
        ),
    };
    const views = await settling.settle(settling.broadcaster({ chain }), [...alone, ...others]);
    expect(views.every((it) => it.status === 'settled')).toBe(true);
    expect(settling.signer.signed.slice(before)).toHaveLength(3);
    expect(new Set(views.slice(2).map((it) => it.txHash)).size).toBe(1);
  });

  it('a contract that has code is told from an account by the chain', async () => {
    const wallet = await settling.aPayer();
    await settling.node('anvil_setCode', wallet.address, '0x00');
    const outlook = await settling.chain.outlook(settling.signer.accounts[0] ?? expect.fail(), [
      payer.authorize(),
      wallet.authorize(),
      payer.authorize({ signature: new Uint8Array(70) }),
      payer.authorize({ value: 10n ** 15n }),
    ]);
    expect(outlook).toEqual(['succeeds', 'alone', 'alone', 'fails']);
  });
});

it('a broadcaster with nothing to do asks the chain for nothing', async () => {
  const broadcaster = settling.broadcaster();
  await settling.settle(broadcaster, await claimed(1));
  await settling.node('anvil_mine', '0x20');
  for (let turns = 0; turns < 100; turns += 1) await broadcaster.turn();
  const before = settling.rpc.stats().calls;
  for (let turns = 0; turns < 5; turns += 1) await broadcaster.turn();
  expect(settling.rpc.stats().calls).toBe(before);
});

describe('two broadcasters at once', () => {
  it('pay once, and bytes that no row holds never leave', async () => {
    for (let round = 0; round < 5; round += 1) {
      const transfers = await claimed(4);
      const left: Uint8Array[] = [];
      const chain: BroadcastChain = {
        ...settling.chain,
        send: (raw, again) => {
          left.push(raw);
          return settling.chain.send(raw, again);
        },
      };
      const both = [settling.broadcaster({ chain }), settling.broadcaster({ chain })];
      for (let turn = 0; turn < 6; turn += 1)
        await Promise.all(both.map((it) => it.turn().catch(() => it.forget())));
      const views = await settling.settle(settling.broadcaster(), transfers);
      expect(views.every((it) => it.status === 'settled')).toBe(true);
      const { rows } = await settling.bench.owner.query<{ raw: Buffer }>(
        'SELECT raw_sealed AS raw FROM broadcast_attempt',
      );
      const stored = new Set(rows.map((row) => row.raw.toString('hex')));
      expect(left.every((raw) => stored.has(Buffer.from(raw).toString('hex')))).toBe(true);
    }
    expect(await settling.chargesOf(payer)).toBe(20);
  });
});

describe('a crash', () => {
  it.each(CRASH_POINTS)(
    '%s leaves one transfer, in one transaction, under the nonce it had',
    async (_, broken) => {
      for (let round = 0; round < 10; round += 1) {
        const transfers = await claimed(1 + (round % 3));
        const dying = dyingBroadcaster(settling, broken);
        await expect(async () => {
          for (let turns = 0; turns < 50; turns += 1) await dying.turn();
        }).rejects.toThrow('killed');
        const known = (await settling.store.unfinished(settling.chain.network)).flatMap((it) =>
          it.mined === null ? it.attempts.map((attempt) => attempt.txHash) : [],
        );
        const views = await settling.settle(settling.broadcaster(), transfers);
        expect(views.every((it) => it.status === 'settled')).toBe(true);
        // Bytes that were stored are the bytes that are mined.
        if (known.length > 0) expect(known).toContain(views[0]?.txHash);
      }
      const { rows } = await settling.bench.owner.query<{ n: string }>(
        `SELECT count(*)::text AS n FROM settlement WHERE payer = $1 AND status = 'settled'`,
        [payer.address],
      );
      expect(await settling.chargesOf(payer)).toBe(Number(rows[0]?.n));
    },
  );
});

/** Broadcasts the transfer from an account of its own, as whoever sees the signature may. Returns the transaction's hash. */
async function startOutsider(transfer: SignedTransfer): Promise<string> {
  const account = '0x00000000000000000000000000000000000f1257';
  await settling.node('anvil_impersonateAccount', account);
  await settling.node('anvil_setBalance', account, '0x56bc75e2d63100000');
  const { target, data } = settling.chain.compose([transfer]);
  const hash = await settling.node('eth_sendTransaction', {
    from: account,
    to: target,
    data: `0x${Buffer.from(data).toString('hex')}`,
    gas: '0x30000',
  });
  return String(hash);
}
