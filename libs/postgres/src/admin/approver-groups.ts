// Groups of approvers and delegations. Each change takes the workspace's roster row first and raises its epoch: a decision that was judged by the
// epoch before commits no more, and whoever reads the clock after the lock dates the change after every decision that was quicker.
import { refuse, type DelegationId, type WorkspaceId } from '#domain';
import type {
  Actor,
  ApproverAdmin,
  ApproverGroupView,
  DelegationView,
  NewDelegation,
  Signatory,
} from '#engine';
import { sql } from 'kysely';
import { change, within, type Database, type Trx } from './change.js';
import { assertAlone } from './dual-control.js';
import { newId } from './ids.js';

const GROUP = /^[a-z0-9][a-z0-9_-]{0,39}$/;
const MOST_MEMBERS = 200;
const MOST_GROUPS = 100;
const MOST_LISTED = 1_000;
const LONGEST_DELEGATION_MS = 90 * 24 * 3600 * 1000;

interface DelegationRow {
  readonly delegation_id: string;
  readonly person: string;
  readonly delegate: string;
  readonly reason: string;
  readonly starts_at: Date;
  readonly ends_at: Date;
  readonly revoked_at: Date | null;
  readonly created_at: Date;
}

const DELEGATION = sql<DelegationRow>`delegation_id, person, delegate, reason, starts_at, ends_at, revoked_at, created_at`;

export class PostgresApproverAdmin implements ApproverAdmin {
  constructor(private readonly db: Database) {}

  groups(workspaceId: WorkspaceId): Promise<readonly ApproverGroupView[]> {
    return within(this.db, workspaceId, (trx) => readGroups(trx, workspaceId, null));
  }

  putGroup(workspaceId: WorkspaceId, group: Membership, by: Actor): Promise<ApproverGroupView> {
    return change(this.db, { workspaceId, by }, async (trx) => {
      const found = await examineGroup(trx, workspaceId, group);
      if (found.widens) await assertAlone(trx, workspaceId, by);
      return writeGroup(trx, workspaceId, found.group);
    });
  }

  delegations(workspaceId: WorkspaceId): Promise<readonly DelegationView[]> {
    return within(this.db, workspaceId, async (trx) => {
      const { rows } =
        await sql<DelegationRow>`SELECT ${DELEGATION} FROM approver_delegation WHERE workspace_id = ${workspaceId}
        ORDER BY delegation_id DESC LIMIT ${MOST_LISTED}`.execute(trx);
      return rows.map(toDelegation);
    });
  }

  async delegate({ workspaceId, keyId, person }: Signatory, input: NewDelegation): Promise<DelegationView> {
    if (input.delegate === person)
      throw refuse('validation_failed', { field: 'delegate', reason: 'the_same_person' });
    const actor = { type: 'approver', id: keyId } as const;
    return change(this.db, { workspaceId, by: actor }, async (trx) => {
      const at = await raiseEpoch(trx, workspaceId);
      const startsAtMs = Math.max(input.startsAtMs ?? 0, at.getTime());
      const lastsMs = input.endsAtMs - startsAtMs;
      if (lastsMs <= 0 || lastsMs > LONGEST_DELEGATION_MS)
        throw refuse('validation_failed', { field: 'ends_at', reason: 'not_within_90_days_of_its_start' });
      const { rows } = await sql<DelegationRow>`INSERT INTO approver_delegation
          (workspace_id, delegation_id, person, delegate, reason, starts_at, ends_at)
        VALUES (${workspaceId}, ${newId('dlg')}, ${person}, ${input.delegate}, ${input.reason},
          to_timestamp(${startsAtMs}::bigint / 1000.0), to_timestamp(${input.endsAtMs}::bigint / 1000.0)) RETURNING ${DELEGATION}`.execute(
        trx,
      );
      if (!rows[0]) throw new Error('the delegation was not stored');
      const result = toDelegation(rows[0]);
      return { result, fact: { type: 'ApprovalDelegated', data: factOf(result) } };
    });
  }

  async endDelegation(
    { workspaceId, keyId }: Signatory,
    id: DelegationId,
    ownedBy: string | null,
  ): Promise<DelegationView> {
    const actor = { type: ownedBy === null ? 'admin' : 'approver', id: keyId } as const;
    return change(this.db, { workspaceId, by: actor }, async (trx) => {
      const at = await raiseEpoch(trx, workspaceId);
      const mine = sql`workspace_id = ${workspaceId} AND delegation_id = ${id} AND (${ownedBy}::text IS NULL OR person = ${ownedBy})`;
      const ended =
        await sql`UPDATE approver_delegation SET revoked_at = ${at} WHERE ${mine} AND revoked_at IS NULL`.execute(
          trx,
        );
      const { rows } =
        await sql<DelegationRow>`SELECT ${DELEGATION} FROM approver_delegation WHERE ${mine}`.execute(trx);
      if (!rows[0]) throw refuse('not_found', { object: 'delegation' });
      const result = toDelegation(rows[0]);
      const fact = { type: 'ApprovalDelegationEnded', data: factOf(result) };
      return { result, fact: ended.numAffectedRows === 0n ? null : fact };
    });
  }
}

