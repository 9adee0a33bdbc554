// Approvals as the store leaves them after their grant, for the signer to look at.
import type pg from 'pg';

export interface SeededApproval {
  readonly status?: string;
  readonly digest?: string;
  readonly useInSec?: number;
  /** Absent: bob's own. Alice is who asked. */
  readonly votes?: readonly { readonly by: string; readonly onBehalfOf?: string }[];
}

export async function seedApprovals(
  sql: pg.Pool | pg.Client,
  approval: SeededApproval,
  made: { readonly keys: readonly unknown[]; readonly digests: unknown; readonly openedMs: number },
): Promise<void> {
  const rows = 'unnest($1::uuid[], $2::uuid[], $3::uuid[]';
  await sql.query(
    `INSERT INTO events (workspace_id, opened_month, operation_id, version, type, schema, data, actor, occurred_at_ms, prev_hash, hash, cluster_epoch)
     SELECT t.ws, date_trunc('month', to_timestamp($4::bigint / 1000.0) AT TIME ZONE 'UTC')::date, t.op, 1, 'OperationOpened', 1, '{"requester":"alice"}', '{}',
       $4::bigint, '\\x00', '\\x01', 1 FROM ${rows}) AS t(ws, op, agent)`,
    [...made.keys, made.openedMs],
  );
  await sql.query(
    `INSERT INTO approval (workspace_id, approval_id, operation_id, agent_id, digest, status, decide_by, decided_at, use_by)
     SELECT t.ws, 'apr_' || t.op, t.op, t.agent, t.digest, $5, now(), clock_timestamp(), now() + $6 * interval '1 second'
     FROM ${rows}, $4::text[]) AS t(ws, op, agent, digest)`,
    [...made.keys, made.digests, approval.status ?? 'approved', approval.useInSec ?? 600],
  );
  const votes = approval.votes ?? [{ by: 'bob' }];
  await sql.query(
    `INSERT INTO approval_vote (workspace_id, approval_id, voter, on_behalf_of, voted_at)
     SELECT t.ws, 'apr_' || t.op, v.by, v.instead_of, now()
     FROM ${rows}) AS t(ws, op, agent), unnest($4::text[], $5::text[]) AS v(by, instead_of)`,
    [...made.keys, votes.map((it) => it.by), votes.map((it) => it.onBehalfOf ?? null)],
  );
}
