// Pause and resume. Every intent holds the global and its workspace's control row shared until it commits; a stop of any scope updates one
// of those two rows, so it waits for the intents under way and every later intent sees it. That makes "stopped" exact (ruling 14, S17).
import {
  BEFORE_INTENT,
  hostMatches,
  hostOf,
  refuse,
  type AgentId,
  type StopId,
  type StopTarget,
  type WorkspaceId,
} from '#domain';
import type {
  Actor,
  OperationRef,
  Page,
  PageRequest,
  Slice,
  StillLive,
  Stop,
  StopOrder,
  StopScope,
  StopStore,
} from '#engine';
import { sql } from 'kysely';
import { change, NO_WORKSPACE, within, type AdminFact, type Database, type Trx } from './change.js';
import { assertAlone } from './dual-control.js';
import { newId } from './ids.js';
import { CURSOR_PARTS, pageSize, readCursor, toPage } from './page.js';
import {
  keyOf,
  liveOf,
  refOf,
  STOP_COLUMNS,
  stopOf,
  type LiveRow,
  type ScopedRow,
  type StopRow,
} from './stop-rows.js';

const SLICE = 500;
/** What is live is found by its end, not by its place: better few large looks than many. */
const LIVE_SLICE = 5_000;

/** Attention is looked through: its history tells. */
const MAY_BE_RELEASED = [...BEFORE_INTENT, 'needs_attention'];

export class PostgresStops implements StopStore {
  constructor(private readonly db: Database) {}

  stop(order: StopOrder): Promise<Stop> {
    const { scope, by } = order;
    const workspaceId = workspaceOf(scope);
    return change(this.db, { workspaceId, by: by.actor }, async (trx) => {
      await raiseControlEpoch(trx, workspaceId);
      if (scope.kind === 'agent') {
        const { rows } =
          await sql`SELECT 1 FROM agent WHERE workspace_id = ${workspaceId} AND agent_id = ${scope.agentId}`.execute(
            trx,
          );
        if (rows.length === 0) throw refuse('not_found', { object: 'agent' });
      }
      const stop = await insertStop(trx, order, { final: false });
      const data = {
        ...told(scope),
        reason: order.reason,
        stop_id: stop.stopId,
        events_to: await eventsSoFar(trx),
      };
      return { result: stop, fact: { type: 'Paused', data } };
    });
  }

  async resume(scope: StopScope, by: Actor): Promise<void> {
    const workspaceId = workspaceOf(scope);
    await change(this.db, { workspaceId, by }, async (trx) => {
      if (workspaceId !== NO_WORKSPACE && (await findStop(trx, scope)))
        await assertAlone(trx, workspaceId, by);
      return liftStop(trx, scope);
    });
  }

  get(workspaceId: WorkspaceId | null, stopId: StopId): Promise<Stop> {
    const place = workspaceId ?? NO_WORKSPACE;
    return within(this.db, place, async (trx) => {
      const { rows } =
        await sql<StopRow>`${STOP_COLUMNS} WHERE workspace_id = ${place} AND stop_id = ${stopId}`.execute(
          trx,
        );
      if (!rows[0]) throw refuse('not_found', { object: 'stop' });
      return stopOf(rows[0]);
    });
  }

  list(workspaceId: WorkspaceId | null, page: PageRequest): Promise<Page<Stop>> {
    const place = workspaceId ?? NO_WORKSPACE;
    const size = pageSize(page);
    const after = readCursor(page.cursor, [CURSOR_PARTS.time, CURSOR_PARTS.id]);
    const older = after ? sql`AND (since, stop_id) < (${after[0]}::timestamptz, ${after[1]})` : sql``;
    return within(this.db, place, async (trx) => {
      const { rows } =
        await sql<StopRow>`${STOP_COLUMNS} WHERE workspace_id IN (${place}, ${NO_WORKSPACE}) ${older}
        ORDER BY since DESC, stop_id DESC LIMIT ${size + 1}`.execute(trx);
      return toPage(rows, size, { item: stopOf, key: (row) => [row.since_text, row.stop_id] });
    });
  }

