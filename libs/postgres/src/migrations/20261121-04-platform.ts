/** Platform tables, not owned by a workspace (ruling 19): singletons' leases, chain cursors, the signer's ledger, projection checkpoints. */
export const name = '20261121-04-platform';
export const sql = `
-- Singletons hold a row here in database time (ruling 20): chain watcher per network, projector per projection.
CREATE TABLE singleton_lease (
  name text PRIMARY KEY,
  owner text,
  epoch bigint NOT NULL DEFAULT 0,
  until timestamptz
);

CREATE TABLE chain_cursor (
  network text PRIMARY KEY,
  genesis_hash text NOT NULL,
  scanned_to bigint NOT NULL,
  finalized_to bigint NOT NULL
);

-- The last blocks scanned, to find the fork point after a reorganization.
CREATE TABLE chain_block (
  network text NOT NULL,
  number bigint NOT NULL,
  hash text NOT NULL,
  parent_hash text NOT NULL,
  timestamp_sec bigint NOT NULL,
  PRIMARY KEY (network, number)
);

-- Written by the signer alone, before a signature exists. A different digest for the same key is refused for ever (ruling 8).
CREATE TABLE signer_ledger (
  purpose text NOT NULL CHECK (purpose IN ('authorize', 'cancel', 'allowance', 'broadcast')),
  subject text NOT NULL,
  epoch smallint NOT NULL CHECK (epoch = 0),
  digest text, -- null: burned, no signature may ever exist
  workspace_id uuid NOT NULL,
  reason text,
  sequence bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
  recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (purpose, subject, epoch),
  CHECK ((digest IS NULL) = (reason IS NOT NULL))
);

CREATE TABLE projection_checkpoint (
  name text NOT NULL,
  version integer NOT NULL,
  cluster_epoch integer NOT NULL DEFAULT 0,
  txid xid8 NOT NULL DEFAULT '0',
  position bigint NOT NULL DEFAULT 0,
  updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (name, version)
);
`;
