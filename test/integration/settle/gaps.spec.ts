// Account nonces that nothing would ever use: what is behind them goes on, and no transfer stands in two transactions that can both be mined.
import type { BroadcastCall, BroadcastSigner, SignedTransfer } from '#engine';
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startSettling, type Payer, type Settling } from '../../support/settling.js';

let settling: Settling;
let payer: Payer;
let nowMs: number;

const clock = { nowMs: () => nowMs };
const mine = (blocks = 1) => settling.node('anvil_mine', `0x${blocks.toString(16)}`);
const sender = () => settling.signer.accounts[0] ?? expect.fail();
const viewOf = async (transfer: SignedTransfer) => (await settling.desk.find(transfer)) ?? expect.fail();
const kinds = async () => {
  const { rows } = await settling.bench.owner.query<{ kind: string; status: string }>(
    'SELECT kind, status FROM broadcast ORDER BY account_nonce',
  );
  return rows.map((row) => `${row.kind} ${row.status}`);
};

beforeEach(async () => {
  settling = await startSettling({ mining: 'automine', slotsInAnEpoch: 8 });
  payer = await settling.aPayer();
  nowMs = Date.now();
});
afterEach(() => settling.close());

async function aClaim(): Promise<SignedTransfer> {
  const transfer = payer.authorize();
  await settling.claim(transfer);
  return transfer;
}

/** The first `refusals` calls with transfers are refused; whatever else comes is signed. */
function refusing(
  refusals: number,
  reason = 'transfers_mismatch',
): BroadcastSigner & { refused: BroadcastCall[] } {
  const refused: BroadcastCall[] = [];
  return {
    refused,
    broadcastAccounts: (network, count) => settling.signer.broadcastAccounts(network, count),
    signBroadcast(call, fees) {
      if (call.data.length === 0 || refused.length >= refusals)
        return settling.signer.signBroadcast(call, fees);
      refused.push(call);
      return Promise.resolve({ kind: 'refused', reason });
    },
  };
}

describe('a call that the signer refuses for good', () => {
  it('becomes a fill; what is behind it goes on, and what it carried goes out again', async () => {
    const signer = refusing(1);
    const broadcaster = settling.broadcaster({ ...clock, signer });
    const first = await aClaim();
    await broadcaster.turn();
    expect(await kinds()).toEqual(['fill mined']);
    expect((await viewOf(first)).status).toBe('waiting');
    expect(settling.lines.alarms).toContain('broadcast_given_up');
    const second = await aClaim();
    await settling.settle(broadcaster, [second]);
    nowMs += 2_000;
    await settling.settle(broadcaster, [first]);
    expect(await kinds()).toEqual(['fill mined', 'transfers mined', 'transfers mined']);
    expect(await settling.chargesOf(payer)).toBe(2);
  });

  it('keeps its transfers until the fill is signed, whatever crashes in between', async () => {
    const signer = refusing(1);
    const dying = settling.broadcaster({
      ...clock,
      signer: {
        ...signer,
        signBroadcast: (call, fees) =>
          call.data.length === 0 ? Promise.reject(new Error('killed')) : signer.signBroadcast(call, fees),
      },
    });
    const transfer = await aClaim();
    await expect(dying.turn()).rejects.toThrow('killed');
    expect(await kinds()).toEqual(['fill open']);
    expect((await viewOf(transfer)).status).toBe('broadcast');
    const store = { ...settling.store, freed: () => Promise.reject(new Error('killed')) };
    await expect(settling.broadcaster({ ...clock, signer, store }).turn()).rejects.toThrow('killed');
    expect((await viewOf(transfer)).status).toBe('broadcast');
    const last = settling.broadcaster({ ...clock, signer });
    await last.turn();
    expect((await viewOf(transfer)).status).toBe('waiting');
    nowMs += 2_000;
    await settling.settle(last, [transfer]);
    expect(await settling.chargesOf(payer)).toBe(1);
  });

  it('is one that was never signed: bytes that exist keep their nonce', async () => {
    await settling.node('evm_setAutomine', false);
    const transfer = await aClaim();
    await settling.broadcaster(clock).turn();
    const [broadcast] = await settling.store.unfinished(settling.chain.network);
    if (broadcast === undefined) return expect.fail();
    expect(await settling.store.becomeFill(broadcast, settling.chain.fill(sender()))).toBe(false);
    await settling.store.freed(broadcast);
    expect((await viewOf(transfer)).status).toBe('broadcast');
    await expect(
      settling.bench.owner.query(`UPDATE broadcast SET kind = 'fill', target = sender`),
    ).rejects.toThrow('kept');
  });

  it('has no bytes any more, once it is a fill: a late signature of it is not stored and does not leave', async () => {
    const transfer = await aClaim();
    const dying = settling.broadcaster({
      ...clock,
      store: { ...settling.store, attempted: () => Promise.reject(new Error('killed')) },
    });
    await expect(dying.turn()).rejects.toThrow('killed');
    const [late] = await settling.store.unfinished(settling.chain.network);
    if (late === undefined) return expect.fail();
    expect(await settling.store.becomeFill(late, settling.chain.fill(sender()))).toBe(true);
    const attempt = {
      attempt: 0,
      maxFeePerGas: 1n,
      maxPriorityFeePerGas: 1n,
      raw: new Uint8Array(1),
      signedAtMs: 1,
    };
    expect(await settling.store.attempted(late, { ...attempt, txHash: transfer.nonce })).toBe(false);
  });

  it('waits when it was refused for its fees', async () => {
    await aClaim();
    await settling.broadcaster({ ...clock, signer: refusing(1, 'limit_gas_cost') }).turn();
    expect(await kinds()).toEqual(['transfers open']);
    expect(settling.lines.alarms).toEqual(['broadcast_not_signed']);
  });
});

it('a nonce that an outsider had used, and a reorganization gave back, is filled', async () => {
  await settling.node('evm_setAutomine', false);
  await settling.node('anvil_impersonateAccount', sender());
  const to = privateKeyToAccount(generatePrivateKey()).address;
  const foreign = await settling.node('eth_sendTransaction', { from: sender(), to, value: '0x1' });
  await mine();
  const broadcaster = settling.broadcaster(clock);
  const transfer = await aClaim();
  await broadcaster.turn();
  expect(settling.signer.signed.map((it) => it.accountNonce)).toEqual([1]);
  await settling.node('anvil_reorg', 1, []);
  await settling.node('anvil_dropTransaction', foreign);
  await mine(3);
  for (let turns = 0; turns < 4; turns += 1) {
    nowMs += 6_000;
    await mine();
    await broadcaster.turn();
  }
  expect((await viewOf(transfer)).status).toBe('settled');
  expect(await kinds()).toEqual(['fill mined', 'transfers mined']);
  expect(await settling.chargesOf(payer)).toBe(1);
});
