// Leases on operations, in database time: who may drive an operation now. Many requests become one statement.
import { parseOperationId, type OperationId } from '#domain';
import { coalesce, type Claimed } from '#engine';
import type pg from 'pg';
import { LOADED_COLUMNS, readable, tryLoadedOf, Unreadable, type LoadedRow } from './loading.js';

const LEASE_SEC = 30;
const UNREADABLE_ATTEMPTS = 8;

/**
 * Nobody waits here for somebody else's row: what is locked is asked for again, alone. An operation that is due keeps its time, since the lease
 * alone hides it from `due`: an indexed column that does not change spares every index of the row an entry.
 */
const CLAIM = (lock: string): string => `
WITH free AS (
  SELECT o.workspace_id, o.operation_id, t.owner FROM unnest($1::uuid[], $2::text[]) t(operation_id, owner)
    JOIN operations o ON o.operation_id = t.operation_id
   WHERE o.lease_until IS NULL OR o.lease_until <= clock_timestamp()
   ORDER BY o.workspace_id, o.operation_id FOR UPDATE OF o ${lock}
), o AS (
  UPDATE operations u SET lease_owner = free.owner, lease_epoch = u.lease_epoch + 1, attempts = u.attempts + 1,
         lease_until = clock_timestamp() + interval '${LEASE_SEC} seconds',
         next_attempt_at = least(u.next_attempt_at, clock_timestamp() + interval '${LEASE_SEC} seconds')
    FROM free WHERE u.workspace_id = free.workspace_id AND u.operation_id = free.operation_id
  RETURNING u.*
)
SELECT ${LOADED_COLUMNS}, o.workspace_id, o.lease_epoch::text AS lease_epoch FROM o`;

/** Of those that could not be claimed, the ones that nobody leases: somebody held the row for a moment. */
const MISSED = `SELECT operation_id FROM operations WHERE operation_id = ANY ($1::uuid[]) AND (lease_until IS NULL OR lease_until <= clock_timestamp())`;

const RENEW = `
WITH kept AS (
  UPDATE operations o SET lease_until = clock_timestamp() + interval '${LEASE_SEC} seconds',
         next_attempt_at = least(o.next_attempt_at, clock_timestamp() + interval '${LEASE_SEC} seconds')
    FROM unnest($1::uuid[], $2::bigint[]) t(operation_id, lease_epoch)
   WHERE o.operation_id = t.operation_id AND o.lease_epoch = t.lease_epoch AND o.lease_until IS NOT NULL
  RETURNING o.operation_id
)
SELECT t.operation_id FROM unnest($1::uuid[]) t(operation_id) WHERE t.operation_id NOT IN (SELECT kept.operation_id FROM kept)`;

/** Who appended meanwhile (an approver, the watcher) may have asked for an earlier look: then the operation is due at once. */
const YIELD = `
UPDATE operations o SET lease_owner = NULL, lease_until = NULL,
       next_attempt_at = CASE WHEN o.version = t.version THEN to_timestamp(t.next / 1000.0) ELSE clock_timestamp() END,
       attempts = CASE WHEN t.failed THEN o.attempts ELSE 0 END
  FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::bigint[], $5::boolean[], $6::integer[]) t(workspace_id, operation_id, lease_epoch, next, failed, version)
 WHERE o.workspace_id = t.workspace_id AND o.operation_id = t.operation_id AND o.lease_epoch = t.lease_epoch`;

/** A lease is ended by its release or its time; an operation that is leased comes due when its lease runs out. */
const DUE = `
SELECT operation_id FROM operations WHERE next_attempt_at <= clock_timestamp() AND (lease_until IS NULL OR lease_until <= clock_timestamp())
 ORDER BY next_attempt_at LIMIT $1`;

/** What cannot be read cannot be driven either: after as many attempts as any other operation gets, it is left to a person (L5). */
const PARK = `
UPDATE operations o SET lease_owner = NULL, lease_until = NULL,
       next_attempt_at = CASE WHEN o.attempts >= ${UNREADABLE_ATTEMPTS} THEN NULL ELSE clock_timestamp() + interval '${LEASE_SEC} seconds' END
  FROM unnest($1::uuid[], $2::bigint[]) t(operation_id, lease_epoch)
 WHERE o.operation_id = t.operation_id AND o.lease_epoch = t.lease_epoch`;

interface Claim {
  readonly operationId: OperationId;
  readonly owner: string;
}

interface Yield {
  readonly claimed: Claimed;
  readonly nextAttemptAtMs: number | null;
  readonly failed: boolean;
}

type Taken = Claimed | Unreadable;
type ClaimedRow = LoadedRow & { readonly workspace_id: string; readonly lease_epoch: string };

export class Leases {
  readonly giveBack: (back: Yield) => Promise<void>;

