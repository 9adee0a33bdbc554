/** Rights on projections and chain exceptions: the reader sees its own workspace's rows, the system role keeps them up to date. */
export const name = '20261121-21-read-grants';
export const sql = `
-- A rebuild makes new tables beside the live ones; they get exactly what these get, from the same text.
CREATE FUNCTION purser_secure_projection(projection regclass) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', projection);
  EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', projection);
  EXECUTE format('CREATE POLICY own_workspace ON %s FOR SELECT TO purser_reader
    USING (workspace_id = nullif(current_setting(''purser.workspace_id'', true), '''')::uuid)', projection);
  EXECUTE format('CREATE POLICY system ON %s TO purser_system USING (true) WITH CHECK (true)', projection);
  EXECUTE format('REVOKE ALL ON %s FROM purser_checker', projection); -- It judges by events, not by what was made of them.
  EXECUTE format('GRANT SELECT ON %s TO purser_reader', projection);
  EXECUTE format('GRANT SELECT, INSERT, UPDATE ON %s TO purser_system', projection);
END $$;
REVOKE ALL ON FUNCTION purser_secure_projection(regclass) FROM PUBLIC;

SELECT purser_secure_projection('projection_operations');
SELECT purser_secure_projection('projection_balances');
SELECT purser_secure_projection('projection_spend');
SELECT purser_secure_projection('projection_approvals');
SELECT purser_secure_projection('projection_audit');

GRANT SELECT, INSERT, UPDATE ON projection_checkpoint TO purser_system;
GRANT SELECT, INSERT, UPDATE ON chain_exception TO purser_system;
`;
