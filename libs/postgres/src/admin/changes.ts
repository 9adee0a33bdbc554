// Dual control (ruling 28). A wish that lets more pass than before is written down with what it was made on; a second person's yes carries it out in the
// transaction of the decision, on rows that are locked, or not at all. What only tightens is carried out at once.
import { canonicalJson, refuse, type ApprovalId, type Json, type WorkspaceId } from '#domain';
import type { Change, Changed, ChangeKind, Changer, ChangeResults, ChangeStore, ChangeView } from '#engine';
import { createHash } from 'node:crypto';
import { APPROVALS_CHANNEL } from '../answers.js';
import { sql } from 'kysely';
import { changeFrom, examine } from './change-effects.js';
import { change, within, type AdminFact, type Database, type Trx } from './change.js';
import { CHANGE_COLUMNS, toChangeView, type ChangeRow } from './change-rows.js';
import { isDualControlled } from './dual-control.js';
import { newId } from './ids.js';

/** How long a second person has. Nothing is held meanwhile. */
const DECIDE_WITHIN_SEC = 24 * 3600;

export class PostgresChanges implements ChangeStore {
  constructor(private readonly db: Database) {}

  async submit<Kind extends ChangeKind>(
    by: Changer,
    wish: Extract<Change, { readonly kind: Kind }>,
  ): Promise<Changed<Kind>> {
    const { workspaceId, actor } = by;
    return change<Changed<Kind>>(this.db, { workspaceId, by: actor }, async (trx) => {
      const found = await examine(trx, workspaceId, wish);
      if (!found.loosens || !(await isDualControlled(trx, workspaceId))) {
        const { result, fact } = await found.carryOut(actor);
        return { result: { kind: 'done', value: result as ChangeResults[Kind] }, fact };
      }
      const approvalId = newId('apr');
      const { wanted, base } = found;
      const digest = createHash('sha256')
        .update(
          canonicalJson({
            workspace_id: workspaceId,
            approval_id: approvalId,
            kind: wish.kind,
            agent_id: wish.agentId,
            wanted,
            base,
          }),
        )
        .digest('hex');
      await sql`INSERT INTO change_request (workspace_id, approval_id, kind, agent_id, wanted, base, digest, requester, requester_key, decide_by)
        VALUES (${workspaceId}, ${approvalId}, ${wish.kind}, ${wish.agentId}, ${JSON.stringify(wanted)}::jsonb, ${JSON.stringify(base)}::jsonb,
          ${digest}, ${by.person}, ${actor.id}, clock_timestamp() + ${DECIDE_WITHIN_SEC}::int * interval '1 second')`.execute(
        trx,
      );
      const request = toChangeView(await locked(trx, workspaceId, approvalId));
      await tell(trx, workspaceId, approvalId);
      return {
        result: { kind: 'pending', request },
        fact: { type: 'ChangeRequested', data: factOf(request) },
      };
    });
  }

  get(workspaceId: WorkspaceId, approvalId: ApprovalId): Promise<ChangeView> {
    return within(this.db, workspaceId, async (trx) =>
      toChangeView(await find(trx, workspaceId, approvalId)),
    );
  }

  async approve(by: Changer, approvalId: ApprovalId, digest: string): Promise<ChangeView> {
    const { workspaceId } = by;
    const decided = await this.decide(by, approvalId, {
      decision: 'approved',
      work: async (trx, row) => {
        if (row.digest !== digest) throw refuse('approval_digest_mismatch');
        const found = await examine(trx, workspaceId, changeFrom(row.kind, row.agent_id, row.wanted)).catch(
          outdated,
        );
        if (found === null || canonicalJson(found.base) !== canonicalJson(row.base)) return 'outdated';
        // Recorded under who decided; the request names who asked.
        const { fact } = await found.carryOut({ type: 'system', id: approvalId });
        return fact;
      },
    });
    if (decided.status === 'outdated') throw refuse('version_conflict', { approval_id: approvalId });
    return decided;
  }

  reject(by: Changer, approvalId: ApprovalId, reason: string): Promise<ChangeView> {
    return this.decide(by, approvalId, { decision: 'rejected', reason });
  }

