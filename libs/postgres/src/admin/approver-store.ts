// The engine's view of approvers: read anew for every decision, in one statement, so that people and epoch are of one moment.
import type { Roster } from '#domain';
import type { Approvers } from '#engine';
import type pg from 'pg';

interface Row {
  readonly epoch: string;
  readonly people: Roster['people'] | null;
  readonly delegations: Roster['delegations'] | null;
}

// A delegation that is about to end counts no more: it must still be in force when the decision is recorded, by the clock of the database.
const ROSTER = `SELECT coalesce((SELECT r.epoch FROM approver_roster r WHERE r.workspace_id = $1), 0)::text AS epoch,
  (SELECT json_agg(json_build_object('person', p.person,
      'groups', ARRAY(SELECT m.group_name FROM approver_member m
        WHERE m.workspace_id = $1 AND m.person = p.person AND m.until IS NULL AND m.group_name = ANY ($5::text[]) ORDER BY m.group_name),
      'barred', CASE
        WHEN EXISTS (SELECT FROM api_key k WHERE k.workspace_id = $1 AND k.person = p.person AND (k.agent_id = $2 OR k.role = 'backend' AND 'agent:payments:write' = ANY (k.scopes))
          AND coalesce(least(k.revoked_at, k.expires_at), 'infinity') > to_timestamp($3::bigint / 1000.0)) THEN 'operator'
        WHEN EXISTS (SELECT FROM api_key k WHERE k.workspace_id = $1 AND k.role = 'approver' AND k.person = p.person)
          AND NOT EXISTS (SELECT FROM api_key k WHERE k.workspace_id = $1 AND k.role = 'approver' AND k.person = p.person
            AND coalesce(least(k.revoked_at, k.expires_at), 'infinity') > clock_timestamp()) THEN 'without_credential' END))
    FROM unnest($4::text[]) AS p(person)) AS people,
  (SELECT json_agg(json_build_object('by', d.delegate, 'onBehalfOf', d.person)) FROM approver_delegation d
    WHERE d.workspace_id = $1 AND d.delegate = ANY ($4::text[]) AND d.person = ANY ($4::text[]) AND d.revoked_at IS NULL
      AND d.starts_at <= clock_timestamp() AND d.ends_at > clock_timestamp() + interval '10 seconds') AS delegations`;

/** The pool's role must be able to read groups and keys of all workspaces. */
export function createApprovers(pool: pg.Pool): Approvers {
  return {
    async rosterFor({ workspaceId, agentId, openedAtMs, people, groups }) {
      const { rows } = await pool.query<Row>({
        name: 'purser_roster',
        text: ROSTER,
        values: [workspaceId, agentId, openedAtMs, people, groups],
      });
      const { epoch = '0', people: known, delegations } = rows[0] ?? {};
      return { epoch: Number(epoch), people: known ?? [], delegations: delegations ?? [] };
    },
  };
}
