/**
 * Quorums: groups of approvers, delegations, and one row per vote (S10). Membership is never erased: who was in a group at a decision can be looked up
 * later, by the signer before it signs and by whoever checks the books.
 *
 * A decision is judged by a roster (groups and delegations of one moment) outside of the commit, and commits only while the roster's epoch stands: its
 * row is share-locked until the commit is over, and every change of groups and delegations raises it. So a removal that has returned counts for every
 * grant after it.
 */
export const name = '20261121-88-2-quorum';

const TABLES = [
  'approver_roster',
  'approver_group',
  'approver_member',
  'approver_delegation',
  'approval_vote',
];

export const sql = `
CREATE TABLE approver_roster (
  workspace_id uuid PRIMARY KEY REFERENCES workspace,
  epoch bigint NOT NULL DEFAULT 1
);

CREATE TABLE approver_group (
  workspace_id uuid NOT NULL REFERENCES workspace,
  group_name text NOT NULL CHECK (group_name ~ '^[a-z0-9][a-z0-9_-]{0,39}$'),
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (workspace_id, group_name)
);

CREATE TABLE approver_member (
  workspace_id uuid NOT NULL,
  group_name text NOT NULL,
  person text NOT NULL,
  since timestamptz NOT NULL,
  until timestamptz CHECK (until >= since), -- null: a member now
  PRIMARY KEY (workspace_id, group_name, person, since),
  FOREIGN KEY (workspace_id, group_name) REFERENCES approver_group
);
CREATE UNIQUE INDEX approver_member_now ON approver_member (workspace_id, group_name, person) WHERE until IS NULL;
CREATE INDEX approver_member_by_person ON approver_member (workspace_id, person);

-- The delegate may decide in the person's place, for no longer than this.
CREATE TABLE approver_delegation (
  workspace_id uuid NOT NULL REFERENCES workspace,
  delegation_id text NOT NULL,
  person text NOT NULL,
  delegate text NOT NULL CHECK (delegate <> person),
  reason text NOT NULL DEFAULT '',
  starts_at timestamptz NOT NULL,
  ends_at timestamptz NOT NULL CHECK (ends_at > starts_at),
  revoked_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (workspace_id, delegation_id)
);
CREATE INDEX approver_delegation_by_delegate ON approver_delegation (workspace_id, delegate);

CREATE TABLE approval_vote (
  workspace_id uuid NOT NULL,
  approval_id text NOT NULL,
  voter text NOT NULL,
  on_behalf_of text CHECK (on_behalf_of <> voter),
  voted_at timestamptz NOT NULL,
  PRIMARY KEY (workspace_id, approval_id, voter)
);
CREATE UNIQUE INDEX approval_vote_counts_once ON approval_vote (workspace_id, approval_id, coalesce(on_behalf_of, voter));

ALTER TABLE approval
  ADD COLUMN rules jsonb NOT NULL DEFAULT '[{"groups":[],"quorum":1}]',
  ADD COLUMN requester text,
  ADD COLUMN host text,
  ADD COLUMN unit text,
  ADD COLUMN amount numeric(78,0),
  ADD COLUMN revision integer NOT NULL DEFAULT 1,
  ADD COLUMN changed_at timestamptz NOT NULL DEFAULT clock_timestamp();

-- What was asked for and granted before: one person's yes was the whole quorum.
INSERT INTO approval_vote (workspace_id, approval_id, voter, voted_at)
SELECT workspace_id, approval_id, decided_by, coalesce(decided_at, requested_at) FROM approval WHERE status = 'approved' AND decided_by IS NOT NULL;
UPDATE approval a SET requester = (SELECT e.data ->> 'requester' FROM events e
    WHERE e.workspace_id = a.workspace_id AND e.operation_id = a.operation_id AND e.type = 'OperationOpened' LIMIT 1);
UPDATE approval a SET host = lower(substring(t.terms ->> 'resourceUrl' from '^[a-z]+://([^/?#]+)')), unit = t.terms ->> 'unit', amount = (t.terms ->> 'amount')::numeric
  FROM (SELECT DISTINCT ON (r.workspace_id, r.data ->> 'approvalId') r.workspace_id, r.data ->> 'approvalId' AS approval_id, j.data -> 'terms' AS terms
          FROM events r JOIN events j ON j.workspace_id = r.workspace_id AND j.operation_id = r.operation_id AND j.version < r.version
         WHERE r.type = 'ApprovalRequested' AND j.type IN ('TermsAccepted', 'TermsChanged')
         ORDER BY r.workspace_id, r.data ->> 'approvalId', j.version DESC) t
 WHERE t.workspace_id = a.workspace_id AND t.approval_id = a.approval_id;
CREATE INDEX approval_changed ON approval (workspace_id, changed_at DESC);

DO $$
DECLARE
  owned text;
BEGIN
  FOREACH owned IN ARRAY ARRAY['${TABLES.join("', '")}'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', owned);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', owned);
    EXECUTE format('CREATE POLICY own_workspace ON %I FOR SELECT TO purser_reader
                      USING (workspace_id = nullif(current_setting(''purser.workspace_id'', true), '''')::uuid)', owned);
    EXECUTE format('CREATE POLICY system ON %I TO purser_writer, purser_system, purser_signer USING (true) WITH CHECK (true)', owned);
    EXECUTE format('CREATE POLICY checker ON %I FOR SELECT TO purser_checker USING (true)', owned);
  END LOOP;
END $$;
GRANT SELECT ON approver_roster TO purser_writer, purser_system;
GRANT UPDATE (epoch) ON approver_roster TO purser_writer; -- What a share lock asks for.
GRANT INSERT, UPDATE ON approver_roster TO purser_system;
GRANT SELECT, INSERT ON approver_group TO purser_system;
GRANT SELECT, INSERT, UPDATE (until) ON approver_member TO purser_system;
GRANT SELECT, INSERT, UPDATE (revoked_at) ON approver_delegation TO purser_system;
GRANT SELECT, INSERT ON approval_vote TO purser_writer;
GRANT SELECT ON approval_vote TO purser_system;
GRANT SELECT ON approver_member, approver_delegation, approval_vote TO purser_reader, purser_signer, purser_checker;
-- Who operates an agent; never a hash.
GRANT SELECT (workspace_id, role, scopes, agent_id, person, created_at, expires_at, revoked_at) ON api_key TO purser_reader, purser_signer;

-- a_kind: request, vote, grant, reject, expire, use (an intent that needs one), drop. At most one approval of an operation is open at a time.
CREATE OR REPLACE FUNCTION purser_check_approvals(
  wait boolean, c_ws uuid[], c_op uuid[], a_cmd integer[], a_kind text[], INOUT results text[], INOUT details jsonb[], OUT judged timestamptz
) LANGUAGE plpgsql AS $$
DECLARE
  r record;
  locked text[];
  fine boolean;
BEGIN
  IF wait THEN
    SELECT array_agg(x.approval_id) INTO locked FROM (
      SELECT p.approval_id FROM approval p
       WHERE (p.workspace_id, p.operation_id) IN (SELECT c_ws[x.cmd], c_op[x.cmd] FROM unnest(a_cmd) x(cmd)) AND p.status IN ('pending', 'approved')
       ORDER BY p.workspace_id, p.approval_id FOR UPDATE) x;
  ELSE
    SELECT array_agg(x.approval_id) INTO locked FROM (
      SELECT p.approval_id FROM approval p
       WHERE (p.workspace_id, p.operation_id) IN (SELECT c_ws[x.cmd], c_op[x.cmd] FROM unnest(a_cmd) x(cmd)) AND p.status IN ('pending', 'approved')
       ORDER BY p.workspace_id, p.approval_id FOR UPDATE SKIP LOCKED) x;
  END IF;
  -- One reading after the last lock: what is compared with the deadline is what is recorded as the time of the decision.
  judged := clock_timestamp();
  FOR r IN
    SELECT x.cmd AS i, x.kind, p.workspace_id, p.approval_id, p.status, p.decide_by, p.use_by, p.rules, p.approval_id = ANY (coalesce(locked, '{}')) AS locked
      FROM unnest(a_cmd, a_kind) x(cmd, kind)
      LEFT JOIN approval p ON p.workspace_id = c_ws[x.cmd] AND p.operation_id = c_op[x.cmd] AND p.status IN ('pending', 'approved')
  LOOP
    CONTINUE WHEN results[r.i] <> 'ok' OR r.kind = 'request';
    IF r.approval_id IS NOT NULL AND NOT r.locked THEN
      results[r.i] := 'busy';
      CONTINUE;
    END IF;
    CONTINUE WHEN r.kind = 'drop';
    IF r.approval_id IS NULL THEN
      RAISE EXCEPTION 'no open approval for %', r.kind;
    END IF;
    fine := CASE
      WHEN r.kind IN ('vote', 'grant', 'reject') THEN r.status = 'pending' AND judged < r.decide_by
      WHEN r.kind = 'use' THEN r.status = 'approved' AND judged < r.use_by
      ELSE judged >= CASE r.status WHEN 'pending' THEN r.decide_by ELSE r.use_by END END;
    IF NOT fine THEN
      results[r.i] := 'deadline';
      details[r.i] := jsonb_build_object('status', r.status, 'decide_by_ms', purser_ms(r.decide_by), 'use_by_ms', purser_ms(r.use_by));
    ELSIF r.kind = 'use' AND (SELECT count(*) FROM approval_vote v WHERE v.workspace_id = r.workspace_id AND v.approval_id = r.approval_id)
                           < (SELECT max((rule ->> 'quorum')::integer) FROM jsonb_array_elements(r.rules) rule) THEN
      RAISE EXCEPTION 'an intent without its quorum';
    END IF;
  END LOOP;
END $$;

-- The approvers have changed since the decision was judged, or are just being changed: it is judged again. Told as an error, which takes this one
-- command out of its batch.
CREATE FUNCTION purser_check_roster(c_ws uuid[], a_cmd integer[], a_kind text[], a_data jsonb, results text[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  r record;
BEGIN
  FOR r IN
    SELECT x.ws, x.epoch, held.epoch AS standing, now.workspace_id IS NOT NULL AS existing
      FROM (SELECT DISTINCT c_ws[t.cmd] AS ws, (a_data -> (t.i - 1)::integer ->> 'roster_epoch')::bigint AS epoch
              FROM unnest(a_cmd, a_kind) WITH ORDINALITY t(cmd, kind, i) WHERE results[t.cmd] = 'ok' AND t.kind IN ('vote', 'grant')) x
      LEFT JOIN LATERAL (SELECT o.epoch FROM approver_roster o WHERE o.workspace_id = x.ws FOR SHARE SKIP LOCKED) held ON true
      LEFT JOIN approver_roster now ON now.workspace_id = x.ws
  LOOP
    IF r.epoch IS DISTINCT FROM coalesce(r.standing, CASE WHEN NOT r.existing THEN 0 END) THEN
      RAISE EXCEPTION 'the approvers have changed' USING ERRCODE = 'PU001';
    END IF;
  END LOOP;
END $$;

CREATE OR REPLACE FUNCTION purser_write_approvals(
  c_ws uuid[], c_op uuid[], c_agent uuid[], a_cmd integer[], a_kind text[], a_data jsonb, results text[], judged timestamptz
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  changed text[];
BEGIN
  IF 'vote' = ANY (a_kind) OR 'grant' = ANY (a_kind) THEN
    PERFORM purser_check_roster(c_ws, a_cmd, a_kind, a_data, results);
    INSERT INTO approval_vote (workspace_id, approval_id, voter, on_behalf_of, voted_at)
    SELECT p.workspace_id, p.approval_id, d.data ->> 'by', d.data ->> 'on_behalf_of', judged
      FROM unnest(a_cmd, a_kind) WITH ORDINALITY t(cmd, kind, i), LATERAL (SELECT a_data -> (t.i - 1)::integer AS data) d, approval p
     WHERE results[t.cmd] = 'ok' AND t.kind = 'vote' AND p.workspace_id = c_ws[t.cmd] AND p.operation_id = c_op[t.cmd] AND p.status = 'pending';
  END IF;

  WITH touched AS (
    UPDATE approval p
       SET status = CASE x.kind WHEN 'vote' THEN p.status WHEN 'grant' THEN 'approved' WHEN 'reject' THEN 'rejected' WHEN 'expire' THEN 'expired' ELSE 'cancelled' END,
           use_by = coalesce(to_timestamp((x.data ->> 'use_by_ms')::bigint / 1000.0), p.use_by),
           decided_by = CASE x.kind WHEN 'vote' THEN p.decided_by ELSE coalesce(x.data ->> 'by', p.decided_by) END,
           reason = coalesce(x.data ->> 'reason', p.reason), decided_at = CASE x.kind WHEN 'vote' THEN p.decided_at ELSE judged END,
           revision = p.revision + 1, changed_at = judged
      -- A vote that completes its quorum comes with the grant, which says all.
      FROM (SELECT DISTINCT ON (t.cmd) c_ws[t.cmd] AS ws, c_op[t.cmd] AS op, t.kind, a_data -> (t.i - 1)::integer AS data
              FROM unnest(a_cmd, a_kind) WITH ORDINALITY t(cmd, kind, i) WHERE results[t.cmd] = 'ok' AND t.kind NOT IN ('request', 'use')
             ORDER BY t.cmd, t.kind = 'vote') x
     WHERE p.workspace_id = x.ws AND p.operation_id = x.op AND p.status IN ('pending', 'approved')
    RETURNING p.workspace_id, p.approval_id
  )
  SELECT array_agg(touched.workspace_id || ',' || touched.approval_id) INTO changed FROM touched;

  -- A statement of its own: one commit may close an approval and ask for the next.
  WITH asked AS (
    INSERT INTO approval (workspace_id, approval_id, operation_id, agent_id, digest, status, decide_by, rules, requester, host, unit, amount)
    SELECT c_ws[t.cmd], d.data ->> 'id', c_op[t.cmd], c_agent[t.cmd], d.data ->> 'digest', 'pending', to_timestamp((d.data ->> 'decide_by_ms')::bigint / 1000.0),
           d.data -> 'rules', d.data ->> 'requester', d.data ->> 'host', d.data ->> 'unit', (d.data ->> 'amount')::numeric
      FROM unnest(a_cmd, a_kind) WITH ORDINALITY t(cmd, kind, i), LATERAL (SELECT a_data -> (t.i - 1)::integer AS data) d
     WHERE results[t.cmd] = 'ok' AND t.kind = 'request'
    RETURNING workspace_id, approval_id
  )
  SELECT changed || array_agg(asked.workspace_id || ',' || asked.approval_id) INTO changed FROM asked;
  -- Whoever looks at approvals is told, at most once per hundred: a payload stays below 8,000 bytes.
  PERFORM pg_notify('purser_approvals', array_to_string(changed[n : n + 99], ',')) FROM generate_series(1, coalesce(cardinality(changed), 0), 100) n;
END $$;
REVOKE ALL ON FUNCTION purser_check_roster(uuid[], integer[], text[], jsonb, text[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION purser_check_roster(uuid[], integer[], text[], jsonb, text[]) TO purser_writer;
`;