  private readonly claimSoon: (claim: Claim) => Promise<Taken | 'missed' | undefined>;

  constructor(
    private readonly pool: pg.Pool,
    private readonly reload: (claimed: Claimed) => Promise<Claimed>,
  ) {
    this.claimSoon = coalesce((claims: readonly Claim[]) => this.claimAll(claims), {
      maxBatch: 256,
      concurrency: 2,
    });
    this.giveBack = coalesce((backs: readonly Yield[]) => this.yieldAll(backs), {
      maxBatch: 256,
      concurrency: 1,
    });
  }

  async claim(claim: Claim): Promise<Claimed | undefined> {
    const soon = await this.claimSoon(claim);
    const taken = soon === 'missed' ? (await this.take([claim], '')).get(claim.operationId) : soon;
    return readable(taken);
  }

  async renew(
    unsorted: readonly { readonly operationId: OperationId; readonly leaseEpoch: number }[],
  ): Promise<OperationId[]> {
    // Rows are locked in one order everywhere, or two statements could wait for each other.
    const leases = unsorted.toSorted((a, b) => (a.operationId < b.operationId ? -1 : 1));
    const { rows } = await this.pool.query<{ operation_id: OperationId }>({
      name: 'purser_renew',
      text: RENEW,
      values: [leases.map((it) => it.operationId), leases.map((it) => it.leaseEpoch)],
    });
    return rows.map((row) => row.operation_id);
  }

  async due(limit: number): Promise<OperationId[]> {
    const { rows } = await this.pool.query<{ operation_id: OperationId }>({
      name: 'purser_due',
      text: DUE,
      values: [limit],
    });
    return rows.map((row) => row.operation_id);
  }

  /** 'missed': free, but somebody held the row just then; whoever asked waits for it alone. */
  private async claimAll(claims: readonly Claim[]): Promise<(Taken | 'missed' | undefined)[]> {
    const first = new Map<OperationId, Claim>();
    for (const claim of claims) if (!first.has(claim.operationId)) first.set(claim.operationId, claim);
    const taken = await this.take([...first.values()], 'SKIP LOCKED');
    const without = [...first.keys()].filter((id) => !taken.has(id));
    const missed = new Set<OperationId>();
    if (without.length > 0) {
      const { rows } = await this.pool.query<{ operation_id: OperationId }>(MISSED, [without]);
      for (const row of rows) missed.add(row.operation_id);
    }
    return claims.map((claim) => {
      // Two callers of one process wanted the same operation: one of them gets it.
      if (first.get(claim.operationId) !== claim) return undefined;
      return taken.get(claim.operationId) ?? (missed.has(claim.operationId) ? 'missed' : undefined);
    });
  }

  private async take(claims: readonly Claim[], lock: 'SKIP LOCKED' | ''): Promise<Map<OperationId, Taken>> {
    const { rows } = await this.pool.query<ClaimedRow>({
      name: lock === '' ? 'purser_claim_waiting' : 'purser_claim',
      text: CLAIM(lock),
      values: [claims.map((it) => it.operationId), claims.map((it) => it.owner)],
    });
    const unreadable: ClaimedRow[] = [];
    const taken = await Promise.all(
      rows.map(async (row): Promise<readonly [OperationId, Taken]> => {
        const operationId = parseOperationId(row.operation_id);
        const read = tryLoadedOf(row.workspace_id, row);
        if (read instanceof Unreadable) {
          unreadable.push(row);
          return [operationId, read];
        }
        const it: Claimed = { ...read.loaded, leaseEpoch: Number(row.lease_epoch) };
        // The row was locked after the statement began: its events may be newer than what this statement sees.
        return [operationId, read.whole ? it : await this.reload(it).catch((error) => new Unreadable(error))];
      }),
    );
    if (unreadable.length > 0) await this.park(unreadable);
    return new Map(taken);
  }

  private async park(unreadable: readonly ClaimedRow[]): Promise<void> {
    await this.pool.query(PARK, [
      unreadable.map((row) => row.operation_id),
      unreadable.map((row) => row.lease_epoch),
    ]);
  }

  private async yieldAll(unsorted: readonly Yield[]): Promise<void[]> {
    const backs = unsorted.toSorted((a, b) => (a.claimed.operationId < b.claimed.operationId ? -1 : 1));
    await this.pool.query({
      name: 'purser_yield',
      text: YIELD,
      values: [
        backs.map((it) => it.claimed.workspaceId),
        backs.map((it) => it.claimed.operationId),
        backs.map((it) => it.claimed.leaseEpoch),
        backs.map((it) => (it.nextAttemptAtMs === null ? null : Math.ceil(it.nextAttemptAtMs))),
        backs.map((it) => it.failed),
        backs.map((it) => it.claimed.version),
      ],
    });
    return backs.map(() => undefined);
  }
}