  find(scope: StopScope): Promise<Stop | null> {
    return within(this.db, workspaceOf(scope), (trx) => findStop(trx, scope));
  }

  stopFor(workspaceId: WorkspaceId, agentId: AgentId | null): Promise<StopScope['kind'] | null> {
    return within(this.db, workspaceId, async (trx) => {
      const { rows } = await sql<{ kind: StopScope['kind'] | null }>`SELECT CASE
          WHEN EXISTS (SELECT FROM control WHERE scope = 'global' AND paused) THEN 'global'
          WHEN EXISTS (SELECT FROM control WHERE scope = ${workspaceId} AND paused) THEN 'workspace'
          WHEN EXISTS (SELECT FROM stop WHERE workspace_id = ${workspaceId} AND kind = 'agent' AND target = ${agentId}::uuid::text) THEN 'agent'
        END AS kind`.execute(trx);
      return rows[0]?.kind ?? null;
    });
  }

  async openApprovals(scope: StopScope, after: OperationRef | null): Promise<Slice<OperationRef>> {
    // An approval that was used stays `approved` for ever: the operation tells whether there is anything left to release.
    const rows = await within(this.db, workspaceOf(scope), async (trx) => {
      const found = await sql<ScopedRow>`SELECT x.workspace_id, x.operation_id ${termsColumns(scope)}
        FROM approval x JOIN operations o USING (workspace_id, operation_id) ${termsJoin(scope)}
        WHERE x.status IN ('pending', 'approved') AND o.status = ANY (${MAY_BE_RELEASED}) ${inScope(scope)} ${behind(after)}
        ORDER BY x.workspace_id, x.operation_id LIMIT ${SLICE}`.execute(trx);
      return found.rows;
    });
    return sliceOf(rows, SLICE, (row) => (concerns(scope, row) ? [refOf(row)] : []));
  }

  async stillLive(scope: StopScope, after: OperationRef | null): Promise<Slice<StillLive>> {
    // A transaction of its own: its snapshot holds every intent that was committed before the stop.
    const rows = await within(this.db, workspaceOf(scope), async (trx) => {
      const found =
        await sql<LiveRow>`SELECT x.workspace_id, x.operation_id, x.agent_id, x.network, x.token, x.to_address,
          coalesce(x.allowance, x.value)::text AS value, x.valid_before::text ${termsColumns(scope)}
        FROM authorization_ledger x LEFT JOIN operations o USING (workspace_id, operation_id) ${termsJoin(scope)}
        WHERE x.status = 'live' ${inScope(scope)} ${behind(after)}
        ORDER BY x.workspace_id, x.operation_id LIMIT ${LIVE_SLICE}`.execute(trx);
      return found.rows;
    });
    return sliceOf(rows, LIVE_SLICE, (row) => (concerns(scope, row) ? [liveOf(row)] : []));
  }

  carriedOut(stop: Stop): Promise<void> {
    // Not when a cancellation on chain was asked for in the meantime.
    return this.set(
      stop,
      sql`carried_out_at = clock_timestamp()`,
      sql`AND cancel_on_chain = ${stop.cancelOnChain}`,
    );
  }

  giveBack(stop: Stop): Promise<void> {
    return this.set(stop, sql`next_turn_at = clock_timestamp()`);
  }

  async take(limit: number): Promise<readonly Stop[]> {
    const { rows } =
      await sql<StopRow>`UPDATE stop s SET next_turn_at = clock_timestamp() + interval '30 seconds'
      FROM (SELECT workspace_id, stop_id FROM stop WHERE carried_out_at IS NULL AND next_turn_at <= clock_timestamp()
             ORDER BY next_turn_at LIMIT ${limit} FOR UPDATE SKIP LOCKED) due
      WHERE s.workspace_id = due.workspace_id AND s.stop_id = due.stop_id
      RETURNING s.*, '' AS since_text`.execute(this.db);
    return rows.map(stopOf);
  }

