// Claims and broadcasts as rows: one claim per transfer whoever asks, one account nonce per broadcast, all or nothing each.
import { randomBytes } from 'node:crypto';
import { parseCaip2, parseEvmAddress, parseHex32, type Hex32 } from '#domain';
import type {
  Attempt,
  BroadcastCall,
  BroadcastStore,
  Eip3009Transfer,
  SettlementDesk,
  SignedTransfer,
  Vault,
} from '#engine';
import {
  createAnswers,
  createBroadcastStore,
  createSettlementDesk,
  ENDED_SQL,
  SETTLED_CHANNEL,
} from '#postgres';
import type pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { storeBench, type Bench } from '../support/postgres-store.js';

const NETWORK = parseCaip2('eip155:84532');
const TOKEN = parseEvmAddress('0x036cbd53842c5426634e7929541ec2318f3dcf7e');
const SENDER = parseEvmAddress(`0x${'5e'.repeat(20)}`);
const logger = { info: () => undefined, warn: () => undefined, error: () => undefined };

/** Turns every byte over: enough to see that what lies in the rows is not the plain text. */
const vault: Vault = {
  seal: (_, plain) => plain.map((byte) => byte ^ 0xff),
  open: (_, sealed) => sealed.map((byte) => byte ^ 0xff),
};

let bench: Bench;
let pool: pg.Pool;
let store: BroadcastStore;
let desk: SettlementDesk;
let otherDesk: SettlementDesk;
let closeAnswers: () => Promise<void>;

const hash = (): Hex32 => parseHex32(`0x${randomBytes(32).toString('hex')}`);

function aTransfer(changes: Partial<Eip3009Transfer> = {}): SignedTransfer {
  return {
    method: 'eip3009',
    network: NETWORK,
    token: TOKEN,
    from: parseEvmAddress(`0x${randomBytes(20).toString('hex')}`),
    to: parseEvmAddress(`0x${'70'.repeat(20)}`),
    value: 10_000n,
    validAfterSec: 0,
    validBeforeSec: 4_000_000_000,
    nonce: hash(),
    signature: randomBytes(65),
    ...changes,
  };
}

const claim = (transfer: SignedTransfer, requestKey: string | null = null, at = desk) =>
  at.claim({ transfer, workspaceId: null, askedBy: 'test', requestKey });

function aCall(accountNonce: number): BroadcastCall {
  return {
    network: NETWORK,
    sender: SENDER,
    accountNonce,
    target: TOKEN,
    data: randomBytes(40),
    gasLimit: 150_000n,
  };
}

const anAttempt = (attempt = 0): Attempt => ({
  attempt,
  txHash: hash(),
  raw: randomBytes(50),
  signedAtMs: 1_700_000_000_123,
  maxFeePerGas: 10n ** 20n,
  maxPriorityFeePerGas: 1n,
});

const settledAt = (txHash = hash(), logIndex = 1) => ({
  kind: 'settled' as const,
  settlement: { txHash, blockNumber: 7, blockHash: hash(), logIndex },
});

/** A transfer that is in the broadcast of that account nonce. */
async function aBroadcast(accountNonce: number, transfers = [aTransfer()]) {
  for (const transfer of transfers) await claim(transfer);
  const call = aCall(accountNonce);
  expect(await store.intend(call, hash(), 'transfers', transfers)).toBe(true);
  return { call, transfers };
}

const statusOf = async (transfer: SignedTransfer) => (await desk.find(transfer))?.status;

beforeAll(async () => {
  bench = await storeBench();
  pool = bench.poolOf('purser_system');
  const url = new URL(bench.database.url);
  url.username = 'purser_system';
  const endings = createAnswers<string>({
    connectionString: url.href,
    channel: SETTLED_CHANNEL,
    logger,
    pollMs: 60_000,
    poll: async (ids) => (await pool.query<{ id: string }>(ENDED_SQL, [ids])).rows.map((row) => row.id),
  });
  closeAnswers = () => endings.close();
  const clock = { nowMs: () => Date.now() };
  store = createBroadcastStore(pool, vault);
  desk = createSettlementDesk({ pool, vault, clock, endings });
  otherDesk = createSettlementDesk({ pool: bench.poolOf('purser_system'), vault, clock, endings });
});
afterAll(async () => {
  await closeAnswers();
  await bench.close();
});
beforeEach(async () => {
  await bench.owner.query(
    'TRUNCATE answer_right, settlement, broadcast_attempt, broadcast, broadcast_account',
  );
  await store.addAccount(NETWORK, SENDER, 5);
});

