/** What the chain watcher records beside operations: money that moved without one, and an index for reorganizations. */
export const name = '20261121-11-watch';
export const sql = `
-- Chain facts an operator has to look at (S6). No workspace leads the key: a reorganization past finality belongs to none.
CREATE TABLE chain_exception (
  network text NOT NULL,
  kind text NOT NULL CHECK (kind IN ('unexplained_transfer', 'unknown_nonce', 'foreign_use', 'reorg_past_finality', 'used_but_unseen')),
  -- What makes it one fact, however often it is seen: transaction and log index, or transaction and nonce, or the block.
  fact text NOT NULL,
  workspace_id uuid,
  address text,
  nonce text,
  transfer jsonb,
  tx_hash text,
  block_number bigint NOT NULL,
  recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  acknowledged_at timestamptz,
  acknowledged_by text,
  PRIMARY KEY (network, kind, fact)
);
CREATE INDEX chain_exception_open ON chain_exception (recorded_at) WHERE acknowledged_at IS NULL;

-- A reorganization asks for everything seen above the fork point, settled or not.
CREATE INDEX authorization_seen ON authorization_ledger (network, seen_block) WHERE seen_block IS NOT NULL;

-- The watcher asks for wallets made since it last asked.
CREATE INDEX wallet_by_time ON wallet (created_at);
`;
