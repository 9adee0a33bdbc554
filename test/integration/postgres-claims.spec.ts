// What a claim brings along for the facilitator: the right to be told with it, and whether the transfer was just seen to succeed.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  createAnswerRights,
  createBroadcastStore,
  createSettlementDesk,
  type ListeningAnswers,
} from '#postgres';
import type { AnswerRights, BroadcastStore, SettlementDesk, SignedTransfer, Vault } from '#engine';
import { address, hex32, NETWORK, TOKEN, WORKSPACE } from '../support/builders.js';
import { storeBench, type Bench } from '../support/postgres-store.js';

const MINUTE = 60_000;
const vault: Vault = { seal: (_, plain) => plain, open: (_, sealed) => sealed };
const endings: Pick<ListeningAnswers<string>, 'changed'> = { changed: () => Promise.resolve() };

let bench: Bench;
let desk: SettlementDesk;
let rights: AnswerRights;
let store: BroadcastStore;
beforeAll(async () => {
  bench = await storeBench();
  const pool = bench.poolOf('purser_system');
  desk = createSettlementDesk({ pool, vault, endings, clock: { nowMs: () => Date.now() } });
  rights = createAnswerRights(pool);
  store = createBroadcastStore(pool, vault);
});
afterAll(() => bench?.close());
beforeEach(() => bench.owner.query('TRUNCATE answer_right, settlement CASCADE'));

const transferOf = (nonce: number): SignedTransfer => ({
  method: 'eip3009',
  network: NETWORK,
  token: TOKEN,
  from: address(0xaa),
  to: address(0xbb),
  value: 10_000n,
  validAfterSec: 0,
  validBeforeSec: 4_000_000_000,
  nonce: hex32(nonce),
  signature: new Uint8Array(65),
});
const requestOf = (transfer: SignedTransfer, triedOut = false) => ({
  transfer,
  workspaceId: null,
  askedBy: 'test',
  requestKey: null,
  triedOut,
});

const NOBODY = { workspaceId: null, requestKey: null };
const triedOut = async () => (await store.waiting(NETWORK, 10, [], [])).map((it) => it.triedOut);

describe('the right to be told', () => {
  it('comes with the claim to the one who makes it and waits', async () => {
    const transfer = transferOf(1);
    const made = await Promise.all(Array.from({ length: 20 }, () => desk.claim(requestOf(transfer), MINUTE)));
    const holders = made.flatMap((it) => it.holder ?? []);
    expect(holders).toHaveLength(1);
    expect(made.find((it) => it.claimed)?.holder).toBe(holders[0]);
    expect(await rights.take(transfer, MINUTE, NOBODY)).toBeUndefined();
    expect(await rights.told(transfer, holders[0] ?? '')).toBe(true);
  });

  it('stays free where nobody waits', async () => {
    const transfer = transferOf(1);
    expect((await desk.claim(requestOf(transfer))).holder).toBeNull();
    expect(await rights.take(transfer, MINUTE, NOBODY)).toBeDefined();
  });

  it('stays with an earlier asker when a failed claim is made again', async () => {
    const transfer = transferOf(1);
    const { holder } = await desk.claim(requestOf(transfer), MINUTE);
    await store.end([{ key: transfer, outcome: { kind: 'failed', reason: 'broke' } }]);
    expect(await desk.claim(requestOf(transfer), MINUTE)).toMatchObject({ claimed: true, holder: null });
    expect(await rights.told(transfer, holder ?? '')).toBe(true);
  });
});

describe('a failed claim that another tenant makes again', () => {
  const theirs = { ...requestOf(transferOf(1)), workspaceId: WORKSPACE, requestKey: 'key:order-1' };

  it('comes with the right, whoever still waits for the first', async () => {
    const transfer = transferOf(1);
    const { holder } = await desk.claim(requestOf(transfer), MINUTE);
    await store.end([{ key: transfer, outcome: { kind: 'failed', reason: 'broke' } }]);
    const again = await desk.claim(theirs, MINUTE);
    expect(again).toMatchObject({ claimed: true, holder: expect.any(String) as string });
    expect(await rights.told(transfer, holder ?? '')).toBe(false);
    await rights.giveBack(transfer, holder ?? '');
    expect(await rights.take(transfer, MINUTE, NOBODY)).toBeUndefined();
    expect(await rights.isOf(transfer, theirs)).toBe(true);
    expect(await rights.told(transfer, again.holder ?? '')).toBe(true);
  });

  it('does not undo that somebody has been told', async () => {
    const transfer = transferOf(1);
    const { holder } = await desk.claim(requestOf(transfer), MINUTE);
    expect(await rights.told(transfer, holder ?? '')).toBe(true);
    await store.end([{ key: transfer, outcome: { kind: 'failed', reason: 'broke' } }]);
    expect(await desk.claim(theirs, MINUTE)).toMatchObject({ claimed: true, holder: null });
  });
});

describe('a transfer that was seen to succeed', () => {
  it('counts as tried out for a moment after its claim', async () => {
    await desk.claim(requestOf(transferOf(1), true));
    await desk.claim(requestOf(transferOf(2)));
    expect(await triedOut()).toEqual([true, false]);
    await bench.owner.query(`UPDATE settlement SET asked_at = asked_at - interval '1 second'`);
    expect(await triedOut()).toEqual([false, false]);
  });

  it('does not when the same transfer is claimed again without a look', async () => {
    const transfer = transferOf(1);
    await desk.claim(requestOf(transfer, true));
    await store.end([{ key: transfer, outcome: { kind: 'failed', reason: 'broke' } }]);
    await desk.claim(requestOf(transfer));
    expect(await store.waiting(NETWORK, 10, [], [])).toMatchObject([{ triedOut: false }]);
  });
});
