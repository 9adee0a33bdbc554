import { refuse, type WorkspaceId } from '#domain';
import type { Actor, WorkspaceStore, WorkspaceView } from '#engine';
import { sql } from 'kysely';
import { randomUUID } from 'node:crypto';
import { addBudgetNodes } from './budget-nodes.js';
import { change, within, type Database } from './change.js';

interface Row {
  readonly workspace_id: string;
  readonly name: string;
  readonly dual_control: boolean;
  readonly keyless_window_sec: number;
  readonly paused: boolean;
  readonly created_at: Date;
}

const SELECT = sql<Row>`SELECT w.workspace_id, w.name, w.dual_control, w.keyless_window_sec, w.created_at, c.paused
  FROM workspace w JOIN control c ON c.scope = w.workspace_id::text`;

export class PostgresWorkspaces implements WorkspaceStore {
  constructor(private readonly db: Database) {}

  create(input: { readonly name: string; readonly dualControl: boolean }, by: Actor): Promise<WorkspaceView> {
    const workspaceId = randomUUID() as WorkspaceId;
    return change(this.db, { workspaceId, by }, async (trx) => {
      await sql`INSERT INTO workspace (workspace_id, name, dual_control)
        VALUES (${workspaceId}, ${input.name}, ${input.dualControl})`.execute(trx);
      await sql`INSERT INTO control (scope) VALUES (${workspaceId})`.execute(trx);
      await addBudgetNodes(trx, workspaceId, { nodeId: workspaceId, kind: 'workspace', depth: 0 });
      const { rows } = await sql<Row>`${SELECT} WHERE w.workspace_id = ${workspaceId}`.execute(trx);
      return {
        result: toView(rows[0]),
        fact: {
          type: 'WorkspaceCreated',
          data: { name: input.name, dual_control: input.dualControl },
        },
      };
    });
  }

  get(workspaceId: WorkspaceId): Promise<WorkspaceView> {
    return within(this.db, workspaceId, async (trx) => {
      const { rows } = await sql<Row>`${SELECT} WHERE w.workspace_id = ${workspaceId}`.execute(trx);
      return toView(rows[0]);
    });
  }

  change(
    workspaceId: WorkspaceId,
    { keylessWindowSec }: { readonly keylessWindowSec: number },
    by: Actor,
  ): Promise<WorkspaceView> {
    return change(this.db, { workspaceId, by }, async (trx) => {
      await sql`UPDATE workspace SET keyless_window_sec = ${keylessWindowSec} WHERE workspace_id = ${workspaceId}`.execute(
        trx,
      );
      const { rows } = await sql<Row>`${SELECT} WHERE w.workspace_id = ${workspaceId}`.execute(trx);
      const data = { keyless_window_sec: keylessWindowSec };
      return { result: toView(rows[0]), fact: { type: 'WorkspaceChanged', data } };
    });
  }

  async list(): Promise<readonly WorkspaceView[]> {
    const { rows } = await sql<Row>`${SELECT} ORDER BY w.created_at, w.workspace_id`.execute(this.db);
    return rows.map(toView);
  }
}

function toView(row: Row | undefined): WorkspaceView {
  if (!row) throw refuse('not_found', { object: 'workspace' });
  return {
    workspaceId: row.workspace_id as WorkspaceId,
    name: row.name,
    dualControl: row.dual_control,
    keylessWindowSec: row.keyless_window_sec,
    paused: row.paused,
    createdAtMs: row.created_at.getTime(),
  };
}
