/** The event log, the operations row that doubles as outbox, idempotency, approvals, live authorizations, sealed blobs. */
export const name = '20261121-02-operations';
export const sql = `
-- Which life of the database this is; rises with every restore, so that positions order across them (ruling 19).
CREATE TABLE cluster (
  one boolean PRIMARY KEY DEFAULT true CHECK (one),
  epoch integer NOT NULL DEFAULT 1,
  genesis jsonb NOT NULL DEFAULT '{}', -- key fingerprints, chain genesis hashes: start refuses on a mismatch (rulings 9, 24)
  quarantined_until timestamptz
);
INSERT INTO cluster DEFAULT VALUES;

CREATE TABLE events (
  workspace_id uuid NOT NULL,
  opened_month date NOT NULL,
  operation_id uuid NOT NULL,
  version integer NOT NULL CHECK (version > 0),
  type text NOT NULL,
  schema smallint NOT NULL,
  data jsonb NOT NULL,
  actor jsonb NOT NULL,
  occurred_at_ms bigint NOT NULL,
  prev_hash bytea NOT NULL,
  hash bytea NOT NULL,
  cluster_epoch integer NOT NULL,
  txid xid8 NOT NULL DEFAULT pg_current_xact_id(),
  position bigint GENERATED ALWAYS AS IDENTITY,
  recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (workspace_id, opened_month, operation_id, version)
) PARTITION BY RANGE (opened_month);
CREATE TABLE events_rest PARTITION OF events DEFAULT;
CREATE INDEX events_in_order ON events (cluster_epoch, txid, position);

CREATE TABLE operations (
  workspace_id uuid NOT NULL,
  operation_id uuid NOT NULL,
  agent_id uuid NOT NULL,
  kind text NOT NULL,
  status text NOT NULL,
  answerable boolean NOT NULL DEFAULT false,
  version integer NOT NULL,
  last_hash bytea NOT NULL,
  opened_at_ms bigint NOT NULL,
  idempotency_key_hash text NOT NULL,
  fingerprint text NOT NULL,
  lease_owner text,
  lease_epoch bigint NOT NULL DEFAULT 0,
  lease_until timestamptz,
  next_attempt_at timestamptz,
  attempts integer NOT NULL DEFAULT 0,
  updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (workspace_id, operation_id)
) WITH (fillfactor = 70);
CREATE UNIQUE INDEX operations_by_id ON operations (operation_id);
CREATE INDEX operations_due ON operations (next_attempt_at) WHERE next_attempt_at IS NOT NULL;
CREATE INDEX operations_by_agent ON operations (workspace_id, agent_id, opened_at_ms DESC, operation_id);

-- For ever: a late retry must find its operation (S13).
CREATE TABLE idempotency (
  workspace_id uuid NOT NULL,
  agent_id uuid NOT NULL,
  key_hash text NOT NULL,
  operation_id uuid NOT NULL,
  fingerprint text NOT NULL,
  opened_at_ms bigint NOT NULL,
  PRIMARY KEY (workspace_id, agent_id, key_hash)
);

CREATE TABLE approval (
  workspace_id uuid NOT NULL,
  approval_id text NOT NULL,
  operation_id uuid NOT NULL,
  agent_id uuid NOT NULL,
  digest text NOT NULL,
  status text NOT NULL CHECK (status IN ('pending', 'approved', 'rejected', 'expired', 'cancelled')),
  decide_by timestamptz NOT NULL,
  use_by timestamptz,
  decided_by text,
  reason text,
  requested_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  decided_at timestamptz,
  PRIMARY KEY (workspace_id, approval_id)
);
CREATE UNIQUE INDEX approval_pending ON approval (workspace_id, operation_id) WHERE status IN ('pending', 'approved');
CREATE INDEX approval_by_status ON approval (workspace_id, status, requested_at DESC);

-- One per operation, for ever; 'live' from the intent until the chain proves it spent or dead.
CREATE TABLE authorization_ledger (
  workspace_id uuid NOT NULL,
  operation_id uuid NOT NULL,
  agent_id uuid NOT NULL,
  wallet_id text NOT NULL,
  network text NOT NULL,
  token text NOT NULL,
  from_address text NOT NULL,
  to_address text NOT NULL,
  value numeric(78,0) NOT NULL CHECK (value >= 0),
  valid_after bigint NOT NULL,
  valid_before bigint NOT NULL,
  nonce text NOT NULL,
  digest text NOT NULL,
  epoch smallint NOT NULL DEFAULT 0 CHECK (epoch = 0),
  status text NOT NULL CHECK (status IN ('live', 'provisional', 'settled', 'dead', 'burned')),
  -- Is its value counted in wallet_asset.committed? True from the intent until it is seen on chain or proven dead.
  committed boolean NOT NULL DEFAULT true,
  seen_block bigint,
  seen_block_hash text,
  tx_hash text,
  log_index integer,
  PRIMARY KEY (workspace_id, operation_id, epoch)
);
CREATE UNIQUE INDEX authorization_nonce ON authorization_ledger (network, token, from_address, nonce);
CREATE INDEX authorization_live ON authorization_ledger (network, valid_before) WHERE status = 'live';
CREATE INDEX authorization_provisional ON authorization_ledger (network, seen_block) WHERE status = 'provisional';

CREATE TABLE blob (
  workspace_id uuid NOT NULL,
  operation_id uuid NOT NULL,
  kind text NOT NULL CHECK (kind IN ('request_body', 'response_body', 'signature')),
  sealed bytea NOT NULL,
  meta jsonb NOT NULL,
  expires_at timestamptz,
  PRIMARY KEY (workspace_id, operation_id, kind)
);
CREATE INDEX blob_expiry ON blob (expires_at) WHERE expires_at IS NOT NULL;
`;
