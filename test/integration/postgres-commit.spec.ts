import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fold, parseAgentId, parseOperationId, upcast } from '#domain';
import { createOperationStore, eventHash, GENESIS_PREV_HASH, type HashedEvent } from '#postgres';
import { aDelivery, aProof, aSettlement, NETWORK, TOKEN, WALLET } from '../support/builders.js';
import {
  acceptTerms,
  addAgent,
  aPlace,
  approve,
  budgetOf,
  opened,
  prepare,
  requestApproval,
  RESERVE,
  storeBench,
  Walker,
  type Bench,
  type Place,
} from '../support/postgres-store.js';

let bench: Bench;
let place: Place;
beforeAll(async () => {
  bench = await storeBench();
  place = await aPlace(bench.owner);
});
afterAll(() => bench?.close());

const wallet = async (at: Place): Promise<{ balance: string; committed: string }> => {
  const { rows } = await bench.owner.query(
    'SELECT balance::text, committed::text FROM wallet_asset WHERE workspace_id = $1',
    [at.workspaceId],
  );
  return rows[0] as { balance: string; committed: string };
};

const reserved = async (at: Place, amount = 10n): Promise<Walker> => {
  const walker = await opened(bench.store, at);
  await walker.must(acceptTerms(amount), RESERVE);
  return walker;
};

const asked = async (at: Place, decideByMs: number): Promise<Walker> => {
  const walker = await opened(bench.store, at);
  await walker.must(acceptTerms(10n, {}, true), RESERVE, requestApproval(decideByMs));
  return walker;
};

const statusOf = async (walker: Walker): Promise<unknown> => {
  const { rows } = await bench.owner.query('SELECT status FROM approval WHERE operation_id = $1', [
    walker.operationId,
  ]);
  return rows.map((row: { status: string }) => row.status);
};

const codeOf = (error: unknown): unknown => (error as { code?: unknown }).code;

