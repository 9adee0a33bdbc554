/**
 * Which OAuth clients may act for which agent, and what our own issuer remembers between two requests.
 *
 * purser_issuer: the issuer process. It reads grants, keeps its own records, and sees nothing else: no keys, no money, no other table.
 */
export const name = '20261121-82-1-oauth';
export const sql = `
DO $$ BEGIN
  CREATE ROLE purser_issuer LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
END $$;
DO $$ BEGIN
  ALTER ROLE purser_issuer SET idle_in_transaction_session_timeout = '10s';
EXCEPTION WHEN OTHERS THEN
  IF SQLERRM NOT LIKE '%concurrently%' THEN RAISE; END IF;
END $$;
GRANT USAGE ON SCHEMA public TO purser_issuer;

CREATE TABLE oauth_grant (
  workspace_id uuid NOT NULL,
  grant_id text NOT NULL,
  kind text NOT NULL CHECK (kind IN ('consent', 'client')),
  agent_id uuid NOT NULL,
  -- Of a client that has a grant of its own: the grant's id.
  client_id text NOT NULL,
  client_name text NOT NULL,
  -- Who agreed, and so stands behind what is done with it: nobody approves what they requested or operate (S10).
  person text NOT NULL,
  scopes text[] NOT NULL CHECK (cardinality(scopes) > 0),
  secret_hash bytea, -- SHA-256 of 256 random bits
  created_at timestamptz NOT NULL DEFAULT now(),
  created_by text NOT NULL,
  revoked_at timestamptz,
  PRIMARY KEY (workspace_id, grant_id),
  FOREIGN KEY (workspace_id, agent_id) REFERENCES agent,
  CHECK ((kind = 'client') = (secret_hash IS NOT NULL)),
  CHECK (kind <> 'client' OR client_id = grant_id)
);
-- The issuer is told a grant or a client, and no workspace.
CREATE UNIQUE INDEX oauth_grant_by_id ON oauth_grant (grant_id);

ALTER TABLE oauth_grant ENABLE ROW LEVEL SECURITY;
ALTER TABLE oauth_grant FORCE ROW LEVEL SECURITY;
CREATE POLICY system ON oauth_grant TO purser_system USING (true) WITH CHECK (true);
CREATE POLICY issuer ON oauth_grant TO purser_issuer USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE (revoked_at) ON oauth_grant TO purser_system;
GRANT SELECT, UPDATE (revoked_at) ON oauth_grant TO purser_issuer;

-- Sessions, codes, refresh tokens, registered clients: of no workspace before somebody has agreed. What opens something is kept as SHA-256 only.
CREATE TABLE oauth_record (
  model text NOT NULL,
  id bytea NOT NULL,
  payload jsonb NOT NULL,
  grant_id text,
  uid text,
  consumed_at timestamptz,
  expires_at timestamptz,
  PRIMARY KEY (model, id)
);
CREATE INDEX oauth_record_by_grant ON oauth_record (grant_id) WHERE grant_id IS NOT NULL;
CREATE INDEX oauth_record_by_uid ON oauth_record (model, uid) WHERE uid IS NOT NULL;
CREATE INDEX oauth_record_by_expiry ON oauth_record (expires_at) WHERE expires_at IS NOT NULL;
GRANT SELECT, INSERT, UPDATE, DELETE ON oauth_record TO purser_issuer;
`;
