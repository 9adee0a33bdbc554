import { refuse, type Tag, type TagKind, type WorkspaceId } from '#domain';
import type { Actor, TagStore, TagView } from '#engine';
import { sql } from 'kysely';
import { tagNodeId } from '../tag-node.js';
import { addBudgetNodes } from './budget-nodes.js';
import { change, within, type Database, type Trx } from './change.js';

interface Row {
  readonly kind: TagKind;
  readonly name: string;
  readonly created_at: Date;
  readonly retired_at: Date | null;
}

const SELECT = sql<Row>`SELECT t.kind, t.name, t.created_at, t.retired_at FROM tag t`;
/** They are listed whole, and each has rows that payments lock. */
const MOST_TAGS = 1_000;

export class PostgresTags implements TagStore {
  constructor(private readonly db: Database) {}

  list(workspaceId: WorkspaceId): Promise<readonly TagView[]> {
    return within(this.db, workspaceId, async (trx) => {
      const { rows } =
        await sql<Row>`${SELECT} WHERE t.workspace_id = ${workspaceId} ORDER BY t.kind, t.name`.execute(trx);
      return rows.map(toView);
    });
  }

  register(workspaceId: WorkspaceId, tag: Tag, by: Actor): Promise<TagView> {
    return change(this.db, { workspaceId, by }, async (trx) => {
      // One at a time in a workspace, so that the number of them holds and two of a name are one.
      await sql`SELECT FROM workspace WHERE workspace_id = ${workspaceId} FOR NO KEY UPDATE`.execute(trx);
      const known = await find(trx, workspaceId, tag);
      if (known && known.retired_at === null) return { result: toView(known), fact: null };
      if (known)
        await sql`UPDATE tag SET retired_at = NULL WHERE workspace_id = ${workspaceId} AND kind = ${tag.kind} AND name = ${tag.name}`.execute(
          trx,
        );
      else await add(trx, workspaceId, tag);
      const row = await find(trx, workspaceId, tag);
      const fact = { type: 'TagRegistered', data: { kind: tag.kind, name: tag.name } };
      return { result: toView(existing(row)), fact };
    });
  }

  retire(workspaceId: WorkspaceId, tag: Tag, by: Actor): Promise<TagView> {
    return change(this.db, { workspaceId, by }, async (trx) => {
      const { numAffectedRows } = await sql`UPDATE tag SET retired_at = clock_timestamp()
        WHERE workspace_id = ${workspaceId} AND kind = ${tag.kind} AND name = ${tag.name} AND retired_at IS NULL`.execute(
        trx,
      );
      const result = toView(existing(await find(trx, workspaceId, tag)));
      const fact = { type: 'TagRetired', data: { kind: tag.kind, name: tag.name } };
      return { result, fact: numAffectedRows === 1n ? fact : null };
    });
  }
}

async function add(trx: Trx, workspaceId: WorkspaceId, tag: Tag): Promise<void> {
  const nodeId = tagNodeId(workspaceId, tag);
  const { rows } = await sql<{
    n: number;
  }>`SELECT count(*)::int AS n FROM tag WHERE workspace_id = ${workspaceId}`.execute(trx);
  if ((rows[0]?.n ?? 0) >= MOST_TAGS)
    throw refuse('validation_failed', { field: 'name', reason: `more_than_${MOST_TAGS}` });
  await sql`INSERT INTO tag (workspace_id, kind, name, node_id) VALUES (${workspaceId}, ${tag.kind}, ${tag.name}, ${nodeId})`.execute(
    trx,
  );
  await addBudgetNodes(trx, workspaceId, { nodeId, kind: tag.kind, depth: 1 });
}

async function find(trx: Trx, workspaceId: WorkspaceId, { kind, name }: Tag): Promise<Row | undefined> {
  const { rows } =
    await sql<Row>`${SELECT} WHERE t.workspace_id = ${workspaceId} AND t.kind = ${kind} AND t.name = ${name}`.execute(
      trx,
    );
  return rows[0];
}

function existing(row: Row | undefined): Row {
  if (!row) throw refuse('not_found', { object: 'tag' });
  return row;
}

const toView = (row: Row): TagView => ({
  kind: row.kind,
  name: row.name,
  createdAtMs: row.created_at.getTime(),
  retiredAtMs: row.retired_at?.getTime() ?? null,
});