describe('an operation through the store', () => {
  it('keeps state, version, hash chain and budget in step, from opening to capture', async () => {
    const at = await aPlace(bench.owner);
    const walker = await opened(bench.store, at);
    await walker.must(acceptTerms(500n), RESERVE, prepare(500n));
    expect(await wallet(at)).toEqual({ balance: '1000000000000000', committed: '500' });
    await walker.must(
      { type: 'RecordSigned', signatureHash: 's' },
      {
        type: 'RecordDelivery',
        delivery: aDelivery(),
        seen: aSettlement(),
      },
    );
    expect(await wallet(at)).toEqual({ balance: '999999999999500', committed: '0' });
    await walker.must({ type: 'ReorgSettlement' });
    expect(await wallet(at)).toEqual({ balance: '1000000000000000', committed: '500' });
    await walker.must({ type: 'ObserveSettlement', settlement: aSettlement() });
    expect(await budgetOf(bench.owner, at, at.agentId)).toMatchObject({ held: 500n, lifetime: 0n });
    await walker.must({ type: 'FinalizeSettlement', settlement: aSettlement() });
    expect(await wallet(at)).toEqual({ balance: '999999999999500', committed: '0' });
    const paid = { held: 0n, heldCount: 0, day: 500n, month: 500n, lifetime: 500n };
    expect(await budgetOf(bench.owner, at, at.agentId)).toEqual(paid);
    expect(await budgetOf(bench.owner, at, at.workspaceId)).toEqual(paid);

    const known = walker.loaded;
    await walker.reload();
    expect(walker.loaded.state).toEqual(known.state);
    expect(walker.loaded).toMatchObject({ version: known.version, lastHash: known.lastHash });

    const { rows } = await bench.owner.query(
      `SELECT version, type, schema, data, actor, occurred_at_ms, encode(hash, 'hex') AS hash FROM events WHERE operation_id = $1 ORDER BY version`,
      [walker.operationId],
    );
    let prev = GENESIS_PREV_HASH;
    for (const row of rows) {
      prev = eventHash(prev, {
        ...(row as Omit<HashedEvent, 'workspaceId'>),
        workspaceId: at.workspaceId,
        operationId: walker.operationId,
        occurredAtMs: Number(row.occurred_at_ms),
      });
      expect(row.hash).toBe(prev);
    }
    expect(fold(rows.map(upcast))).toEqual(walker.loaded.state);
    const { rows: ops } = await bench.owner.query(
      'SELECT status, version, answerable FROM operations WHERE operation_id = $1',
      [walker.operationId],
    );
    expect(ops[0]).toEqual({ status: 'settled', version: rows.length, answerable: true });
  });

  it('gives budget and wallet back on proof that the authorization is dead, once', async () => {
    const at = await aPlace(bench.owner);
    const walker = await opened(bench.store, at);
    await walker.must(acceptTerms(70n), RESERVE, prepare(70n));
    const proof = aProof({ blockTimeSec: 4_000_000_000 });
    await walker.must({ type: 'RecordExpiredUnused', proof });
    expect(await wallet(at)).toEqual({ balance: '1000000000000000', committed: '0' });
    expect(await budgetOf(bench.owner, at, at.agentId)).toMatchObject({ held: 0n, heldCount: 0 });
    const again = walker.commitOf([], {
      events: [{ type: 'BudgetReleased', data: { amount: 70n, reason: 'twice' } }],
      state: walker.loaded.state,
    });
    await expect(bench.store.append(again)).rejects.toThrow(/release of what is not held/);
    expect(await budgetOf(bench.owner, at, at.agentId)).toMatchObject({ held: 0n, heldCount: 0 });
  });

  it('never releases a hold under a live authorization (S5)', async () => {
    const walker = await opened(bench.store, place);
    await walker.must(acceptTerms(70n), RESERVE, prepare(70n));
    const rogue = walker.commitOf([], {
      events: [{ type: 'BudgetReleased', data: { amount: 70n, reason: 'timeout' } }],
      state: walker.loaded.state,
    });
    await expect(bench.store.append(rogue)).rejects.toThrow(/live authorization/);
  });

  it('captures less than it held, and the rest is free again', async () => {
    const at = await aPlace(bench.owner);
    const walker = await opened(bench.store, at);
    await walker.must(acceptTerms(100n), RESERVE, prepare(100n));
    const commit = walker.commitOf([{ type: 'FinalizeSettlement', settlement: aSettlement() }]);
    const events = commit.events.map((event) =>
      event.type === 'BudgetCaptured' ? { type: event.type, data: { amount: 60n } } : event,
    );
    expect(await bench.store.append({ ...commit, events })).toMatchObject({ ok: true });
    expect(await budgetOf(bench.owner, at, at.workspaceId)).toMatchObject({ held: 0n, lifetime: 60n });
  });

  it('stores sealed blobs with the commit, and forgets them after their time', async () => {
    const walker = await opened(bench.store, place);
    const blobs = [
      { kind: 'request_body', sealed: Buffer.from([0, 255, 7]), meta: { a: [1] }, ttlMs: 60_000 },
      { kind: 'signature', sealed: Buffer.from('x'), meta: null, ttlMs: 0 },
    ] as const;
    expect(
      await bench.store.append({ ...walker.commitOf([acceptTerms(5n)]), blobs: [...blobs] }),
    ).toMatchObject({ ok: true });
    const stored = await bench.store.blob(walker.loaded, 'request_body');
    expect({ ...stored, sealed: [...(stored?.sealed ?? [])] }).toEqual({
      sealed: [0, 255, 7],
      meta: { a: [1] },
    });
    expect(await bench.store.blob(walker.loaded, 'signature')).toBeUndefined();
  });
});

describe('idempotency keys', () => {
  it('bind one operation for ever, also when claimed in parallel by two processes', async () => {
    const other = bench.otherStore();
    for (let round = 0; round < 5; round += 1) {
      const operationId = parseOperationId(randomUUID());
      const outcomes = await Promise.all(
        Array.from({ length: 50 }, (_, at) =>
          new Walker(at % 2 === 0 ? bench.store : other, place, operationId).open(),
        ),
      );
      const openings = outcomes.filter((it) => it.ok && it.outcome === 'opened');
      expect(openings).toHaveLength(1);
      const replays = outcomes.filter((it) => it.ok && it.outcome === 'existing');
      expect(replays).toHaveLength(49);
      expect(replays[0]).toMatchObject({ operationId, fingerprint: 'f' });
      const { rows } = await bench.owner.query(
        'SELECT count(*)::int AS n FROM events WHERE operation_id = $1',
        [operationId],
      );
      expect(rows[0]).toEqual({ n: 1 });
    }
  });

  it('are not bound by a refusal, and are answered while everything is stopped', async () => {
    const at = await aPlace(bench.owner);
    const first = await opened(bench.store, at);
    await bench.owner.query('UPDATE control SET paused = true WHERE scope = $1', [at.workspaceId]);
    const walker = new Walker(bench.store, at);
    expect(await walker.open()).toMatchObject({
      ok: false,
      guard: 'stopped',
      details: { scope: 'workspace' },
    });
    expect(await new Walker(bench.store, at, first.operationId).open()).toMatchObject({
      outcome: 'existing',
    });
    await bench.owner.query('UPDATE control SET paused = false WHERE scope = $1', [at.workspaceId]);
    expect(await walker.open()).toMatchObject({ outcome: 'opened' });
  });
});

