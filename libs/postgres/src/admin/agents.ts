import { refuse, type AgentId, type WorkspaceId } from '#domain';
import type { Actor, AgentStore, AgentView, Page, PageRequest } from '#engine';
import { sql } from 'kysely';
import { randomUUID } from 'node:crypto';
import { addBudgetNodes } from './budget-nodes.js';
import { change, within, type Database, type Trx } from './change.js';
import { CURSOR_PARTS, pageSize, readCursor, toPage } from './page.js';
import { eventsSoFar, insertStop, raiseControlEpoch } from './stops.js';

interface Row {
  readonly workspace_id: string;
  readonly agent_id: string;
  readonly name: string;
  readonly status: 'active' | 'disabled';
  readonly paused: boolean;
  readonly created_at: Date;
  readonly created_text: string;
}

const SELECT = sql<Row>`SELECT a.workspace_id, a.agent_id, a.name, a.status, a.created_at,
    (a.created_at AT TIME ZONE 'UTC')::text || '+00' AS created_text, s.stop_id IS NOT NULL AS paused
  FROM agent a LEFT JOIN stop s ON s.workspace_id = a.workspace_id AND s.kind = 'agent' AND s.target = a.agent_id::text AND s.network = ''
    AND NOT s.final`;

export class PostgresAgents implements AgentStore {
  constructor(private readonly db: Database) {}

  create(workspaceId: WorkspaceId, input: { readonly name: string }, by: Actor): Promise<AgentView> {
    return change(this.db, { workspaceId, by }, async (trx) => {
      const agentId = await insertAgent(trx, workspaceId, input.name);
      return {
        result: await find(trx, workspaceId, agentId),
        fact: { type: 'AgentCreated', data: { agent_id: agentId, name: input.name } },
      };
    });
  }

  get(workspaceId: WorkspaceId, agentId: AgentId): Promise<AgentView> {
    return within(this.db, workspaceId, (trx) => find(trx, workspaceId, agentId));
  }

  async list(workspaceId: WorkspaceId, page: PageRequest): Promise<Page<AgentView>> {
    const size = pageSize(page);
    const after = readCursor(page.cursor, [CURSOR_PARTS.time, CURSOR_PARTS.uuid]);
    return within(this.db, workspaceId, async (trx) => {
      const older = after
        ? sql`AND (a.created_at, a.agent_id) < (${after[0]}::timestamptz, ${after[1]}::uuid)`
        : sql``;
      const { rows } = await sql<Row>`${SELECT} WHERE a.workspace_id = ${workspaceId} ${older}
        ORDER BY a.created_at DESC, a.agent_id DESC LIMIT ${size + 1}`.execute(trx);
      return toPage(rows, size, { item: toView, key: (row) => [row.created_text, row.agent_id] });
    });
  }

  disable(
    workspaceId: WorkspaceId,
    agentId: AgentId,
    by: Actor,
    how = { reason: '', person: '', cancelOnChain: false },
  ): Promise<AgentView> {
    const scope = { kind: 'agent', workspaceId, agentId } as const;
    return change(this.db, { workspaceId, by }, async (trx) => {
      // First the control row: intents hold it shared, so all of them are over, and later ones see what follows (ruling 14).
      await raiseControlEpoch(trx, workspaceId);
      const { numAffectedRows } = await sql`UPDATE agent SET status = 'disabled'
        WHERE workspace_id = ${workspaceId} AND agent_id = ${agentId} AND status = 'active'`.execute(trx);
      const result = await find(trx, workspaceId, agentId);
      const order = { scope, reason: how.reason, cancelOnChain: how.cancelOnChain };
      await insertStop(trx, { ...order, by: { actor: by, person: how.person } }, { final: true });
      const fact = {
        type: 'AgentDisabled',
        data: { agent_id: agentId, reason: how.reason, events_to: await eventsSoFar(trx) },
      };
      return { result, fact: numAffectedRows === 1n ? fact : null };
    });
  }
}

/** With its budget nodes, which have no limits. Refuses with `not_found` when there is no such workspace. */
export async function insertAgent(trx: Trx, workspaceId: WorkspaceId, name: string): Promise<AgentId> {
  const agentId = randomUUID() as AgentId;
  const { rows } =
    await sql`SELECT 1 FROM workspace WHERE workspace_id = ${workspaceId} FOR KEY SHARE`.execute(trx);
  if (rows.length === 0) throw refuse('not_found', { object: 'workspace' });
  await sql`INSERT INTO agent (workspace_id, agent_id, name) VALUES (${workspaceId}, ${agentId}, ${name})`.execute(
    trx,
  );
  await addBudgetNodes(trx, workspaceId, { nodeId: agentId, kind: 'agent', depth: 1 });
  return agentId;
}

/** Refuses with `not_found` when the agent is not this workspace's. */
export async function requireAgent(trx: Trx, workspaceId: WorkspaceId, agentId: AgentId): Promise<void> {
  await find(trx, workspaceId, agentId);
}

async function find(trx: Trx, workspaceId: WorkspaceId, agentId: AgentId): Promise<AgentView> {
  const { rows } =
    await sql<Row>`${SELECT} WHERE a.workspace_id = ${workspaceId} AND a.agent_id = ${agentId}`.execute(trx);
  if (!rows[0]) throw refuse('not_found', { object: 'agent' });
  return toView(rows[0]);
}

function toView(row: Row): AgentView {
  return {
    workspaceId: row.workspace_id as WorkspaceId,
    agentId: row.agent_id as AgentId,
    name: row.name,
    status: row.status,
    paused: row.paused,
    createdAtMs: row.created_at.getTime(),
  };
}