describe('a claim', () => {
  it('is made once, by whoever asks first, in one process or two', async () => {
    const transfer = aTransfer();
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, n) => claim(transfer, `key-${n}`, n % 2 === 0 ? desk : otherDesk)),
    );
    expect(answers.filter((it) => it.claimed)).toHaveLength(1);
    const keys = new Set(answers.map((it) => it.settlement.requestKey));
    expect(keys.size).toBe(1);
    expect(await store.waiting(NETWORK, 10, [SENDER], [])).toHaveLength(1);
  });

  it('gives back what it was given, and keeps the signature sealed', async () => {
    const transfer = aTransfer();
    const { settlement } = await claim(transfer, 'key');
    expect(settlement).toMatchObject({
      status: 'waiting',
      txHash: null,
      reason: null,
      final: false,
      value: 10_000n,
      askedBy: 'test',
    });
    expect(await desk.find(transfer)).toEqual(settlement);
    const [waiting] = await store.waiting(NETWORK, 10, [SENDER], []);
    expect({ ...waiting, signature: Buffer.from(waiting?.signature ?? []) }).toEqual({
      ...transfer,
      settlementId: settlement.settlementId,
      triedOut: false,
    });
    const { rows } = await bench.owner.query<{ row: string }>('SELECT s::text AS row FROM settlement s');
    expect(rows[0]?.row).not.toContain(Buffer.from(transfer.signature).toString('hex'));
  });

  it('that failed before it was in a transaction makes room for another try; any other does not', async () => {
    const early = aTransfer();
    await claim(early, 'first');
    await store.end([
      { key: early, outcome: { kind: 'failed', reason: 'invalid_exact_evm_insufficient_balance' } },
    ]);
    expect(await claim(early, 'second')).toMatchObject({
      claimed: true,
      settlement: { status: 'waiting', reason: null, requestKey: 'second' },
    });
    await store.end([{ key: early, outcome: settledAt() }]);

    const { call, transfers } = await aBroadcast(5);
    const [late] = transfers;
    if (late === undefined) return expect.fail();
    await store.attempted({ ...call, kind: 'transfers' }, anAttempt());
    const mined = { txHash: hash(), blockNumber: 7, blockHash: hash() };
    const [broadcast] = await store.unfinished(NETWORK);
    if (broadcast === undefined) return expect.fail();
    await store.mined(broadcast, mined, [{ kind: 'failed', reason: 'invalid_exact_evm_transaction_failed' }]);
    expect(await claim(late)).toMatchObject({ claimed: false, settlement: { status: 'failed' } });
    expect(await claim(early)).toMatchObject({ claimed: false, settlement: { status: 'settled' } });
  });

  it('tells who waits as soon as it has ended', async () => {
    const transfer = aTransfer();
    await claim(transfer);
    const begun = performance.now();
    const waiting = desk.ended(transfer, Date.now() + 3_600_000);
    await new Promise((resolve) => setTimeout(resolve, 50));
    const outcome = settledAt();
    await store.end([{ key: transfer, outcome }]);
    expect(await waiting).toMatchObject({ status: 'settled', txHash: outcome.settlement.txHash });
    expect(performance.now() - begun).toBeLessThan(5_000);
  });
});