describe('versions and fences', () => {
  it('let exactly one of many concurrent commits on a version through', async () => {
    const walker = await opened(bench.store, place);
    const other = bench.otherStore();
    const commit = walker.commitOf([acceptTerms(5n)]);
    const outcomes = await Promise.all(
      Array.from({ length: 20 }, (_, at) => (at % 2 === 0 ? bench.store : other).append(commit)),
    );
    expect(outcomes.filter((it) => it.ok)).toHaveLength(1);
    expect(outcomes.filter((it) => !it.ok && it.reason === 'conflict')).toHaveLength(19);
  });

  it('shut out a worker whose lease was taken over', async () => {
    const walker = await opened(bench.store, place);
    const first = await bench.store.claim(walker.operationId, 'one');
    expect(first).toMatchObject({ leaseEpoch: 1, attempts: 1 });
    expect(await bench.store.claim(walker.operationId, 'two')).toBeUndefined();
    await bench.owner.query('UPDATE operations SET lease_until = now() WHERE operation_id = $1', [
      walker.operationId,
    ]);
    const second = await bench.store.claim(walker.operationId, 'two');
    expect(second).toMatchObject({ leaseEpoch: 2, attempts: 2 });
    const stale = walker.commitOf([acceptTerms(5n)], { leaseEpoch: 1 });
    expect(await bench.store.append(stale)).toEqual({ ok: false, reason: 'lease_lost' });
    expect(await bench.store.renew([{ operationId: walker.operationId, leaseEpoch: 1 }])).toEqual([
      walker.operationId,
    ]);
    expect(await bench.store.renew([{ operationId: walker.operationId, leaseEpoch: 2 }])).toEqual([]);
    expect(await bench.store.append({ ...stale, leaseEpoch: 2, releaseLease: true })).toMatchObject({
      ok: true,
    });
    expect(await bench.store.claim(walker.operationId, 'three')).toMatchObject({
      leaseEpoch: 3,
      attempts: 1,
    });
  });

  it('bring an operation back when its lease runs out, and when it was given back', async () => {
    const walker = await opened(bench.store, place);
    const due = async (): Promise<boolean> => (await bench.store.due(100_000)).includes(walker.operationId);
    expect(await due()).toBe(true);
    const claimed = await bench.store.claim(walker.operationId, 'one');
    if (!claimed) throw new Error('not claimed');
    expect(await due()).toBe(false);
    await bench.owner.query(
      'UPDATE operations SET lease_until = now(), next_attempt_at = now() WHERE operation_id = $1',
      [walker.operationId],
    );
    expect(await due()).toBe(true);
    await bench.store.yieldLease(claimed, Date.now() - 1, 'fault');
    expect(await bench.store.claim(walker.operationId, 'two')).toMatchObject({ attempts: 2 });
  });

  it('leave an operation with an unreadable history alone, and spare those that are claimed or read beside it', async () => {
    const [bad, good] = [await opened(bench.store, place), await opened(bench.store, place)];
    const { operationId: id } = bad;
    await bench.owner.query(
      `WITH row AS (UPDATE operations SET version = 2 WHERE operation_id = $1 RETURNING *)
       INSERT INTO events (workspace_id, opened_month, operation_id, version, type, schema, data, actor, occurred_at_ms, prev_hash, hash, cluster_epoch)
       SELECT e.workspace_id, e.opened_month, e.operation_id, 2, 'OfTomorrow', 1, '{}', e.actor, e.occurred_at_ms, e.hash, e.hash, e.cluster_epoch
         FROM events e JOIN row USING (operation_id)`,
      [id],
    );
    for (let attempt = 1; attempt <= 8; attempt += 1) {
      const [claimed, read, beside, readBeside] = await Promise.allSettled([
        bench.store.claim(id, 'one'),
        bench.store.load(bad.loaded),
        bench.store.claim(good.operationId, 'one'),
        bench.store.load(good.loaded),
      ]);
      expect(claimed).toMatchObject({
        status: 'rejected',
        reason: { message: 'unknown event OfTomorrow v1' },
      });
      expect(read.status).toBe('rejected');
      expect(beside.status).toBe('fulfilled');
      expect(readBeside).toMatchObject({ status: 'fulfilled', value: { operationId: good.operationId } });
    }
    const { rows } = await bench.owner.query(
      'SELECT attempts, lease_owner, next_attempt_at FROM operations WHERE operation_id = $1',
      [id],
    );
    expect(rows).toEqual([{ attempts: 8, lease_owner: null, next_attempt_at: null }]);
  });

  it('claim each operation for one of many workers', async () => {
    const walkers = await Promise.all(Array.from({ length: 30 }, () => opened(bench.store, place)));
    const stores = [bench.store, bench.otherStore(), bench.otherStore()];
    const claims = await Promise.all(
      stores.flatMap((store, at) => walkers.map((walker) => store.claim(walker.operationId, `w${at}`))),
    );
    expect(claims.filter((it) => it !== undefined)).toHaveLength(30);
    expect(claims.every((it) => !it || it.state.status === 'opened')).toBe(true);
  });
});

