// Everything the signer reads and the one table it writes, under its own role (T39). Reads and writes serve a whole batch each: two round
// trips however many authorizations were asked for at once.
import { createHash } from 'node:crypto';
import pg from 'pg';
import type { Json, WalletId, WorkspaceId } from '#domain';
import type { OperationRef } from '#engine';
import { subjectOf, type Row, type Subject } from './subject.js';

/** What a signature is for; subjects are unique within it (ruling 8). */
export type Purpose = 'authorize' | 'allowance' | 'broadcast' | 'cancel';

/** `digest` null burns the subject. */
export interface LedgerEntry {
  readonly subject: string;
  readonly workspaceId: WorkspaceId;
  readonly digest: string | null;
  readonly reason: string | null;
}

export interface LedgerRow {
  readonly purpose: Purpose;
  readonly subject: string;
  readonly digest: string | null;
  readonly reason: string | null;
  readonly sequence: number;
}

export interface LedgerFacts {
  readonly nowMs: number;
  readonly clusterEpoch: number;
  readonly quarantinedUntilMs: number | null;
  readonly count: number;
  readonly newest: LedgerRow | null;
  /** The row the mark speaks of, when it is there. */
  readonly marked: LedgerRow | null;
}

/** The role or a grant is not what the signer insists on. */
export class UnsafeDatabaseRoleError extends Error {
  override readonly name = 'UnsafeDatabaseRoleError';
}

const OPENED_MONTH = `date_trunc('month', to_timestamp(o.opened_at_ms / 1000.0) AT TIME ZONE 'UTC')::date`;
/** Stops of the whole installation belong to no workspace. */
const ALL = `'00000000-0000-0000-0000-000000000000'`;
// Who asked, who voted, and how those people stood when it was decided: members then, delegates then, holders of a key of the agent.
const DECISION = `LEFT JOIN LATERAL (SELECT json_build_object(
  'requester', (SELECT e.data ->> 'requester' FROM events e WHERE e.workspace_id = asked.workspace_id AND e.operation_id = asked.operation_id
    AND e.opened_month = ${OPENED_MONTH} AND e.version = 1),
  'votes', (SELECT json_agg(json_build_object('by', v.voter, 'onBehalfOf', v.on_behalf_of) ORDER BY v.voted_at, v.voter)
    FROM approval_vote v WHERE v.workspace_id = asked.workspace_id AND v.approval_id = p.approval_id),
  'people', (SELECT json_agg(json_build_object('person', n.person,
      'groups', ARRAY(SELECT m.group_name FROM approver_member m WHERE m.workspace_id = asked.workspace_id AND m.person = n.person
        AND m.since <= p.decided_at AND coalesce(m.until, 'infinity') > p.decided_at),
      'barred', CASE WHEN EXISTS (SELECT FROM api_key k WHERE k.workspace_id = asked.workspace_id AND k.person = n.person
        AND (k.agent_id = o.agent_id OR k.role = 'backend' AND 'agent:payments:write' = ANY (k.scopes))
        AND k.created_at <= p.decided_at AND coalesce(least(k.revoked_at, k.expires_at), 'infinity') > to_timestamp(o.opened_at_ms / 1000.0)) THEN 'operator' END))
    FROM (SELECT v.voter AS person FROM approval_vote v WHERE v.workspace_id = asked.workspace_id AND v.approval_id = p.approval_id
      UNION SELECT v.on_behalf_of FROM approval_vote v
        WHERE v.workspace_id = asked.workspace_id AND v.approval_id = p.approval_id AND v.on_behalf_of IS NOT NULL) n),
  'delegations', (SELECT json_agg(json_build_object('by', d.delegate, 'onBehalfOf', d.person))
    FROM approval_vote v JOIN approver_delegation d ON d.workspace_id = v.workspace_id AND d.delegate = v.voter AND d.person = v.on_behalf_of
    WHERE v.workspace_id = asked.workspace_id AND v.approval_id = p.approval_id
      AND d.starts_at <= p.decided_at AND d.ends_at > p.decided_at AND coalesce(d.revoked_at, 'infinity') > p.decided_at)) AS decision
  WHERE p.approval_id IS NOT NULL) y ON true`;