describe('an intent', () => {
  it('takes the next nonce and all of its transfers', async () => {
    const { call, transfers } = await aBroadcast(5, [aTransfer(), aTransfer(), aTransfer()]);
    expect(await store.accounts(NETWORK)).toEqual([{ address: SENDER, nextNonce: 6 }]);
    expect(await store.waiting(NETWORK, 10, [SENDER], [])).toEqual([]);
    const [broadcast] = await store.unfinished(NETWORK);
    expect(broadcast).toMatchObject({
      accountNonce: 5,
      target: TOKEN,
      gasLimit: 150_000n,
      attempts: [],
      mined: null,
    });
    expect(Buffer.from(broadcast?.data ?? []).equals(Buffer.from(call.data))).toBe(true);
    expect(broadcast?.transfers.map((it) => it.nonce)).toEqual(transfers.map((it) => it.nonce));
  });

  it('does nothing at all when the nonce is taken or a transfer does not wait', async () => {
    const { transfers } = await aBroadcast(5);
    const waiting = aTransfer();
    await claim(waiting);
    expect(await store.intend(aCall(5), hash(), 'transfers', [waiting])).toBe(false);
    expect(await store.intend(aCall(6), hash(), 'transfers', [waiting, ...transfers])).toBe(false);
    expect(await statusOf(waiting)).toBe('waiting');
    expect(await store.accounts(NETWORK)).toEqual([{ address: SENDER, nextNonce: 6 }]);
  });

  it('of one transfer by two broadcasters at once happens once', async () => {
    for (let round = 0; round < 20; round += 1) {
      const transfer = aTransfer();
      await claim(transfer);
      const nonce = 5 + round;
      const won = await Promise.all(
        [nonce, nonce].map((accountNonce) =>
          store.intend(aCall(accountNonce), hash(), 'transfers', [transfer]),
        ),
      );
      expect(won.filter(Boolean)).toHaveLength(1);
    }
  });
});

describe('a broadcast', () => {
  it('comes back after a restart with every signed byte', async () => {
    const { call } = await aBroadcast(5);
    const attempts = [anAttempt(0), anAttempt(1)];
    for (const attempt of attempts) await store.attempted({ ...call, kind: 'transfers' }, attempt);
    const [broadcast] = await store.unfinished(NETWORK);
    expect(broadcast?.attempts.map((it) => ({ ...it, raw: Buffer.from(it.raw) }))).toEqual(attempts);
  });

  it('shows its newest attempt until it is mined, then where the transfer is', async () => {
    const { call, transfers } = await aBroadcast(5, [aTransfer(), aTransfer()]);
    const [good, bad] = transfers;
    if (good === undefined || bad === undefined) return expect.fail();
    const attempt = anAttempt(1);
    await store.attempted({ ...call, kind: 'transfers' }, anAttempt(0));
    await store.attempted({ ...call, kind: 'transfers' }, attempt);
    expect(await desk.find(good)).toMatchObject({ status: 'broadcast', txHash: attempt.txHash });
    const [broadcast] = await store.unfinished(NETWORK);
    if (broadcast === undefined) return expect.fail();
    const outcome = settledAt(attempt.txHash);
    const mined = { txHash: attempt.txHash, blockNumber: 7, blockHash: hash() };
    await store.mined(broadcast, mined, [
      outcome,
      { kind: 'failed', reason: 'invalid_exact_evm_insufficient_balance' },
    ]);
    expect(await desk.find(good)).toMatchObject({ status: 'settled', txHash: attempt.txHash, final: false });
    expect(await desk.find(bad)).toMatchObject({
      status: 'failed',
      reason: 'invalid_exact_evm_insufficient_balance',
    });

    await store.reopened(call);
    expect(await statusOf(good)).toBe('broadcast');
    expect(await desk.find(bad)).toMatchObject({ status: 'broadcast', reason: null });
    const [again] = await store.unfinished(NETWORK);
    expect(again?.mined).toBeNull();

    await store.mined(broadcast, mined, [outcome, outcome]);
    await store.finalized([call]);
    expect(await desk.find(good)).toMatchObject({ status: 'settled', final: true });
    expect(await store.unfinished(NETWORK)).toEqual([]);
    await store.reopened(call);
    expect(await statusOf(good)).toBe('settled');
  });

  it('whose nonce somebody else used lets its transfers wait again', async () => {
    const { call, transfers } = await aBroadcast(5);
    await store.taken(call);
    expect(await store.unfinished(NETWORK)).toEqual([]);
    expect((await store.waiting(NETWORK, 10, [SENDER], [])).map((it) => it.nonce)).toEqual(
      transfers.map((it) => it.nonce),
    );
  });

  it('keeps account nonces rising', async () => {
    await store.raiseNonce(NETWORK, SENDER, 9);
    await store.raiseNonce(NETWORK, SENDER, 7);
    await store.addAccount(NETWORK, SENDER, 1);
    expect(await store.accounts(NETWORK)).toEqual([{ address: SENDER, nextNonce: 9 }]);
  });
});