describe('stops, wallets and nonces guard the intent', () => {
  it('refuses under every stop, and nothing of the commit stays', async () => {
    const at = await aPlace(bench.owner);
    const walker = await reserved(at);
    const meddle = (sql: string): Promise<unknown> => bench.owner.query(sql);
    const stops: readonly [string, string, string][] = [
      [
        `UPDATE control SET paused = true WHERE scope = '${at.workspaceId}'`,
        `UPDATE control SET paused = false WHERE scope = '${at.workspaceId}'`,
        'workspace',
      ],
      [
        `INSERT INTO agent_stop (workspace_id, agent_id) VALUES ('${at.workspaceId}', '${at.agentId}')`,
        'DELETE FROM agent_stop',
        'agent',
      ],
      [
        `UPDATE cluster SET quarantined_until = now() + interval '1 hour'`,
        'UPDATE cluster SET quarantined_until = NULL',
        'quarantine',
      ],
      [
        `UPDATE control SET paused = true WHERE scope = 'global'`,
        `UPDATE control SET paused = false WHERE scope = 'global'`,
        'global',
      ],
    ];
    for (const [stop, resume, scope] of stops) {
      await meddle(stop);
      expect(await walker.do(prepare(10n))).toMatchObject({ guard: 'stopped', details: { scope } });
      await meddle(resume);
    }
    expect(await wallet(at)).toMatchObject({ committed: '0' });
    await walker.must(prepare(10n));
  });

  it('refuses what the wallet does not cover after live authorizations', async () => {
    const at = await aPlace(bench.owner);
    await bench.owner.query('UPDATE wallet_asset SET balance = 25 WHERE workspace_id = $1', [at.workspaceId]);
    const walkers = await Promise.all([1, 2, 3].map(() => reserved(at)));
    const outcomes = await Promise.all(walkers.map((walker) => walker.do(prepare(10n))));
    expect(outcomes.filter((it) => it.ok)).toHaveLength(2);
    expect(outcomes.find((it) => !it.ok)).toEqual({
      ok: false,
      reason: 'guard',
      guard: 'wallet',
      details: { balance: '25', committed: '20', needed: '10' },
    });
    const other = await reserved(at);
    await bench.owner.query(
      'DELETE FROM wallet_asset WHERE workspace_id = $1 AND wallet_id = $2 AND network = $3 AND token = $4',
      [at.workspaceId, WALLET, NETWORK, TOKEN],
    );
    expect(await other.do(prepare(10n))).toMatchObject({ guard: 'wallet' });
  });

  it('accepts a nonce once, also within one batch', async () => {
    const nonce = 'ab'.repeat(32);
    const walkers = await Promise.all([1, 2, 3, 4].map(() => reserved(place)));
    const outcomes = await Promise.all(walkers.map((walker) => walker.do(prepare(10n, nonce))));
    expect(outcomes.filter((it) => it.ok)).toHaveLength(1);
    expect(
      outcomes.filter((it) => !it.ok && it.reason === 'guard' && it.guard === 'duplicate_nonce'),
    ).toHaveLength(3);
  });
});