// One index look-up per row and table: the limits keep the planner from joining whole tables, whatever its statistics say.
const READ = `
SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint::text AS now_ms,
  (SELECT epoch FROM cluster) AS cluster_epoch,
  o.agent_id, o.kind, o.status,
  EXISTS (SELECT FROM control c WHERE c.paused AND c.scope IN ('global', asked.workspace_id::text))
    OR EXISTS (SELECT FROM stop s WHERE s.workspace_id = asked.workspace_id AND s.kind = 'agent' AND s.target = o.agent_id::text)
    OR EXISTS (SELECT FROM stop s WHERE s.workspace_id IN (asked.workspace_id, ${ALL}) AND s.kind = 'payee' AND s.target = a.to_address
      AND s.network IN ('', a.network))
    OR EXISTS (SELECT FROM agent g WHERE g.workspace_id = asked.workspace_id AND g.agent_id = o.agent_id AND g.status <> 'active') AS stopped,
  (SELECT array_agg(s.target) FROM stop s WHERE s.workspace_id IN (asked.workspace_id, ${ALL}) AND s.kind = 'host') AS stopped_hosts,
  EXISTS (SELECT FROM events e WHERE e.workspace_id = asked.workspace_id AND e.operation_id = asked.operation_id
    AND e.opened_month = ${OPENED_MONTH} AND e.type = 'CancellationRequested') AS cancellation_requested,
  a.wallet_id, a.method, a.facilitator, a.network, a.token, a.from_address, a.to_address, coalesce(a.allowance, a.value)::text AS value, a.valid_after::text AS valid_after,
  a.valid_before::text AS valid_before, a.nonce, a.digest, a.status AS authorization_status,
  w.status AS wallet_status, w.address AS wallet_address, w.role AS wallet_role,
  q.wallet_id AS payee_wallet_id, q.agent_id AS payee_agent_id, q.role AS payee_role, q.status AS payee_status,
  r.state AS reservation_state, r.amount::text AS reservation_amount,
  p.status AS approval_status, p.digest AS approval_digest, (extract(epoch FROM p.use_by) * 1000)::bigint::text AS use_by_ms, y.decision,
  t.type AS terms_type, t.schema AS terms_schema, t.data AS terms_data,
  l.subject IS NOT NULL AS in_ledger, l.digest AS ledger_digest, l.reason AS ledger_reason
FROM unnest($1::uuid[], $2::uuid[]) WITH ORDINALITY AS asked(workspace_id, operation_id, ordinal)
LEFT JOIN LATERAL (SELECT * FROM operations
  WHERE workspace_id = asked.workspace_id AND operation_id = asked.operation_id LIMIT 1) o ON true
LEFT JOIN LATERAL (SELECT * FROM authorization_ledger
  WHERE workspace_id = asked.workspace_id AND operation_id = asked.operation_id AND epoch = 0 LIMIT 1) a ON true
LEFT JOIN LATERAL (SELECT * FROM wallet
  WHERE workspace_id = asked.workspace_id AND wallet_id = a.wallet_id LIMIT 1) w ON true
LEFT JOIN LATERAL (SELECT * FROM wallet
  WHERE workspace_id = asked.workspace_id AND address = a.to_address LIMIT 1) q ON true
LEFT JOIN LATERAL (SELECT * FROM reservation
  WHERE workspace_id = asked.workspace_id AND operation_id = asked.operation_id LIMIT 1) r ON true
LEFT JOIN LATERAL (SELECT * FROM approval
  WHERE workspace_id = asked.workspace_id AND operation_id = asked.operation_id AND status IN ('pending', 'approved') LIMIT 1) p ON true
${DECISION}
LEFT JOIN LATERAL (
  SELECT e.type, e.schema, e.data #- '{terms,wire}' AS data FROM events e
  WHERE e.workspace_id = asked.workspace_id AND e.operation_id = asked.operation_id
    AND e.opened_month = ${OPENED_MONTH}
    AND e.type IN ('TermsAccepted', 'TermsChanged')
  ORDER BY e.version DESC LIMIT 1) t ON true
LEFT JOIN LATERAL (SELECT * FROM signer_ledger
  WHERE purpose = CASE a.method WHEN 'allowance' THEN 'allowance' ELSE 'authorize' END AND epoch = 0 AND subject = asked.workspace_id || '/' || asked.operation_id LIMIT 1) l ON true
ORDER BY asked.ordinal`;

