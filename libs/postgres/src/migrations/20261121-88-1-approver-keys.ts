/** Keys that people sign decisions with, and what was prepared for them to sign. Ruling 28: a vendor's "passkey stamp" is a signature of such a key. */
export const name = '20261121-88-1-approver-keys';
export const sql = `
CREATE TABLE approver_key (
  workspace_id uuid NOT NULL REFERENCES workspace,
  approver_key_id text NOT NULL,
  person text NOT NULL,
  public_key text NOT NULL CHECK (public_key ~ '^0[23][0-9a-f]{64}$'), -- a compressed point on P-256
  label text NOT NULL DEFAULT '',
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  -- Null: a second person has to let it count first.
  confirmed_at timestamptz,
  confirmed_by text,
  revoked_at timestamptz,
  PRIMARY KEY (workspace_id, approver_key_id)
);
CREATE UNIQUE INDEX approver_key_by_public_key ON approver_key (workspace_id, public_key) WHERE revoked_at IS NULL;

CREATE TABLE activity (
  workspace_id uuid NOT NULL REFERENCES workspace,
  activity_id text NOT NULL,
  kind text NOT NULL,
  subject jsonb NOT NULL,
  body text NOT NULL, -- what is signed, to the letter
  digest text NOT NULL,
  prepared_by text NOT NULL,
  expires_at timestamptz NOT NULL,
  used_at timestamptz,
  used_by text,
  approver_key_id text,
  stamp jsonb, -- the signature, as evidence: it fits this body only, and the body counts once
  PRIMARY KEY (workspace_id, activity_id)
);

DO $$
DECLARE
  owned text;
BEGIN
  FOREACH owned IN ARRAY ARRAY['approver_key', 'activity'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', owned);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', owned);
    EXECUTE format('CREATE POLICY system ON %I TO purser_system USING (true) WITH CHECK (true)', owned);
    EXECUTE format('CREATE POLICY checker ON %I FOR SELECT TO purser_checker USING (true)', owned);
  END LOOP;
END $$;
GRANT SELECT ON approver_key, activity TO purser_checker, purser_system;
GRANT INSERT, UPDATE (confirmed_at, confirmed_by, revoked_at) ON approver_key TO purser_system;
GRANT INSERT, UPDATE (used_at, used_by, approver_key_id, stamp) ON activity TO purser_system;
`;
