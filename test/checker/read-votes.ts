import type pg from 'pg';
import { groupBy, type VoteRow } from './model.js';

interface Row {
  readonly approval_id: string;
  readonly voter: string;
  readonly on_behalf_of: string | null;
  readonly groups: readonly string[];
  readonly delegated: boolean;
  readonly decided: string | null;
  readonly decide_by: string;
}

/** Every vote, with the groups and the delegation that stood behind it when the approval was decided. */
export async function readVotes(client: pg.Client): Promise<ReadonlyMap<string, readonly VoteRow[]>> {
  const { rows } = await client.query<Row>(
    `SELECT v.approval_id, v.voter, v.on_behalf_of, (extract(epoch FROM p.decided_at) * 1000)::text AS decided, (extract(epoch FROM p.decide_by) * 1000)::text AS decide_by,
            ARRAY(SELECT m.group_name FROM approver_member m WHERE m.workspace_id = v.workspace_id AND m.person = coalesce(v.on_behalf_of, v.voter)
                     AND m.since <= p.decided_at AND (m.until IS NULL OR m.until > p.decided_at)) AS groups,
            EXISTS (SELECT FROM approver_delegation d WHERE d.workspace_id = v.workspace_id AND d.delegate = v.voter AND d.person = v.on_behalf_of
                       AND d.starts_at <= p.decided_at AND d.ends_at > p.decided_at AND (d.revoked_at IS NULL OR d.revoked_at > p.decided_at)) AS delegated
       FROM approval_vote v JOIN approval p ON p.workspace_id = v.workspace_id AND p.approval_id = v.approval_id
      WHERE p.status = 'approved'`,
  );
  const votes = rows.map((row) => ({
    approvalId: row.approval_id,
    voter: row.voter,
    onBehalfOf: row.on_behalf_of,
    groups: row.groups,
    delegated: row.delegated,
    decidedAtMs: row.decided === null ? null : Number(row.decided),
    decideByMs: Number(row.decide_by),
  }));
  return groupBy(votes, (it) => it.approvalId);
}
