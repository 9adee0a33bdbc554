/**
 * What signed requests were used for. One is good for two minutes, and its headers are not signed: whoever sees it could send it again beside
 * another idempotency key. A request that opens an operation is bound to it in the commit that opens it (ruling 27), and can be bound once.
 *
 * It comes to the commit as a blob, the one part of it that an operation may bring any number of, and is turned away into this table.
 */
export const name = '20261121-80-2-signed-requests';
export const sql = `
CREATE TABLE signed_request (
  workspace_id uuid NOT NULL,
  agent_id uuid NOT NULL,
  digest bytea NOT NULL CHECK (length(digest) = 32),
  operation_id uuid, -- null: it opened none
  seen_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (workspace_id, agent_id, digest)
);
CREATE INDEX signed_request_age ON signed_request (seen_at);

ALTER TABLE signed_request ENABLE ROW LEVEL SECURITY;
ALTER TABLE signed_request FORCE ROW LEVEL SECURITY;
CREATE POLICY own_workspace ON signed_request FOR SELECT TO purser_reader
  USING (workspace_id = nullif(current_setting('purser.workspace_id', true), '')::uuid);
CREATE POLICY system ON signed_request TO purser_writer, purser_system USING (true) WITH CHECK (true);
CREATE POLICY checker ON signed_request FOR SELECT TO purser_checker USING (true);
GRANT SELECT, INSERT ON signed_request TO purser_writer;
GRANT UPDATE (seen_at) ON signed_request TO purser_writer; -- Binding it again answers with what it is bound to.
GRANT SELECT, INSERT, DELETE ON signed_request TO purser_system;

CREATE FUNCTION purser_bind_signed_request() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO signed_request (workspace_id, agent_id, digest, operation_id)
  VALUES (NEW.workspace_id, (NEW.meta ->> 'agent_id')::uuid, NEW.sealed, NEW.operation_id);
  RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION purser_bind_signed_request FROM PUBLIC;
CREATE TRIGGER bind_signed_request BEFORE INSERT ON blob FOR EACH ROW WHEN (NEW.kind = 'signed_request')
  EXECUTE FUNCTION purser_bind_signed_request();
`;
