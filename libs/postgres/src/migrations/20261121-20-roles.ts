/**
 * Who may do what (S12, ruling 21). Nobody here owns a table, is superuser or passes by row-level security. Roles belong to the server, not
 * to the database, so another database may have made them already.
 *
 * purser_writer: the group commit. purser_system: workers and administration. purser_reader: everything behind an HTTP read, bound to the one
 * workspace in `purser.workspace_id`. purser_signer: reads what it checks, writes its own ledger. purser_checker: reads the books.
 */
export const name = '20261121-20-roles';

const ROLES = ['purser_writer', 'purser_system', 'purser_reader', 'purser_signer', 'purser_checker'];

const makeRole = (role: string): string => `
DO $$ BEGIN
  CREATE ROLE ${role} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
END $$;`;

/** Role settings are shared by every database of the server; setting them twice at once is not an error to report. */
const setting = (role: string, text: string): string => `
DO $$ BEGIN
  ALTER ROLE ${role} SET ${text};
EXCEPTION WHEN OTHERS THEN
  IF SQLERRM NOT LIKE '%concurrently%' THEN RAISE; END IF;
END $$;`;

export const sql = `
${ROLES.map(makeRole).join('')}
${setting('purser_writer', "lock_timeout = '2s'")}
${setting('purser_writer', "statement_timeout = '5s'")}
${ROLES.map((role) => setting(role, "idle_in_transaction_session_timeout = '10s'")).join('')}
${setting('purser_checker', 'default_transaction_read_only = on')}

REVOKE ALL ON ALL TABLES IN SCHEMA public FROM PUBLIC;
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO ${ROLES.join(', ')};

-- Facts are added and read. The triggers stop an owner's slip too; who means to tamper is found by the hash chain.
CREATE FUNCTION purser_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END $$;
DO $$
DECLARE
  kept text;
BEGIN
  FOREACH kept IN ARRAY ARRAY['events', 'events_rest', 'signer_ledger', 'admin_event'] LOOP
    EXECUTE format('CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON %I FOR EACH STATEMENT EXECUTE FUNCTION purser_append_only()', kept);
  END LOOP;
END $$;

-- Projections have their own text, which also secures the tables of a rebuild.
DO $$
DECLARE
  owned text;
BEGIN
  FOR owned IN
    SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'workspace_id' AND NOT a.attisdropped
     WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND c.relname NOT LIKE 'projection\\_%'
  LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', owned);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', owned);
    EXECUTE format('CREATE POLICY own_workspace ON %I FOR SELECT TO purser_reader
                      USING (workspace_id = nullif(current_setting(''purser.workspace_id'', true), '''')::uuid)', owned);
    EXECUTE format('CREATE POLICY system ON %I TO purser_writer, purser_system, purser_signer USING (true) WITH CHECK (true)', owned);
    EXECUTE format('CREATE POLICY checker ON %I FOR SELECT TO purser_checker USING (true)', owned);
  END LOOP;
END $$;

GRANT SELECT ON control, agent, agent_stop, cluster, budget_minute, events TO purser_writer;
GRANT UPDATE (updated_at) ON control TO purser_writer; -- What a share lock asks for.
GRANT INSERT ON events TO purser_writer;
GRANT SELECT, INSERT ON idempotency TO purser_writer;
GRANT SELECT, INSERT, UPDATE ON operations, approval, authorization_ledger, reservation, budget_minute, blob TO purser_writer;
GRANT SELECT ON budget_node, wallet_asset TO purser_writer;
GRANT UPDATE (held, held_count, day, day_spent, month, month_spent, lifetime_spent, lifetime_count) ON budget_node TO purser_writer;
GRANT UPDATE (balance, committed) ON wallet_asset TO purser_writer;

GRANT SELECT ON ALL TABLES IN SCHEMA public TO purser_system;
GRANT UPDATE (lease_owner, lease_epoch, lease_until, next_attempt_at, attempts) ON operations TO purser_system;
GRANT DELETE ON blob TO purser_system; -- What has expired.
GRANT INSERT, UPDATE ON singleton_lease, chain_cursor, chain_block TO purser_system;
GRANT DELETE ON chain_block TO purser_system;
GRANT INSERT, UPDATE (balance, balance_block) ON wallet_asset TO purser_system;
GRANT INSERT, UPDATE (name, dual_control) ON workspace TO purser_system;
GRANT INSERT, UPDATE (name, status) ON agent TO purser_system;
GRANT INSERT, UPDATE (label, expires_at, revoked_at, last_used_at) ON api_key TO purser_system;
GRANT INSERT, UPDATE (label, status, backup_confirmed_at) ON wallet TO purser_system;
GRANT INSERT ON policy, admin_event TO purser_system;
GRANT INSERT, UPDATE (paused, epoch, updated_at) ON control TO purser_system;
GRANT INSERT, DELETE ON agent_stop TO purser_system;
GRANT INSERT, UPDATE (limit_per_payment, limit_day, limit_month, limit_lifetime, limit_rolling_24h) ON budget_node TO purser_system;
GRANT UPDATE (genesis, quarantined_until) ON cluster TO purser_system;

GRANT SELECT ON workspace, agent, wallet, wallet_asset, policy, agent_stop, admin_event, events, operations, idempotency, approval, authorization_ledger, blob,
  budget_node, budget_minute, reservation TO purser_reader;

GRANT SELECT ON cluster, control, agent, agent_stop, wallet, policy, operations, events, reservation, approval, authorization_ledger, signer_ledger TO purser_signer;
GRANT INSERT ON signer_ledger TO purser_signer;

GRANT SELECT ON ALL TABLES IN SCHEMA public TO purser_checker;
REVOKE ALL ON api_key, blob FROM purser_checker;
REVOKE ALL ON events_rest FROM purser_system, purser_checker; -- Read through its parent.

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA public FROM PUBLIC;
DO $$
DECLARE
  callable regprocedure;
BEGIN
  FOR callable IN SELECT p.oid FROM pg_proc p WHERE p.pronamespace = 'public'::regnamespace AND p.proname LIKE 'purser\\_%' LOOP
    IF callable::text ~ '^purser_(ms|month)' THEN
      EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO ${ROLES.join(', ')}', callable);
    ELSIF callable::text LIKE 'purser_stop_gate%' THEN
      EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO purser_writer, purser_system', callable);
    ELSIF callable::text LIKE 'purser_load%' THEN
      EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO purser_system, purser_reader', callable);
    ELSIF callable::text NOT LIKE 'purser_append_only%' THEN
      EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO purser_writer', callable);
    END IF;
  END LOOP;
END $$;
`;
