import { refuse, type AgentId, type TeamId, type WorkspaceId } from '#domain';
import type { Actor, NewTeam, TeamStore, TeamView } from '#engine';
import { sql } from 'kysely';
import { randomUUID } from 'node:crypto';
import { requireAgent } from './agents.js';
import { addBudgetNodes } from './budget-nodes.js';
import { assertAlone } from './dual-control.js';
import { change, within, type AdminFact, type Database, type Trx } from './change.js';

interface Row {
  readonly team_id: string;
  readonly name: string;
  readonly path: readonly string[];
  readonly created_at: Date;
}

const SELECT = sql<Row>`SELECT t.team_id, t.name, t.path, t.created_at FROM team t`;
/** Workspace, six teams and the agent are the eight levels of the tree. */
const MOST_LEVELS = 6;
/** They are listed whole. */
const MOST_TEAMS = 1_000;

export class PostgresTeams implements TeamStore {
  constructor(private readonly db: Database) {}

  list(workspaceId: WorkspaceId): Promise<readonly TeamView[]> {
    return within(this.db, workspaceId, async (trx) => {
      const { rows } =
        await sql<Row>`${SELECT} WHERE t.workspace_id = ${workspaceId} ORDER BY t.name`.execute(trx);
      return rows.map(toView);
    });
  }

  create(workspaceId: WorkspaceId, { name, parentId }: NewTeam, by: Actor): Promise<TeamView> {
    const teamId = randomUUID() as TeamId;
    return change(this.db, { workspaceId, by }, async (trx) => {
      // One at a time in a workspace, so that names and their number hold.
      await sql`SELECT FROM workspace WHERE workspace_id = ${workspaceId} FOR NO KEY UPDATE`.execute(trx);
      const above = parentId === null ? [] : (await find(trx, workspaceId, parentId)).path;
      if (above.length >= MOST_LEVELS)
        throw refuse('validation_failed', { field: 'parent_id', reason: `more_than_${MOST_LEVELS}_levels` });
      await assertNew(trx, workspaceId, name);
      await sql`INSERT INTO team (workspace_id, team_id, name, path)
        VALUES (${workspaceId}, ${teamId}, ${name}, ${[...above, teamId]}::uuid[])`.execute(trx);
      await addBudgetNodes(trx, workspaceId, { nodeId: teamId, kind: 'team', depth: above.length + 1 });
      const data = { team_id: teamId, name, parent_id: parentId };
      return { result: toView(await find(trx, workspaceId, teamId)), fact: { type: 'TeamCreated', data } };
    });
  }

  teamsOf(workspaceId: WorkspaceId, agentId: AgentId): Promise<readonly TeamView[]> {
    return within(this.db, workspaceId, async (trx) => {
      await requireAgent(trx, workspaceId, agentId);
      return above(trx, workspaceId, agentId);
    });
  }

  assign(workspaceId: WorkspaceId, membership: Membership, by: Actor): Promise<readonly TeamView[]> {
    return change(this.db, { workspaceId, by }, async (trx) => {
      const move = await examineTeam(trx, workspaceId, membership);
      if (move.loosens) await assertAlone(trx, workspaceId, by);
      return writeTeam(trx, workspaceId, membership, move);
    });
  }
}

interface Membership {
  readonly agentId: AgentId;
  readonly teamId: TeamId | null;
}

interface Move {
  readonly before: readonly string[];
  readonly after: readonly string[];
  /** The limits of some team hold no longer. */
  readonly loosens: boolean;
}

/** Locks the agent's own nodes, in the order in which payments and usage do: whoever holds one has read the path it charges. */
export async function examineTeam(
  trx: Trx,
  workspaceId: WorkspaceId,
  { agentId, teamId }: Membership,
): Promise<Move> {
  await requireAgent(trx, workspaceId, agentId);
  const after = teamId === null ? [] : (await find(trx, workspaceId, teamId)).path;
  const { rows } = await sql<{ path: readonly string[] | null }>`SELECT path FROM budget_node
    WHERE workspace_id = ${workspaceId} AND node_id = ${agentId} ORDER BY unit, layer, depth, node_id FOR UPDATE`.execute(
    trx,
  );
  const before = rows[0]?.path ?? [];
  return { before, after, loosens: before.some((team) => !after.includes(team)) };
}

export async function writeTeam(
  trx: Trx,
  workspaceId: WorkspaceId,
  { agentId, teamId }: Membership,
  { before, after }: Move,
): Promise<{ readonly result: readonly TeamView[]; readonly fact: AdminFact | null }> {
  const same = before.join() === after.join();
  if (!same)
    await sql`UPDATE budget_node SET path = ${after.length === 0 ? null : after}::uuid[]
      WHERE workspace_id = ${workspaceId} AND node_id = ${agentId}`.execute(trx);
  const fact = { type: 'AgentTeamChanged', data: { agent_id: agentId, team_id: teamId } };
  return { result: await above(trx, workspaceId, agentId), fact: same ? null : fact };
}

/** Outermost first. */
async function above(trx: Trx, workspaceId: WorkspaceId, agentId: AgentId): Promise<readonly TeamView[]> {
  const { rows } =
    await sql<Row>`${SELECT} JOIN budget_node n ON n.workspace_id = t.workspace_id AND t.team_id = ANY (n.path)
    WHERE t.workspace_id = ${workspaceId} AND n.node_id = ${agentId} AND n.unit = 'USD6' AND n.layer = 'payments'
    ORDER BY cardinality(t.path)`.execute(trx);
  return rows.map(toView);
}

async function assertNew(trx: Trx, workspaceId: WorkspaceId, name: string): Promise<void> {
  const { rows } = await sql<{
    n: number;
    taken: boolean;
  }>`SELECT count(*)::int AS n, coalesce(bool_or(name = ${name}), false) AS taken
    FROM team WHERE workspace_id = ${workspaceId}`.execute(trx);
  const [found] = rows;
  if (found?.taken) throw refuse('validation_failed', { field: 'name', reason: 'taken' });
  if ((found?.n ?? 0) >= MOST_TEAMS)
    throw refuse('validation_failed', { field: 'name', reason: `more_than_${MOST_TEAMS}` });
}

async function find(trx: Trx, workspaceId: WorkspaceId, teamId: TeamId): Promise<Row> {
  const { rows } =
    await sql<Row>`${SELECT} WHERE t.workspace_id = ${workspaceId} AND t.team_id = ${teamId}`.execute(trx);
  if (!rows[0]) throw refuse('not_found', { object: 'team' });
  return rows[0];
}

const toView = (row: Row): TeamView => ({
  teamId: row.team_id as TeamId,
  name: row.name,
  parentId: (row.path.at(-2) ?? null) as TeamId | null,
  createdAtMs: row.created_at.getTime(),
});