const RECORD = `
INSERT INTO signer_ledger (purpose, subject, epoch, digest, workspace_id, reason)
SELECT $1, subject, 0, digest, workspace_id, reason
FROM unnest($2::text[], $3::uuid[], $4::text[], $5::text[]) AS entry(subject, workspace_id, digest, reason)
ON CONFLICT DO NOTHING
RETURNING purpose, subject, digest, reason, sequence::text`;

const RECORDED = `SELECT purpose, subject, digest, reason, sequence::text FROM signer_ledger
WHERE purpose = $1 AND epoch = 0 AND subject = ANY($2::text[])`;

const FACTS = `
SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint::text AS now_ms, c.epoch AS cluster_epoch,
  (extract(epoch FROM c.quarantined_until) * 1000)::bigint::text AS quarantined_until_ms,
  (SELECT count(*) FROM signer_ledger)::text AS count,
  (SELECT to_jsonb(n) FROM (SELECT purpose, subject, digest, reason, sequence::text FROM signer_ledger ORDER BY sequence DESC LIMIT 1) n) AS newest,
  (SELECT to_jsonb(m) FROM (SELECT purpose, subject, digest, reason, sequence::text FROM signer_ledger WHERE sequence = $1) m) AS marked
FROM cluster c`;

const ROLE = `
SELECT r.rolsuper AS superuser,
  (SELECT bool_or(pg_has_role(current_user, t.relowner, 'MEMBER')) FROM pg_class t WHERE t.oid = 'signer_ledger'::regclass) AS owner,
  has_table_privilege('signer_ledger', 'UPDATE') OR has_table_privilege('signer_ledger', 'DELETE')
    OR has_table_privilege('signer_ledger', 'TRUNCATE') AS rewrites_ledger,
  has_table_privilege('operations', 'INSERT, UPDATE') OR has_table_privilege('authorization_ledger', 'INSERT, UPDATE')
    OR has_table_privilege('approval', 'INSERT, UPDATE') AS writes_operations
FROM pg_roles r WHERE r.rolname = current_user`;

/** What each wallet signed for within the last hour, to carry the limit over a restart. Subjects of other purposes hold no operation id. */
const SPENT = `
SELECT a.wallet_id, a.value::text AS value, (extract(epoch FROM l.recorded_at) * 1000)::bigint::text AS at_ms
FROM signer_ledger l
JOIN authorization_ledger a ON a.workspace_id = l.workspace_id
  AND a.operation_id = CASE l.purpose WHEN 'authorize' THEN split_part(l.subject, '/', 2)::uuid END AND a.epoch = 0
WHERE l.purpose = 'authorize' AND l.digest IS NOT NULL AND l.recorded_at > clock_timestamp() - interval '1 hour'`;

export class SignerDatabase {
  constructor(readonly pool: pg.Pool) {}