interface Membership {
  readonly name: string;
  readonly members: readonly string[];
}

/** `widens`: somebody may approve who could not before. Nobody is asked by a group that is only just made. */
export async function examineGroup(
  trx: Trx,
  workspaceId: WorkspaceId,
  { name, members }: Membership,
): Promise<{ readonly group: Membership; readonly before: readonly string[]; readonly widens: boolean }> {
  if (!GROUP.test(name)) throw refuse('validation_failed', { field: 'name', reason: 'not_a_group_name' });
  const wanted = [...new Set(members)].sort();
  if (wanted.length > MOST_MEMBERS)
    throw refuse('validation_failed', { field: 'members', reason: `more_than_${MOST_MEMBERS}` });
  const groups = await readGroups(trx, workspaceId, null);
  const known = groups.find((it) => it.name === name);
  if (!known && groups.length >= MOST_GROUPS)
    throw refuse('validation_failed', { field: 'name', reason: `more_than_${MOST_GROUPS}_groups` });
  const before = known?.members.map((it) => it.person) ?? [];
  const joins = wanted.some((person) => !before.includes(person));
  return { group: { name, members: wanted }, before, widens: known !== undefined && joins };
}

export async function writeGroup(trx: Trx, workspaceId: WorkspaceId, { name, members }: Membership) {
  const at = await raiseEpoch(trx, workspaceId);
  await sql`INSERT INTO approver_group (workspace_id, group_name) VALUES (${workspaceId}, ${name}) ON CONFLICT DO NOTHING`.execute(
    trx,
  );
  const left = await sql<{ person: string }>`UPDATE approver_member SET until = greatest(${at}, since)
    WHERE workspace_id = ${workspaceId} AND group_name = ${name} AND until IS NULL AND NOT person = ANY(${members}::text[]) RETURNING person`.execute(
    trx,
  );
  const joined = await sql<{
    person: string;
  }>`INSERT INTO approver_member (workspace_id, group_name, person, since)
    SELECT ${workspaceId}, ${name}, p, ${at}::timestamptz FROM unnest(${members}::text[]) p
    ON CONFLICT DO NOTHING RETURNING person`.execute(trx);
  const result = (await readGroups(trx, workspaceId, name))[0] ?? { name, members: [] };
  const data = {
    group: name,
    joined: joined.rows.map((row) => row.person),
    left: left.rows.map((row) => row.person),
  };
  return { result, fact: { type: 'ApproverGroupChanged', data } };
}

/** The time of the change, read once nobody else can decide by the epoch before. */
async function raiseEpoch(trx: Trx, workspaceId: WorkspaceId): Promise<Date> {
  await sql`INSERT INTO approver_roster (workspace_id) VALUES (${workspaceId})
    ON CONFLICT (workspace_id) DO UPDATE SET epoch = approver_roster.epoch + 1`.execute(trx);
  const { rows } = await sql<{ at: Date }>`SELECT clock_timestamp() AS at`.execute(trx);
  if (!rows[0]) throw new Error('the database has no clock');
  return rows[0].at;
}

async function readGroups(
  trx: Trx,
  workspaceId: WorkspaceId,
  name: string | null,
): Promise<readonly ApproverGroupView[]> {
  const { rows } = await sql<{ group_name: string; person: string | null; since: Date | null }>`
    SELECT g.group_name, m.person, m.since FROM approver_group g
      LEFT JOIN approver_member m ON m.workspace_id = g.workspace_id AND m.group_name = g.group_name AND m.until IS NULL
     WHERE g.workspace_id = ${workspaceId} AND (${name}::text IS NULL OR g.group_name = ${name})
     ORDER BY g.group_name, m.person`.execute(trx);
  const names = [...new Set(rows.map((row) => row.group_name))];
  return names.map((group) => ({
    name: group,
    members: rows.flatMap(({ group_name, person, since }) =>
      group_name === group && person !== null && since !== null ? [{ person, sinceMs: since.getTime() }] : [],
    ),
  }));
}

function factOf(delegation: DelegationView): Record<string, string | number> {
  return {
    delegation_id: delegation.delegationId,
    person: delegation.person,
    delegate: delegation.delegate,
    starts_at_ms: delegation.startsAtMs,
    ends_at_ms: delegation.endsAtMs,
    reason: delegation.reason,
  };
}

function toDelegation(row: DelegationRow): DelegationView {
  return {
    delegationId: row.delegation_id as DelegationId,
    person: row.person,
    delegate: row.delegate,
    reason: row.reason,
    startsAtMs: row.starts_at.getTime(),
    endsAtMs: row.ends_at.getTime(),
    revokedAtMs: row.revoked_at?.getTime() ?? null,
    createdAtMs: row.created_at.getTime(),
  };
}