describe('a batch', () => {
  it('loses only the command that breaks an invariant', async () => {
    const at = await aPlace(bench.owner);
    const walkers = await Promise.all(Array.from({ length: 40 }, () => opened(bench.store, at)));
    const outcomes = await Promise.allSettled(
      walkers.map((walker, number) => {
        if (number % 13 !== 5) return walker.do(acceptTerms(1n), RESERVE);
        const commit = walker.commitOf([acceptTerms(1n), RESERVE]);
        const rogue = { type: 'BudgetCaptured', data: { amount: 2n } } as const;
        return bench.store.append({ ...commit, events: [...commit.events, rogue] });
      }),
    );
    expect(outcomes.filter((it) => it.status === 'rejected')).toHaveLength(3);
    expect(await budgetOf(bench.owner, at, at.workspaceId)).toMatchObject({ held: 37n, heldCount: 37 });
  });

  it('mixes workspaces, and a row locked in one does not delay the others', async () => {
    const slow = await aPlace(bench.owner);
    const quick = await aPlace(bench.owner);
    const [held, ...free] = await Promise.all([
      opened(bench.store, slow),
      ...Array.from({ length: 20 }, () => opened(bench.store, quick)),
    ]);
    const blocker = await bench.owner.connect();
    await blocker.query('BEGIN');
    await blocker.query('SELECT FROM budget_node WHERE workspace_id = $1 FOR UPDATE', [slow.workspaceId]);
    let slowDone = false;
    const waiting = held.do(acceptTerms(1n), RESERVE).then((outcome) => {
      slowDone = true;
      return outcome;
    });
    for (const walker of free) expect(await walker.do(acceptTerms(1n), RESERVE)).toMatchObject({ ok: true });
    expect(slowDone).toBe(false);
    await blocker.query('COMMIT');
    blocker.release();
    expect(await waiting).toMatchObject({ ok: true });
  });

  it('of unknown outcome is told apart: the same key finds out', async () => {
    const store = bench.otherStore();
    const walkers = Array.from({ length: 200 }, () => new Walker(store, place));
    const outcomes: Promise<PromiseSettledResult<unknown>[]> = Promise.allSettled(
      walkers.map(async (walker, at) => {
        for (let turn = 0; turn < at; turn += 1) await Promise.resolve();
        return walker.open();
      }),
    );
    const killing = (async () => {
      let killed = 0;
      while (killed < 3) {
        const { rows } = await bench.owner.query<{ n: number }>(
          `WITH victims AS MATERIALIZED (
             SELECT pid FROM pg_stat_activity WHERE usename = 'purser_writer' AND datname = current_database())
           SELECT count(pg_terminate_backend(pid))::int AS n FROM victims`,
        );
        killed += rows[0]?.n ?? 0;
      }
    })();
    await killing;
    for (const [at, outcome] of (await outcomes).entries()) {
      if (outcome.status === 'rejected')
        expect(outcome.reason).toMatchObject({ code: 'database_unavailable' });
      const walker = new Walker(store, place, walkers[at]?.operationId);
      const again = await walker.open().catch(() => walker.open());
      expect(again).toMatchObject({ ok: true });
    }
    const { rows } = await bench.owner.query(
      'SELECT count(*)::int AS n FROM events WHERE operation_id = ANY ($1)',
      [walkers.map((walker) => walker.operationId)],
    );
    expect(rows).toEqual([{ n: 200 }]);
  });

  it('beyond the capacity is refused at once', async () => {
    const writer = bench.poolOf('purser_writer');
    const store = createOperationStore({ writer, reads: writer, groupCommit: { capacity: 10 } });
    const outcomes = await Promise.allSettled(
      Array.from({ length: 12 }, () => new Walker(store, place).open().catch(codeOf)),
    );
    const refused = outcomes.filter((it) => it.status === 'fulfilled' && it.value === 'database_unavailable');
    expect(refused).toHaveLength(2);
  });

  it('notifies which operations became answerable', async () => {
    const client = await bench.owner.connect();
    const heard: string[] = [];
    client.on('notification', (message) => heard.push(...(message.payload ?? '').split(',')));
    await client.query('LISTEN purser_answers');
    const walkers = await Promise.all(Array.from({ length: 450 }, () => opened(bench.store, place)));
    await Promise.all(
      walkers.map((walker) => walker.must({ type: 'Refuse', code: 'policy_refused', details: {} })),
    );
    await client.query('SELECT 1');
    expect(new Set(heard)).toEqual(new Set(walkers.map((walker) => walker.operationId)));
    client.release(true);
  });
});

