// Pause and resume. Every intent holds the global and its workspace's control row shared until it commits; a stop of any scope updates one
// of those two rows, so it waits for the intents under way and every later intent sees it. That makes "stopped" exact (ruling 14, S17).
import {
  refuse,
  type AgentId,
  type Caip2,
  type EvmAddress,
  type OperationId,
  type WorkspaceId,
} from '#domain';
import type { Actor, StillLive, StopScope, StopStore } from '#engine';
import { sql } from 'kysely';
import { change, NO_WORKSPACE, within, type Database, type Trx } from './change.js';

const MOST_LISTED = 1_000;

export class PostgresStops implements StopStore {
  constructor(private readonly db: Database) {}

  async pause(scope: StopScope, reason: string, by: Actor): Promise<readonly StillLive[]> {
    const workspaceId = workspaceOf(scope);
    await change(this.db, { workspaceId, by }, async (trx) => {
      if (scope.kind === 'agent') {
        await raiseControlEpoch(trx, scope.workspaceId);
        const { rows } =
          await sql`SELECT 1 FROM agent WHERE workspace_id = ${workspaceId} AND agent_id = ${scope.agentId}`.execute(
            trx,
          );
        if (rows.length === 0) throw refuse('not_found', { object: 'agent' });
        await sql`INSERT INTO agent_stop (workspace_id, agent_id, reason)
          VALUES (${workspaceId}, ${scope.agentId}, ${reason}) ON CONFLICT DO NOTHING`.execute(trx);
      } else await setPaused(trx, controlScope(scope), true);
      return { result: null, fact: { type: 'Paused', data: { ...told(scope), reason } } };
    });
    // A new transaction: its snapshot holds every intent that was committed before the stop.
    return within(this.db, workspaceId, (trx) => stillLive(trx, scope));
  }

  async resume(scope: StopScope, by: Actor): Promise<void> {
    const workspaceId = workspaceOf(scope);
    await change(this.db, { workspaceId, by }, async (trx) => {
      if (scope.kind === 'agent') {
        await raiseControlEpoch(trx, scope.workspaceId);
        await sql`DELETE FROM agent_stop WHERE workspace_id = ${workspaceId} AND agent_id = ${scope.agentId}`.execute(
          trx,
        );
      } else await setPaused(trx, controlScope(scope), false);
      return { result: null, fact: { type: 'Resumed', data: told(scope) } };
    });
  }

  stopFor(workspaceId: WorkspaceId, agentId: AgentId | null): Promise<StopScope['kind'] | null> {
    return within(this.db, workspaceId, async (trx) => {
      const { rows } = await sql<{ kind: StopScope['kind'] | null }>`SELECT CASE
          WHEN EXISTS (SELECT FROM control WHERE scope = 'global' AND paused) THEN 'global'
          WHEN EXISTS (SELECT FROM control WHERE scope = ${workspaceId} AND paused) THEN 'workspace'
          WHEN EXISTS (SELECT FROM agent_stop WHERE workspace_id = ${workspaceId} AND agent_id = ${agentId}::uuid) THEN 'agent'
        END AS kind`.execute(trx);
      return rows[0]?.kind ?? null;
    });
  }
}

/** Waits until no intent of the workspace is under way. Refuses with `not_found` when there is no such workspace. */
export async function raiseControlEpoch(trx: Trx, workspaceId: WorkspaceId): Promise<void> {
  await queueUp(trx, workspaceId);
  const { numAffectedRows } =
    await sql`UPDATE control SET epoch = epoch + 1, updated_at = clock_timestamp() WHERE scope = ${workspaceId}`.execute(
      trx,
    );
  if (numAffectedRows !== 1n) throw refuse('not_found', { object: 'workspace' });
}

/** Intents that ask after this wait behind it; without it a stream of them would keep the row from ever being free. */
async function queueUp(trx: Trx, scope: string): Promise<void> {
  await sql`SELECT pg_advisory_xact_lock(purser_stop_gate(${scope}))`.execute(trx);
}

async function setPaused(trx: Trx, scope: string, paused: boolean): Promise<void> {
  await queueUp(trx, scope);
  const { numAffectedRows } =
    await sql`UPDATE control SET paused = ${paused}, epoch = epoch + 1, updated_at = clock_timestamp() WHERE scope = ${scope}`.execute(
      trx,
    );
  if (numAffectedRows !== 1n) throw refuse('not_found', { object: 'workspace' });
}

async function stillLive(trx: Trx, scope: StopScope): Promise<readonly StillLive[]> {
  const ofWorkspace = scope.kind === 'global' ? sql`` : sql`AND workspace_id = ${scope.workspaceId}`;
  const ofAgent = scope.kind === 'agent' ? sql`AND agent_id = ${scope.agentId}` : sql``;
  const { rows } = await sql<
    Record<string, string>
  >`SELECT operation_id, agent_id, network, token, to_address,
      value::text, valid_before::text
    FROM authorization_ledger WHERE status = 'live' ${ofWorkspace} ${ofAgent}
    ORDER BY valid_before, operation_id LIMIT ${MOST_LISTED}`.execute(trx);
  return rows.map((row) => ({
    operationId: row['operation_id'] as OperationId,
    agentId: row['agent_id'] as AgentId,
    network: row['network'] as Caip2,
    token: row['token'] as EvmAddress,
    to: row['to_address'] as EvmAddress,
    value: BigInt(row['value'] ?? ''),
    validBeforeSec: Number(row['valid_before']),
  }));
}

function workspaceOf(scope: StopScope): WorkspaceId {
  return scope.kind === 'global' ? NO_WORKSPACE : scope.workspaceId;
}

function controlScope(scope: Exclude<StopScope, { kind: 'agent' }>): string {
  return scope.kind === 'global' ? 'global' : scope.workspaceId;
}

function told(scope: StopScope): Record<string, string> {
  return scope.kind === 'agent' ? { scope: scope.kind, agent_id: scope.agentId } : { scope: scope.kind };
}