  /** @throws UnsafeDatabaseRoleError when this login could change what the signer must be able to rely on. */
  async assertSafeRole(): Promise<void> {
    const { rows } = await this.pool.query<Record<string, boolean | null>>(ROLE);
    const [role] = rows;
    if (role === undefined) throw new UnsafeDatabaseRoleError('The database role is unknown.');
    const wrong = Object.entries(role)
      .filter(([, yes]) => yes !== false)
      .map(([name]) => name);
    if (wrong.length > 0)
      throw new UnsafeDatabaseRoleError(`The signer needs a role of its own; this one: ${wrong.join(', ')}.`);
  }

  async read(refs: readonly OperationRef[]): Promise<Subject[]> {
    const { rows } = await this.pool.query<Row>({
      name: 'purser_signer_read',
      text: READ,
      values: [refs.map((it) => it.workspaceId), refs.map((it) => it.operationId)],
    });
    return rows.map((row, index) => subjectOf(refs[index] as OperationRef, row));
  }

  /** Commits the entries that are new. `rows` holds, for every entry, what the ledger says now; `inserted` those written here. */
  async record(
    purpose: Purpose,
    entries: readonly LedgerEntry[],
  ): Promise<{ readonly inserted: readonly LedgerRow[]; readonly rows: ReadonlyMap<string, LedgerRow> }> {
    const { rows } = await this.pool.query<Row>({
      name: 'purser_signer_record',
      text: RECORD,
      values: [
        purpose,
        entries.map((it) => it.subject),
        entries.map((it) => it.workspaceId),
        entries.map((it) => it.digest),
        entries.map((it) => it.reason),
      ],
    });
    const inserted = rows.map(ledgerRowOf);
    const known = new Map(inserted.map((row) => [row.subject, row]));
    const missing = entries.map((it) => it.subject).filter((subject) => !known.has(subject));
    if (missing.length > 0) {
      const earlier = await this.pool.query<Row>(RECORDED, [purpose, missing]);
      for (const row of earlier.rows.map(ledgerRowOf)) known.set(row.subject, row);
    }
    return { inserted, rows: known };
  }

  async facts(markedSequence: number): Promise<LedgerFacts> {
    type Facts = Row & { newest: Row | null; marked: Row | null };
    const { rows } = await this.pool.query<Facts>(FACTS, [markedSequence]);
    const [row] = rows;
    if (row === undefined) throw new Error('the cluster row is missing');
    return {
      nowMs: Number(row['now_ms']),
      clusterEpoch: Number(row['cluster_epoch']),
      quarantinedUntilMs: row['quarantined_until_ms'] === null ? null : Number(row['quarantined_until_ms']),
      count: Number(row['count']),
      newest: row.newest && ledgerRowOf(row.newest),
      marked: row.marked && ledgerRowOf(row.marked),
    };
  }

  async signedWithinTheHour(): Promise<{ walletId: WalletId; value: bigint; atMs: number }[]> {
    const { rows } = await this.pool.query<Row>(SPENT);
    return rows.map((row) => ({
      walletId: row['wallet_id'] as WalletId,
      value: BigInt(row['value'] ?? '0'),
      atMs: Number(row['at_ms']),
    }));
  }

  /** Key fingerprints and whatever else the database was set up with (ruling 9). */
  async genesis(): Promise<Json> {
    const { rows } = await this.pool.query<{ genesis: Json }>('SELECT genesis FROM cluster');
    return rows[0]?.genesis ?? {};
  }
}

export function subjectKey(ref: OperationRef): string {
  return `${ref.workspaceId}/${ref.operationId}`;
}

export function hashOfRow(row: LedgerRow): string {
  const text = JSON.stringify([row.purpose, row.subject, row.digest, row.reason, row.sequence]);
  return createHash('sha256').update(text).digest('hex');
}

function ledgerRowOf(row: Row): LedgerRow {
  return {
    purpose: row['purpose'] as Purpose,
    subject: row['subject'] as string,
    digest: row['digest'] ?? null,
    reason: row['reason'] ?? null,
    sequence: Number(row['sequence']),
  };
}