describe('approvals', () => {
  it('are decided once, before their time', async () => {
    const walker = await asked(place, Date.now() + 60_000);
    const verdicts = await Promise.all([
      bench.store.append(walker.commitOf([approve()])),
      bench.store.append(walker.commitOf([{ type: 'Reject', by: 'bob', reason: 'no', nowMs: 0 }])),
      bench.otherStore().append(walker.commitOf([approve()])),
    ]);
    expect(verdicts.filter((it) => it.ok)).toHaveLength(1);
    const early = await asked(place, Date.now() + 60_000);
    const expiry = early.commitOf([{ type: 'ExpireApproval', nowMs: Date.now() + 120_000 }]);
    expect(await bench.store.append(expiry)).toMatchObject({ guard: 'deadline' });
  });

  it('are refused when the wait for a lock outlasts the deadline (M7)', async () => {
    const decideByMs = Date.now() + 700;
    const rows: readonly string[] = ['operations', 'approval'];
    const walkers = await Promise.all(rows.map(() => asked(place, decideByMs)));
    const blockers = await Promise.all(rows.map(() => bench.owner.connect()));
    for (const [at, table] of rows.entries()) {
      await blockers[at]?.query('BEGIN');
      await blockers[at]?.query(`SELECT FROM ${table} WHERE operation_id = $1 FOR UPDATE`, [
        walkers[at]?.operationId,
      ]);
    }
    const decisions = walkers.map((walker) => walker.do(approve()));
    for (const blocker of blockers) {
      // The server's clock decides: leave the lock only when the deadline is behind it.
      await blocker.query('SELECT pg_sleep_until(to_timestamp($1::float8))', [decideByMs / 1000 + 0.05]);
      await blocker.query('COMMIT');
      blocker.release();
    }
    for (const outcome of await Promise.all(decisions))
      expect(outcome).toMatchObject({ ok: false, guard: 'deadline' });
    expect(await Promise.all(walkers.map(statusOf))).toEqual([['pending'], ['pending']]);
  });

  it('cover an intent only until their use-by, and are closed with their operation', async () => {
    const walker = await asked(place, Date.now() + 60_000);
    const validBeforeMs = prepare(10n).authorization.validBeforeSec * 1000;
    await walker.must(approve(Math.max(validBeforeMs, Date.now() + 400_000)));
    await walker.must({
      type: 'ConfirmTerms',
      terms: acceptTerms(10n).terms,
      verdict: acceptTerms(10n, {}, true).verdict,
      termsDigest: 't1',
    });
    await bench.owner.query('UPDATE approval SET use_by = now() WHERE operation_id = $1', [
      walker.operationId,
    ]);
    expect(await walker.do(prepare(10n))).toMatchObject({ guard: 'deadline' });
    await walker.must({ type: 'Cancel', by: 'alice', reason: 'late' });
    expect(await statusOf(walker)).toEqual(['cancelled']);
  });
});

describe('agents', () => {
  it('without a budget in the unit may not pay', async () => {
    const at = await aPlace(bench.owner, {});
    const walker = await opened(bench.store, at);
    expect(await walker.do(acceptTerms(1n), RESERVE)).toEqual({
      ok: false,
      reason: 'guard',
      guard: 'no_budget',
      details: { unit: 'USD6', needed: '1' },
    });
    const second = { ...at, agentId: parseAgentId(randomUUID()) };
    await addAgent(bench.owner, second, { lifetime: 5n });
    expect(await (await opened(bench.store, second)).do(acceptTerms(1n), RESERVE)).toMatchObject({
      ok: true,
    });
  });
});
