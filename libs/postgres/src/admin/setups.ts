// Agents that are set up in steps. An agent comes to be together with limits of nothing: no step that is left out lets it pay.
import { refuse, type ActivityId, type AgentId, type WorkspaceId } from '#domain';
import type { Actor, AgentSetup, SetupStatus, SetupStore } from '#engine';
import { sql } from 'kysely';
import { insertAgent } from './agents.js';
import { change, within, type Database, type Trx } from './change.js';

interface Row {
  readonly agent_id: string;
  readonly description: string;
  readonly status: SetupStatus;
}

export class PostgresSetups implements SetupStore {
  constructor(private readonly db: Database) {}

  of(workspaceId: WorkspaceId, agentIds: readonly AgentId[]): Promise<ReadonlyMap<AgentId, AgentSetup>> {
    return within(this.db, workspaceId, async (trx) => {
      const { rows } = await sql<Row>`SELECT agent_id, description, status FROM agent_setup
        WHERE workspace_id = ${workspaceId} AND agent_id = ANY (${[...agentIds]}::uuid[])`.execute(trx);
      return new Map(rows.map((row) => [row.agent_id as AgentId, toSetup(row)]));
    });
  }

  begin(
    workspaceId: WorkspaceId,
    input: { readonly activityId: ActivityId; readonly name: string; readonly description: string },
    by: Actor,
  ): Promise<AgentSetup> {
    const { activityId, name, description } = input;
    return change(this.db, { workspaceId, by }, async (trx) => {
      // Two at once with one activity: the second waits here and finds what the first has made.
      await sql`SELECT FROM activity WHERE workspace_id = ${workspaceId} AND activity_id = ${activityId} FOR UPDATE`.execute(
        trx,
      );
      const known = await madeBy(trx, workspaceId, activityId);
      if (known) return { result: known, fact: null };
      const agentId = await insertAgent(trx, workspaceId, name);
      await sql`UPDATE budget_node SET limit_month = 0
        WHERE workspace_id = ${workspaceId} AND node_id = ${agentId} AND layer = 'payments'
          AND unit NOT LIKE 'TOP_UP%'`.execute(trx);
      await sql`INSERT INTO agent_setup (workspace_id, agent_id, activity_id, description)
        VALUES (${workspaceId}, ${agentId}, ${activityId}, ${description})`.execute(trx);
      const result = { agentId, description, status: 'pending_policies' } as const;
      const data = { agent_id: agentId, name, activity_id: activityId };
      return { result, fact: { type: 'AgentCreated', data } };
    });
  }

  finish(
    workspaceId: WorkspaceId,
    agentId: AgentId,
    status: Exclude<SetupStatus, 'pending_policies'>,
    by: Actor,
  ): Promise<boolean> {
    return change(this.db, { workspaceId, by }, async (trx) => {
      const { numAffectedRows } = await sql`UPDATE agent_setup SET status = ${status}
        WHERE workspace_id = ${workspaceId} AND agent_id = ${agentId} AND status = 'pending_policies'`.execute(
        trx,
      );
      const result = numAffectedRows === 1n;
      const type = status === 'active' ? 'AgentActivated' : 'AgentDiscarded';
      return { result, fact: result ? { type, data: { agent_id: agentId } } : null };
    });
  }
}

async function madeBy(
  trx: Trx,
  workspaceId: WorkspaceId,
  activityId: ActivityId,
): Promise<AgentSetup | null> {
  const { rows } = await sql<Row>`SELECT agent_id, description, status FROM agent_setup
    WHERE workspace_id = ${workspaceId} AND activity_id = ${activityId}`.execute(trx);
  const [row] = rows;
  if (row?.status === 'discarded') throw refuse('not_found', { object: 'agent' });
  return row ? toSetup(row) : null;
}

const toSetup = ({ agent_id, description, status }: Row): AgentSetup => ({
  agentId: agent_id as AgentId,
  description,
  status,
});
