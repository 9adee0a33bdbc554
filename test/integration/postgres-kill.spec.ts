// A claimed kill against our own queue: what we were told to kill we do not bring, and a kill that failed on the way can be brought again.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  createBroadcastStore,
  createSettlementDesk,
  SETTLED_CHANNEL,
  type ListeningAnswers,
} from '#postgres';
import type { BroadcastStore, SettlementDesk, SettlementMethod, SignedTransfer, Vault } from '#engine';
import { address, hex32, NETWORK, TOKEN, WORKSPACE } from '../support/builders.js';
import { storeBench, type Bench } from '../support/postgres-store.js';

const SENDER = address(0x5e);
const vault: Vault = { seal: (_, plain) => plain, open: (_, sealed) => sealed };
const endings: Pick<ListeningAnswers<string>, 'changed'> = { changed: () => Promise.resolve() };

let bench: Bench;
let desk: SettlementDesk;
let store: BroadcastStore;
beforeAll(async () => {
  bench = await storeBench();
  const pool = bench.poolOf('purser_system');
  desk = createSettlementDesk({ pool, vault, endings, clock: { nowMs: () => Date.now() } });
  store = createBroadcastStore(pool, vault);
});
afterAll(() => bench?.close());
beforeEach(async () => {
  await bench.owner.query(
    'TRUNCATE answer_right, settlement, broadcast_attempt, broadcast, broadcast_account',
  );
  await store.addAccount(NETWORK, SENDER, 0);
});

const message = (method: Extract<SettlementMethod, 'eip3009' | 'cancel'>, nonce = 1): SignedTransfer => ({
  method,
  network: NETWORK,
  token: TOKEN,
  from: address(0xaa),
  to: address(0xbb),
  value: method === 'cancel' ? 0n : 10_000n,
  validAfterSec: 0,
  validBeforeSec: 4_000_000_000,
  nonce: hex32(nonce),
  signature: new Uint8Array(65),
});
const [TRANSFER, KILL] = [message('eip3009'), message('cancel')];
const claim = (transfer: SignedTransfer, askedBy = 'operation') =>
  desk.claim({ transfer, workspaceId: WORKSPACE, askedBy, requestKey: null });
const waiting = async () => (await store.waiting(NETWORK, 10, [], [])).map((it) => it.method);
const CALL = { network: NETWORK, sender: SENDER, target: TOKEN, data: new Uint8Array(4), gasLimit: 90_000n };
const send = (accountNonce: number, ...transfers: SignedTransfer[]) =>
  store.intend({ ...CALL, accountNonce }, hex32(99), 'transfers', transfers);
const KILLED = { status: 'failed', reason: 'cancellation_requested' };

describe('a kill that is claimed', () => {
  it("ends the operation's own transfer while it waits, and nothing brings that any more", async () => {
    await claim(TRANSFER);
    await claim(KILL);
    expect(await desk.find(TRANSFER)).toMatchObject(KILLED);
    expect(await waiting()).toEqual(['cancel']);
    expect(await claim(TRANSFER)).toMatchObject({ claimed: false, settlement: KILLED });
    expect(await waiting()).toEqual(['cancel']);
  });

  it('tells whoever waits for the transfer', async () => {
    await claim(TRANSFER);
    const heard: unknown[] = [];
    const listening = await bench.owner.connect();
    listening.on('notification', (it) => heard.push(it.payload));
    await listening.query(`LISTEN ${SETTLED_CHANNEL}`);
    await claim(KILL);
    await listening.query('SELECT');
    listening.release(true);
    expect(heard).toEqual([(await desk.find(TRANSFER))?.settlementId]);
  });

  it('comes before a transfer that is claimed after it', async () => {
    await claim(KILL);
    expect((await claim(TRANSFER)).settlement).toMatchObject(KILLED);
    expect(await desk.find(TRANSFER)).toMatchObject(KILLED);
    expect(await waiting()).toEqual(['cancel']);
  });

  it('leaves alone what is in a transaction: the chain decides', async () => {
    await claim(TRANSFER);
    expect(await send(0, TRANSFER)).toBe(true);
    await claim(KILL);
    expect((await desk.find(TRANSFER))?.status).toBe('broadcast');
  });

  it('comes before a transfer that was claimed at the same moment, or is back from a transaction', async () => {
    await claim(KILL);
    await claim(TRANSFER);
    await bench.owner.query(
      `UPDATE settlement SET status = 'waiting', reason = NULL WHERE method = 'eip3009'`,
    );
    expect(await waiting()).toEqual(['cancel']);
    expect(await send(0, TRANSFER)).toBe(false);
    await claim(KILL);
    expect(await desk.find(TRANSFER)).toMatchObject(KILLED);
  });

  it('leaves alone other nonces, and what a seller asks for', async () => {
    await claim(message('eip3009', 2));
    await claim(TRANSFER, 'key of a shop');
    await claim(KILL);
    expect(await waiting()).toEqual(['eip3009', 'eip3009', 'cancel']);
  });

  it('is brought anew when it failed in a transaction, as soon as that is final and not before', async () => {
    await claim(KILL);
    await send(0, KILL);
    const ref = { network: NETWORK, sender: SENDER, accountNonce: 0, transfers: [KILL] };
    const at = { txHash: hex32(7), blockNumber: 7, blockHash: hex32(8) };
    await store.mined({ ...ref, kind: 'transfers' } as never, at, [{ kind: 'failed', reason: 'out_of_gas' }]);
    expect((await claim(KILL)).claimed).toBe(false);
    await store.finalized([ref]);
    expect(await claim(KILL)).toMatchObject({ claimed: true, settlement: { status: 'waiting' } });
    expect([await waiting(), await send(1, KILL)]).toEqual([['cancel'], true]);
  });
});
