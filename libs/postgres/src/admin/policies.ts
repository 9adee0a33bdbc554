import { DEFAULT_RULES, loosened, refuse, type Policy, type PolicyScope, type WorkspaceId } from '#domain';
import type { Actor, PolicyAdmin, PolicyInput, PolicyVersion, Scope } from '#engine';
import { sql } from 'kysely';
import { requireAgent } from './agents.js';
import { assertAlone } from './dual-control.js';
import { change, within, type Database, type Trx } from './change.js';
import { fromDocument, hashOf, normalise, toDocument, type PolicyDocument } from './policy-document.js';

interface Row {
  readonly scope: string;
  readonly document: PolicyDocument;
  readonly document_hash: string;
  readonly created_at: Date;
  readonly created_by: string;
}

const COLUMNS = sql<Row>`scope, document, document_hash, created_at, created_by`;

export class PostgresPolicies implements PolicyAdmin {
  constructor(private readonly db: Database) {}

  async get(scope: Scope): Promise<PolicyVersion | null> {
    return (await this.read(scope, 1))[0] ?? null;
  }

  versions(scope: Scope): Promise<readonly PolicyVersion[]> {
    return this.read(scope, 1_000);
  }

  async put(scope: Scope, input: PolicyInput, by: Actor): Promise<PolicyVersion> {
    const { workspaceId } = scope;
    return change(this.db, { workspaceId, by }, async (trx) => {
      const found = await examinePolicy(trx, scope, input);
      if (found.loosened.length > 0) await assertAlone(trx, workspaceId, by);
      return writePolicy(trx, scope, found.rules, by);
    });
  }

  private read(scope: Scope, limit: number): Promise<readonly PolicyVersion[]> {
    return within(this.db, scope.workspaceId, (trx) => readPolicies(trx, scope, limit));
  }
}

async function readPolicies(trx: Trx, scope: Scope, limit: number): Promise<readonly PolicyVersion[]> {
  const { rows } = await sql<Row>`SELECT ${COLUMNS} FROM policy
    WHERE workspace_id = ${scope.workspaceId} AND scope = ${scopeOf(scope)}
    ORDER BY version DESC LIMIT ${limit}`.execute(trx);
  return rows.map(toVersion);
}

/** What an agent without a policy of its own is held by, beside the workspace's: nothing, but that nobody calls a host prepaid. */
const UNBOUND: PolicyInput = {
  ...DEFAULT_RULES,
  newPayee: 'allow',
  contractPayee: 'allow',
  allowUpfront: true,
  allowUpto: true,
  maxValiditySec: 600,
  decideWithinSec: Number.MAX_SAFE_INTEGER,
};

/** Against the newest version, while no other can be made. */
export async function examinePolicy(trx: Trx, scope: Scope, input: PolicyInput) {
  const rules = normalise(input);
  const { workspaceId, agentId } = scope;
  if (agentId !== null) await requireAgent(trx, workspaceId, agentId);
  const version = await nextVersion(trx, workspaceId);
  await requireGroups(trx, workspaceId, rules.approvers.groups);
  const [newest] = await readPolicies(trx, scope, 1);
  const before = newest?.policy ?? (agentId === null ? DEFAULT_RULES : UNBOUND);
  return { rules, before: newest?.policy.version ?? 0, next: version, loosened: loosened(before, rules) };
}

export async function writePolicy(trx: Trx, scope: Scope, rules: PolicyInput, by: Actor) {
  const { workspaceId } = scope;
  const version = await nextVersion(trx, workspaceId);
  const document = toDocument({ version, ...rules });
  const { rows } =
    await sql<Row>`INSERT INTO policy (workspace_id, scope, version, document, document_hash, created_by)
        VALUES (${workspaceId}, ${scopeOf(scope)}, ${version}, ${JSON.stringify(document)}::jsonb, ${hashOf(document)},
          ${`${by.type}:${by.id}`}) RETURNING ${COLUMNS}`.execute(trx);
  if (!rows[0]) throw new Error('the policy was not stored');
  const result = toVersion(rows[0]);
  const data = { scope: scopeOf(scope), version, hash: result.hash };
  return { result, fact: { type: 'PolicyChanged', data } };
}

/** A rule that names a group nobody has made could never be met. */
async function requireGroups(trx: Trx, workspaceId: WorkspaceId, names: readonly string[]): Promise<void> {
  if (names.length === 0) return;
  const { rows } = await sql<{ group_name: string }>`SELECT group_name FROM approver_group
    WHERE workspace_id = ${workspaceId} AND group_name = ANY(${names}::text[])`.execute(trx);
  const missing = names.find((name) => !rows.some((row) => row.group_name === name));
  if (missing !== undefined)
    throw refuse('validation_failed', { field: 'approver_groups', reason: 'unknown_group', group: missing });
}

/**
 * Counted across the workspace's and all agents' policies: a verdict names the highest version that judged, so any change of either policy
 * must make that number rise, or an approval could outlive it (ruling 13).
 */
async function nextVersion(trx: Trx, workspaceId: WorkspaceId): Promise<number> {
  const { rows } =
    await sql`SELECT 1 FROM workspace WHERE workspace_id = ${workspaceId} FOR NO KEY UPDATE`.execute(trx);
  if (rows.length === 0) throw refuse('not_found', { object: 'workspace' });
  const newest = await sql<{
    version: number;
  }>`SELECT coalesce(max(version), 0) AS version FROM policy WHERE workspace_id = ${workspaceId}`.execute(
    trx,
  );
  return (newest.rows[0]?.version ?? 0) + 1;
}

function scopeOf(scope: Scope): string {
  return scope.agentId ?? 'workspace';
}

/** A stored policy whose text and hash disagree was changed behind our back: nothing may be judged by it. */
export function readDocument(
  row: { readonly document: PolicyDocument; readonly document_hash: string },
  scope: PolicyScope,
): Policy {
  const { document, document_hash: hash } = row;
  if (hashOf(document) !== hash) throw new Error('a stored policy does not match its hash');
  return fromDocument(document, { scope, hash });
}

function toVersion(row: Row): PolicyVersion {
  return {
    policy: readDocument(row, row.scope === 'workspace' ? 'workspace' : 'agent'),
    hash: row.document_hash,
    createdAtMs: row.created_at.getTime(),
    createdBy: row.created_by,
  };
}
