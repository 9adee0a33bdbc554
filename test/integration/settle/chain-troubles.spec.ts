// What a chain can do to a transaction that is under way. Blocks are mined when a test says so, and time is the test's.
import { privateKeyToAccount, generatePrivateKey } from 'viem/accounts';
import type { SignedTransfer } from '#engine';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startSettling, type Payer, type Settling } from '../../support/settling.js';

let settling: Settling;
let payer: Payer;
let nowMs = Date.now();

const clock = { nowMs: () => nowMs };
const mine = (blocks = 1) => settling.node('anvil_mine', `0x${blocks.toString(16)}`);
const sender = () => settling.signer.accounts[0] ?? expect.fail();

beforeEach(async () => {
  settling = await startSettling({ mining: 'automine', slotsInAnEpoch: 8 });
  payer = await settling.aPayer();
  await settling.node('evm_setAutomine', false);
  nowMs = Date.now();
});
afterEach(() => settling.close());

async function aClaim(): Promise<SignedTransfer> {
  const transfer = payer.authorize();
  await settling.claim(transfer);
  return transfer;
}

const viewOf = async (transfer: SignedTransfer) => (await settling.desk.find(transfer)) ?? expect.fail();

describe('a transaction under way', () => {
  it('that the node forgot is given to it again, the same bytes', async () => {
    const broadcaster = settling.broadcaster(clock);
    const transfer = await aClaim();
    await broadcaster.turn();
    const { txHash } = await viewOf(transfer);
    await settling.node('anvil_dropTransaction', txHash);
    await mine();
    await broadcaster.turn();
    expect((await viewOf(transfer)).status).toBe('broadcast');
    nowMs += 6_000;
    await broadcaster.turn();
    await mine();
    await broadcaster.turn();
    expect(await viewOf(transfer)).toMatchObject({ status: 'settled', txHash });
    expect(settling.signer.signed).toHaveLength(1);
  });

  it('gets a higher fee when the base fee leaves it behind: same nonce, same call', async () => {
    const broadcaster = settling.broadcaster(clock);
    const transfer = await aClaim();
    await broadcaster.turn();
    const { baseFeePerGas } = await settling.chain.latest();
    await settling.node('anvil_setNextBlockBaseFeePerGas', `0x${(baseFeePerGas * 100n).toString(16)}`);
    await broadcaster.turn();
    await mine(3);
    nowMs += 6_000;
    await broadcaster.turn();
    const [first, second] = settling.signer.signed;
    expect(second?.maxFeePerGas).toBeGreaterThan(baseFeePerGas * 60n);
    const call = ({ accountNonce, target, data, gasLimit }: NonNullable<typeof first>) => ({
      accountNonce,
      target,
      data,
      gasLimit,
    });
    expect(second && call(second)).toEqual(first && call(first));
    await settling.settle(broadcaster, [transfer], true);
    expect(await settling.chargesOf(payer)).toBe(1);
  });

  it('pays more only while blocks come, and only when it is the first in line', async () => {
    const broadcaster = settling.broadcaster(clock);
    await aClaim();
    await broadcaster.turn();
    await aClaim();
    await broadcaster.turn();
    expect(settling.signer.signed.map((it) => it.accountNonce)).toEqual([0, 1]);
    // Steps that a lease outlives: whoever takes over begins to count anew.
    const pass = async (turns: number): Promise<void> => {
      for (let turn = 0; turn < turns; turn += 1) {
        nowMs += 5_500;
        await broadcaster.turn();
      }
    };
    await pass(6);
    expect(settling.signer.signed).toHaveLength(2);
    const { baseFeePerGas } = await settling.chain.latest();
    await settling.node('anvil_setNextBlockBaseFeePerGas', `0x${(baseFeePerGas * 100n).toString(16)}`);
    await mine(3);
    await pass(1);
    expect(settling.signer.signed.map((it) => it.accountNonce)).toEqual([0, 1, 0]);
  });

  it('waits below the fee cap, whatever the chain asks', async () => {
    const broadcaster = settling.broadcaster(clock);
    const transfer = await aClaim();
    await broadcaster.turn();
    await settling.node('anvil_setNextBlockBaseFeePerGas', `0x${(2_000n * 10n ** 9n).toString(16)}`);
    await broadcaster.turn();
    await mine(3);
    nowMs += 6_000;
    await broadcaster.turn();
    expect(settling.lines.alarms).toContain('broadcast_fee_cap');
    expect(settling.signer.signed).toHaveLength(1);
    expect((await viewOf(transfer)).status).toBe('broadcast');
  });

  it.each([1, 3, 5])(
    'that a reorganization of %i blocks took away comes back, in the same bytes',
    async (depth) => {
      const broadcaster = settling.broadcaster(clock);
      const transfer = await aClaim();
      await broadcaster.turn();
      await mine(depth);
      await broadcaster.turn();
      const { txHash } = await viewOf(transfer);
      expect((await viewOf(transfer)).status).toBe('settled');
      await settling.node('anvil_reorg', depth, []);
      await settling.node('anvil_dropTransaction', txHash);
      await mine();
      await broadcaster.turn();
      expect((await viewOf(transfer)).status).toBe('broadcast');
      nowMs += 6_000;
      const views = await settling.settle(broadcaster, [transfer], true);
      expect(views[0]).toMatchObject({ status: 'settled', txHash });
      expect(await settling.chargesOf(payer)).toBe(1);
    },
  );

  it('is final when its block is, and not before', async () => {
    const broadcaster = settling.broadcaster(clock);
    const transfer = await aClaim();
    await broadcaster.turn();
    await mine();
    await broadcaster.turn();
    expect(await viewOf(transfer)).toMatchObject({ status: 'settled', final: false });
    await mine(20);
    await broadcaster.turn();
    expect(await viewOf(transfer)).toMatchObject({ status: 'settled', final: true });
    expect(await settling.store.unfinished(settling.chain.network)).toEqual([]);
  });
});