  private async set(
    { scope, stopId }: Stop,
    change: ReturnType<typeof sql>,
    condition = sql``,
  ): Promise<void> {
    await sql`UPDATE stop SET ${change} WHERE workspace_id = ${workspaceOf(scope)} AND stop_id = ${stopId} ${condition}`.execute(
      this.db,
    );
  }
}

/** Nothing where there is no such stop. Refuses with `agent_disabled` (it is for ever) and `stop_under_way`. */
export async function liftStop(
  trx: Trx,
  scope: StopScope,
): Promise<{ readonly result: null; readonly fact: AdminFact | null }> {
  const workspaceId = workspaceOf(scope);
  await raiseControlEpoch(trx, workspaceId);
  const stop = await findStop(trx, scope);
  if (!stop) return { result: null, fact: null };
  if (stop.final) throw refuse('agent_disabled', { stop_id: stop.stopId });
  if (!stop.carriedOut) throw refuse('stop_under_way', { stop_id: stop.stopId });
  await sql`DELETE FROM stop WHERE workspace_id = ${workspaceId} AND stop_id = ${stop.stopId}`.execute(trx);
  await markControl(trx, workspaceId);
  const data = { ...told(scope), stop_id: stop.stopId, events_to: await eventsSoFar(trx) };
  return { result: null, fact: { type: 'Resumed', data } };
}

/** Waits until no intent of the workspace (zero: of anybody) is under way. Refuses with `not_found` when there is no such workspace. */
export async function raiseControlEpoch(trx: Trx, workspaceId: WorkspaceId): Promise<void> {
  const scope = workspaceId === NO_WORKSPACE ? 'global' : workspaceId;
  // Intents that ask after this wait behind it; without it a stream of them would keep the row from ever being free.
  await sql`SELECT pg_advisory_xact_lock(purser_stop_gate(${scope}))`.execute(trx);
  const { numAffectedRows } =
    await sql`UPDATE control SET epoch = epoch + 1, updated_at = clock_timestamp() WHERE scope = ${scope}`.execute(
      trx,
    );
  if (numAffectedRows !== 1n) throw refuse('not_found', { object: 'workspace' });
}

/** Under the raised epoch: every intent that was committed before has a smaller number in the log, every later one a greater. */
export async function eventsSoFar(trx: Trx): Promise<string> {
  const { rows } = await sql<{
    last: string;
  }>`SELECT last_value::text AS last FROM events_position_seq`.execute(trx);
  return rows[0]?.last ?? '0';
}

/** Under the raised epoch. A second stop of a scope adds to the first what it asks for on top. */
export async function insertStop(
  trx: Trx,
  { scope, reason, by, cancelOnChain }: StopOrder,
  { final }: { readonly final: boolean },
): Promise<Stop> {
  const workspaceId = workspaceOf(scope);
  const { target, network } = keyOf(scope);
  const { rows } = await sql<StopRow>`INSERT INTO stop AS s
      (workspace_id, stop_id, kind, target, network, reason, actor, person, final, cancel_on_chain, next_turn_at)
    VALUES (${workspaceId}, ${newId('stp')}, ${scope.kind}, ${target}, ${network}, ${reason}, ${JSON.stringify(by.actor)}::jsonb,
      ${by.person}, ${final}, ${cancelOnChain}, clock_timestamp() + interval '10 seconds')
    ON CONFLICT (workspace_id, kind, target, network) DO UPDATE
      SET final = s.final OR excluded.final, cancel_on_chain = s.cancel_on_chain OR excluded.cancel_on_chain,
          carried_out_at = CASE WHEN s.cancel_on_chain OR NOT excluded.cancel_on_chain THEN s.carried_out_at END
    RETURNING s.*, '' AS since_text`.execute(trx);
  await markControl(trx, workspaceId);
  return stopOf(rows[0] as StopRow);
}

