/** Who may do what: workspaces, agents, credentials, wallets, policies, stops. `workspace_id` leads every key (design.md 5). */
export const name = '20261121-01-accounts';
export const sql = `
CREATE TABLE workspace (
  workspace_id uuid PRIMARY KEY,
  name text NOT NULL,
  dual_control boolean NOT NULL DEFAULT false,
  created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE agent (
  workspace_id uuid NOT NULL REFERENCES workspace,
  agent_id uuid NOT NULL,
  name text NOT NULL,
  status text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'disabled')),
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (workspace_id, agent_id)
);
CREATE UNIQUE INDEX agent_by_id ON agent (agent_id);

-- Credentials are kept as SHA-256 of 256 random bits; prefix finds the row, the hash decides.
CREATE TABLE api_key (
  workspace_id uuid NOT NULL REFERENCES workspace,
  key_id text NOT NULL,
  prefix text NOT NULL UNIQUE,
  secret_hash bytea NOT NULL,
  role text NOT NULL CHECK (role IN ('admin', 'agent', 'approver', 'auditor')),
  agent_id uuid,
  -- The person behind an approver key, or who operates an agent key: nobody approves what they requested or operate (S10).
  person text NOT NULL,
  label text NOT NULL DEFAULT '',
  created_at timestamptz NOT NULL DEFAULT now(),
  created_by text NOT NULL,
  expires_at timestamptz,
  revoked_at timestamptz,
  last_used_at timestamptz,
  PRIMARY KEY (workspace_id, key_id),
  CHECK ((role = 'agent') = (agent_id IS NOT NULL))
);

-- Addresses of keys that only the signer holds. Funding is blocked until the backup is confirmed (ruling 30).
CREATE TABLE wallet (
  workspace_id uuid NOT NULL REFERENCES workspace,
  wallet_id text NOT NULL,
  agent_id uuid,
  address text NOT NULL CHECK (address ~ '^0x[0-9a-f]{40}$'),
  label text NOT NULL DEFAULT '',
  status text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'retired')),
  origin text NOT NULL CHECK (origin IN ('created', 'imported')),
  backup_confirmed_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (workspace_id, wallet_id)
);
CREATE UNIQUE INDEX wallet_by_address ON wallet (address);

-- Balance at latest and the value of live authorizations not yet seen on chain (ruling 17). Guarded on this row.
CREATE TABLE wallet_asset (
  workspace_id uuid NOT NULL,
  wallet_id text NOT NULL,
  network text NOT NULL,
  token text NOT NULL,
  balance numeric(78,0) NOT NULL DEFAULT 0 CHECK (balance >= 0),
  balance_block bigint NOT NULL DEFAULT -1,
  committed numeric(78,0) NOT NULL DEFAULT 0 CHECK (committed >= 0),
  PRIMARY KEY (workspace_id, wallet_id, network, token)
);

-- One row per version; the newest counts. agent_id null: the workspace's own policy.
CREATE TABLE policy (
  workspace_id uuid NOT NULL REFERENCES workspace,
  scope text NOT NULL, -- 'workspace' or the agent id
  version integer NOT NULL CHECK (version > 0),
  document jsonb NOT NULL,
  document_hash text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  created_by text NOT NULL,
  PRIMARY KEY (workspace_id, scope, version)
);

-- Every intent share-locks the global row and its workspace's row; every stop of any scope updates one of them (ruling 14).
CREATE TABLE control (
  scope text PRIMARY KEY, -- 'global' or the workspace id
  epoch bigint NOT NULL DEFAULT 0,
  paused boolean NOT NULL DEFAULT false,
  updated_at timestamptz NOT NULL DEFAULT now()
);
INSERT INTO control (scope) VALUES ('global');

CREATE TABLE agent_stop (
  workspace_id uuid NOT NULL,
  agent_id uuid NOT NULL,
  reason text NOT NULL DEFAULT '',
  since timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (workspace_id, agent_id)
);

-- Administrative facts (who changed what); append-only like events.
CREATE TABLE admin_event (
  workspace_id uuid NOT NULL,
  position bigint GENERATED ALWAYS AS IDENTITY,
  txid xid8 NOT NULL DEFAULT pg_current_xact_id(),
  type text NOT NULL,
  actor jsonb NOT NULL,
  data jsonb NOT NULL,
  occurred_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (workspace_id, position)
);
`;