describe('a transfer that somebody else settled', () => {
  it('waits again when their block is gone, and is final when it is', async () => {
    const broadcaster = settling.broadcaster(clock);
    const transfer = await aClaim();
    const { target, data } = settling.chain.compose([transfer]);
    const other = '0x00000000000000000000000000000000000f1257';
    await settling.node('anvil_impersonateAccount', other);
    await settling.node('anvil_setBalance', other, '0x56bc75e2d63100000');
    const hash = await settling.node('eth_sendTransaction', {
      from: other,
      to: target,
      data: `0x${Buffer.from(data).toString('hex')}`,
      gas: '0x30000',
    });
    await mine();
    await broadcaster.turn();
    expect(await viewOf(transfer)).toMatchObject({ status: 'settled', txHash: hash, final: false });
    await settling.node('anvil_reorg', 1, []);
    await settling.node('anvil_dropTransaction', hash);
    await mine(20);
    nowMs += 11_000;
    await broadcaster.turn();
    expect((await viewOf(transfer)).status).not.toBe('settled');
    await settling.settle(broadcaster, [transfer], true);
    await mine(20);
    nowMs += 11_000;
    await broadcaster.turn();
    expect(await viewOf(transfer)).toMatchObject({ status: 'settled', final: true });
    expect(await settling.chargesOf(payer)).toBe(1);
  });
});

describe('an account', () => {
  it('with too little for the gas of what waits takes nothing, and leaves it to others', async () => {
    await settling.node('anvil_setBalance', sender(), '0x1');
    const broadcaster = settling.broadcaster(clock);
    const transfer = await aClaim();
    await broadcaster.turn();
    expect((await viewOf(transfer)).status).toBe('waiting');
    expect(settling.lines.alarms).toContain('broadcast_account_empty');
    expect(settling.signer.signed).toHaveLength(0);
  });

  it('without gas money sends nothing, says so, and goes on when it has some', async () => {
    await settling.node('anvil_setBalance', sender(), '0x0');
    const broadcaster = settling.broadcaster(clock);
    const transfer = await aClaim();
    await broadcaster.turn();
    expect((await viewOf(transfer)).status).toBe('waiting');
    expect(settling.lines.alarms).toContain('broadcast_account_low');
    await settling.node('anvil_setBalance', sender(), '0x56bc75e2d63100000');
    nowMs += 31_000;
    await settling.settle(broadcaster, [transfer], true);
    expect(await settling.chargesOf(payer)).toBe(1);
  });

  it('whose nonce an outsider used takes the next one for the same transfer when that is final, and not before', async () => {
    const broadcaster = settling.broadcaster(clock);
    const transfer = await aClaim();
    await broadcaster.turn();
    await anOutsiderUsesItsNonce(transfer);
    const pass = async (blocks: number): Promise<void> => {
      for (let turns = 0; turns < 6; turns += 1) {
        nowMs += 6_000;
        await mine(blocks);
        await broadcaster.turn();
      }
    };
    await pass(1);
    expect((await viewOf(transfer)).status).toBe('broadcast');
    expect(settling.lines.alarms).toContain('broadcast_nonce_taken');
    expect(settling.signer.signed).toHaveLength(1);
    await pass(5);
    expect((await viewOf(transfer)).status).toBe('settled');
    expect(settling.signer.signed.map((it) => it.accountNonce)).toEqual([0, 1]);
    expect(await settling.chargesOf(payer)).toBe(1);
  });

  it('has its own transaction back when a reorganization takes the outsider away', async () => {
    const broadcaster = settling.broadcaster(clock);
    const transfer = await aClaim();
    await broadcaster.turn();
    const foreign = await anOutsiderUsesItsNonce(transfer);
    for (let turns = 0; turns < 4; turns += 1) {
      nowMs += 6_000;
      await mine();
      await broadcaster.turn();
    }
    await settling.node('anvil_reorg', 5, []);
    await settling.node('anvil_dropTransaction', foreign);
    nowMs += 6_000;
    await settling.settle(broadcaster, [transfer], true);
    expect(new Set(settling.signer.signed.map((it) => it.accountNonce))).toEqual(new Set([0]));
    expect(await settling.chargesOf(payer)).toBe(1);
  });
});

/** Our transaction is forgotten, and another of the same account mined in its place. Returns its hash. */
async function anOutsiderUsesItsNonce(transfer: SignedTransfer): Promise<unknown> {
  await settling.node('anvil_dropTransaction', (await viewOf(transfer)).txHash);
  await settling.node('anvil_impersonateAccount', sender());
  const other = privateKeyToAccount(generatePrivateKey()).address;
  const hash = await settling.node('eth_sendTransaction', { from: sender(), to: other, value: '0x1' });
  await mine();
  return hash;
}
