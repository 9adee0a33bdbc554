/**
 * Settling on chain ourselves. Global tables (ruling 19): a transfer is one transfer whoever asks for it, and an account nonce belongs to no
 * workspace. What would be money in the wrong hands, signatures and signed transactions, is sealed (S15).
 */
export const name = '20261121-30-settlement';
export const sql = `
CREATE TABLE broadcast_account (
  network text NOT NULL,
  address text NOT NULL CHECK (address ~ '^0x[0-9a-f]{40}$'),
  next_nonce bigint NOT NULL CHECK (next_nonce >= 0),
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (network, address)
);

-- One row per account nonce, there before anything is signed for it. 'transfers' carries settlements, 'fill' only uses the nonce up.
CREATE TABLE broadcast (
  network text NOT NULL,
  sender text NOT NULL,
  account_nonce bigint NOT NULL CHECK (account_nonce >= 0),
  kind text NOT NULL CHECK (kind IN ('transfers', 'fill')),
  target text NOT NULL,
  call_hash text NOT NULL, -- keccak256 of the call data
  call_sealed bytea NOT NULL,
  gas_limit bigint NOT NULL CHECK (gas_limit > 0),
  -- mined: one of its attempts is in a block. taken: the nonce was used by a transaction that is none of ours.
  status text NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'mined', 'taken')),
  tx_hash text,
  block_number bigint,
  block_hash text,
  final boolean NOT NULL DEFAULT false,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (network, sender, account_nonce),
  FOREIGN KEY (network, sender) REFERENCES broadcast_account,
  CHECK ((status = 'mined') = (tx_hash IS NOT NULL AND block_number IS NOT NULL AND block_hash IS NOT NULL))
);
CREATE INDEX broadcast_unfinished ON broadcast (network, sender, account_nonce) WHERE NOT final;

-- Signed bytes, stored before they leave. A later attempt differs in fees alone.
CREATE TABLE broadcast_attempt (
  network text NOT NULL,
  sender text NOT NULL,
  account_nonce bigint NOT NULL,
  attempt smallint NOT NULL CHECK (attempt >= 0),
  max_fee_per_gas numeric(78,0) NOT NULL,
  max_priority_fee_per_gas numeric(78,0) NOT NULL,
  tx_hash text NOT NULL,
  raw_sealed bytea NOT NULL,
  signed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (network, sender, account_nonce, attempt),
  UNIQUE (network, tx_hash),
  FOREIGN KEY (network, sender, account_nonce) REFERENCES broadcast
);

CREATE TABLE settlement (
  network text NOT NULL,
  token text NOT NULL,
  payer text NOT NULL,
  nonce text NOT NULL,
  settlement_id uuid NOT NULL UNIQUE,
  payee text NOT NULL,
  value numeric(78,0) NOT NULL CHECK (value >= 0),
  valid_after bigint NOT NULL,
  valid_before bigint NOT NULL,
  signature_sealed bytea NOT NULL,
  workspace_id uuid,
  asked_by text NOT NULL,
  request_key text,
  status text NOT NULL DEFAULT 'waiting' CHECK (status IN ('waiting', 'broadcast', 'settled', 'failed')),
  -- The broadcast it is in, and its place there.
  sender text,
  account_nonce bigint,
  place integer,
  tx_hash text,
  block_number bigint,
  block_hash text,
  log_index integer,
  reason text,
  final boolean NOT NULL DEFAULT false,
  asked_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  ended_at timestamptz,
  PRIMARY KEY (network, token, payer, nonce),
  FOREIGN KEY (network, sender, account_nonce) REFERENCES broadcast,
  CHECK ((sender IS NULL) = (account_nonce IS NULL) AND (sender IS NULL) = (place IS NULL)),
  CHECK (status <> 'broadcast' OR sender IS NOT NULL),
  CHECK (status <> 'settled' OR (tx_hash IS NOT NULL AND block_number IS NOT NULL AND log_index IS NOT NULL)),
  CHECK ((status = 'failed') = (reason IS NOT NULL))
);
CREATE INDEX settlement_waiting ON settlement (network, asked_at) WHERE status = 'waiting';
CREATE INDEX settlement_of_broadcast ON settlement (network, sender, account_nonce, place) WHERE sender IS NOT NULL;
CREATE INDEX settlement_not_final ON settlement (network, block_number) WHERE status = 'settled' AND NOT final;
CREATE INDEX settlement_of_workspace ON settlement (workspace_id, asked_at) WHERE workspace_id IS NOT NULL;

ALTER TABLE settlement ENABLE ROW LEVEL SECURITY;
ALTER TABLE settlement FORCE ROW LEVEL SECURITY;
CREATE POLICY own_workspace ON settlement FOR SELECT TO purser_reader
  USING (workspace_id = nullif(current_setting('purser.workspace_id', true), '')::uuid);
CREATE POLICY system ON settlement TO purser_system, purser_signer USING (true) WITH CHECK (true);
CREATE POLICY checker ON settlement FOR SELECT TO purser_checker USING (true);

GRANT SELECT, INSERT ON broadcast_account, broadcast, broadcast_attempt, settlement TO purser_system;
GRANT UPDATE (next_nonce) ON broadcast_account TO purser_system;
GRANT UPDATE (status, tx_hash, block_number, block_hash, final) ON broadcast TO purser_system;
GRANT UPDATE (payee, value, valid_after, valid_before, status, signature_sealed, workspace_id, asked_by, request_key, sender, account_nonce, place, tx_hash, block_number, block_hash, log_index, reason,
  final, asked_at, ended_at) ON settlement TO purser_system;
GRANT SELECT (network, sender, account_nonce, kind, target, call_hash, gas_limit, status) ON broadcast TO purser_signer;
GRANT SELECT (network, token, payer, nonce, payee, value, valid_after, valid_before, workspace_id, status, sender, account_nonce, place) ON settlement TO purser_signer;
GRANT SELECT (network, sender, account_nonce, attempt, max_fee_per_gas, max_priority_fee_per_gas) ON broadcast_attempt TO purser_signer;
GRANT SELECT (network, address, next_nonce, created_at) ON broadcast_account TO purser_checker;
GRANT SELECT (network, sender, account_nonce, kind, target, call_hash, gas_limit, status, tx_hash, block_number, block_hash, final, created_at) ON broadcast TO purser_checker;
GRANT SELECT (network, token, payer, nonce, settlement_id, payee, value, valid_after, valid_before, workspace_id, asked_by, status, sender, account_nonce, place, tx_hash, block_number,
  block_hash, log_index, reason, final, asked_at, ended_at) ON settlement TO purser_checker;

-- A seller's credential: asks the facilitator, and nothing else.
ALTER TABLE api_key DROP CONSTRAINT api_key_role_check;
ALTER TABLE api_key ADD CONSTRAINT api_key_role_check CHECK (role IN ('admin', 'agent', 'approver', 'auditor', 'seller'));
`;