/** The flags that intents read. */
async function markControl(trx: Trx, workspaceId: WorkspaceId): Promise<void> {
  await sql`UPDATE control
    SET paused = EXISTS (SELECT FROM stop WHERE workspace_id = ${workspaceId} AND kind IN ('global', 'workspace')),
        narrow = EXISTS (SELECT FROM stop WHERE workspace_id = ${workspaceId} AND kind IN ('agent', 'payee', 'host'))
    WHERE scope = ${workspaceId === NO_WORKSPACE ? 'global' : workspaceId}`.execute(trx);
}

async function findStop(trx: Trx, scope: StopScope): Promise<Stop | null> {
  const { target, network } = keyOf(scope);
  const { rows } =
    await sql<StopRow>`${STOP_COLUMNS} WHERE workspace_id = ${workspaceOf(scope)} AND kind = ${scope.kind}
    AND target = ${target} AND network = ${network}`.execute(trx);
  return rows[0] ? stopOf(rows[0]) : null;
}

function workspaceOf(scope: StopScope): WorkspaceId {
  return scope.kind === 'global' ? NO_WORKSPACE : (scope.workspaceId ?? NO_WORKSPACE);
}

const told = (scope: StopScope): Record<string, string> => {
  const { target, network } = keyOf(scope);
  const name = scope.kind === 'agent' ? 'agent_id' : scope.kind;
  return {
    scope: scope.kind,
    ...(target === '' ? {} : { [name]: target }),
    ...(network === '' ? {} : { network }),
  };
};

// ---- What lies in a scope

const isNarrow = (scope: StopScope): boolean => scope.kind === 'payee' || scope.kind === 'host';

function inScope(scope: StopScope): ReturnType<typeof sql> {
  const workspaceId = workspaceOf(scope);
  const ofWorkspace = workspaceId === NO_WORKSPACE ? sql`` : sql`AND x.workspace_id = ${workspaceId}`;
  return scope.kind === 'agent' ? sql`${ofWorkspace} AND x.agent_id = ${scope.agentId}` : ofWorkspace;
}

const behind = (after: OperationRef | null): ReturnType<typeof sql> =>
  after === null
    ? sql``
    : sql`AND (x.workspace_id, x.operation_id) > (${after.workspaceId}::uuid, ${after.operationId}::uuid)`;

const termsColumns = (scope: StopScope): ReturnType<typeof sql> =>
  isNarrow(scope) ? sql`, t.network AS terms_network, t.payee AS terms_payee, t.url AS terms_url` : sql``;

const termsJoin = (scope: StopScope): ReturnType<typeof sql> =>
  isNarrow(scope)
    ? sql`LEFT JOIN LATERAL (
          SELECT e.data #>> '{terms,network}' AS network, e.data #>> '{terms,payTo}' AS payee, e.data #>> '{terms,resourceUrl}' AS url FROM events e
           WHERE e.workspace_id = x.workspace_id AND e.operation_id = x.operation_id AND e.opened_month = purser_month(o.opened_at_ms)
             AND e.type IN ('TermsAccepted', 'TermsChanged') ORDER BY e.version DESC LIMIT 1) t ON true`
    : sql``;

function concerns(scope: StopScope, row: ScopedRow): boolean {
  const target: StopTarget = {
    network: row.terms_network ?? null,
    payee: row.terms_payee ?? null,
    host: row.terms_url == null ? null : hostOf(row.terms_url),
  };
  if (scope.kind === 'payee')
    return target.payee === scope.payee && (scope.network === null || scope.network === target.network);
  return scope.kind !== 'host' || (target.host !== null && hostMatches(scope.host, target.host));
}

function sliceOf<Row extends ScopedRow, Item>(
  rows: readonly Row[],
  size: number,
  pick: (row: Row) => readonly Item[],
): Slice<Item> {
  const last = rows.length === size ? rows.at(-1) : undefined;
  return { items: rows.flatMap(pick), next: last === undefined ? null : refOf(last) };
}