  withdraw(by: Changer, approvalId: ApprovalId): Promise<ChangeView> {
    return this.decide(by, approvalId, { decision: 'cancelled' });
  }

  private decide(
    by: Changer,
    approvalId: ApprovalId,
    { decision, reason = null, work = () => Promise.resolve(null) }: Decision,
  ): Promise<ChangeView> {
    const { workspaceId, actor, person } = by;
    return change(this.db, { workspaceId, by: actor }, async (trx) => {
      const before = await locked(trx, workspaceId, approvalId);
      if (before.status === decision && before.decided_by === person)
        return { result: toChangeView(before), fact: null };
      if (before.status !== 'pending') throw refuse('already_decided', { decision: before.status });
      if (before.overdue) throw refuse('approval_expired');
      const own = before.requester === person;
      if (own !== (decision === 'cancelled'))
        throw refuse('approver_not_eligible', { reason: own ? 'requester' : 'not_requester' });
      const done = await work(trx, before);
      const status = done === 'outdated' ? 'outdated' : decision;
      await sql`UPDATE change_request SET status = ${status}, decided_at = clock_timestamp(), decided_by = ${person}, reason = ${reason},
          revision = revision + 1, changed_at = clock_timestamp()
        WHERE workspace_id = ${workspaceId} AND approval_id = ${approvalId}`.execute(trx);
      const result = toChangeView(await locked(trx, workspaceId, approvalId));
      await tell(trx, workspaceId, approvalId);
      if (done !== null && done !== 'outdated')
        await sql`INSERT INTO admin_event (workspace_id, type, actor, data) VALUES (${workspaceId}, ${done.type},
          ${JSON.stringify(actor)}::jsonb, ${JSON.stringify({ ...done.data, approval_id: approvalId })}::jsonb)`.execute(
          trx,
        );
      return { result, fact: { type: FACTS[status], data: factOf(result) } };
    });
  }
}

interface Decision {
  readonly decision: 'approved' | 'rejected' | 'cancelled';
  readonly reason?: string | null;
  /** What follows from it, in its own transaction. */
  readonly work?: (trx: Trx, row: ChangeRow) => Promise<AdminFact | 'outdated' | null>;
}

const FACTS = {
  approved: 'ChangeApproved',
  rejected: 'ChangeRejected',
  cancelled: 'ChangeWithdrawn',
  outdated: 'ChangeOutdated',
} as const;

/** What it was to change is not there any more; any other refusal is the caller's. */
function outdated(error: unknown): null {
  if (error instanceof Error && 'code' in error && error.code === 'not_found') return null;
  throw error;
}

async function find(trx: Trx, workspaceId: WorkspaceId, approvalId: string): Promise<ChangeRow> {
  const { rows } =
    await sql<ChangeRow>`SELECT ${sql.raw(CHANGE_COLUMNS)} FROM change_request c WHERE c.workspace_id = ${workspaceId} AND c.approval_id = ${approvalId}`.execute(
      trx,
    );
  if (!rows[0]) throw refuse('not_found', { object: 'approval' });
  return rows[0];
}

/** Locked first and read in a statement of its own: what is late is told by a clock read after the lock. */
async function locked(trx: Trx, workspaceId: WorkspaceId, approvalId: string): Promise<ChangeRow> {
  await sql`SELECT FROM change_request WHERE workspace_id = ${workspaceId} AND approval_id = ${approvalId} FOR UPDATE`.execute(
    trx,
  );
  return find(trx, workspaceId, approvalId);
}

/** Whoever waits for news of approvals. */
async function tell(trx: Trx, workspaceId: WorkspaceId, approvalId: string): Promise<void> {
  await sql`SELECT pg_notify(${APPROVALS_CHANNEL}, ${`${workspaceId},${approvalId}`})`.execute(trx);
}

function factOf(view: ChangeView): Record<string, Json> {
  return {
    approval_id: view.approvalId,
    kind: view.kind,
    agent_id: view.agentId,
    requester: view.requester,
    digest: view.digest,
    wanted: view.wanted,
    base: view.base,
    decided_by: view.decidedBy,
  };
}
