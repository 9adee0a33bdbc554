-- Generated from a migrated database; do not edit. How: libs/postgres/src/schema.ts.

CREATE TABLE activity (
  workspace_id uuid NOT NULL,
  activity_id text NOT NULL,
  kind text NOT NULL,
  subject jsonb NOT NULL,
  body text NOT NULL,
  digest text NOT NULL,
  prepared_by text NOT NULL,
  expires_at timestamp with time zone NOT NULL,
  used_at timestamp with time zone,
  used_by text,
  approver_key_id text,
  stamp jsonb
);
ALTER TABLE activity ADD CONSTRAINT activity_pkey PRIMARY KEY (workspace_id, activity_id);
ALTER TABLE activity ADD CONSTRAINT activity_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspace(workspace_id);
CREATE POLICY checker ON activity FOR SELECT TO purser_checker USING (true);
CREATE POLICY system ON activity FOR ALL TO purser_system USING (true) WITH CHECK (true);
GRANT INSERT, SELECT ON activity TO purser_system;
GRANT SELECT ON activity TO purser_checker;
GRANT UPDATE (used_at, used_by, approver_key_id, stamp) ON activity TO purser_system;
ALTER TABLE activity ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

CREATE TABLE admin_event (
  workspace_id uuid NOT NULL,
  "position" bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
  txid xid8 NOT NULL DEFAULT pg_current_xact_id(),
  type text NOT NULL,
  actor jsonb NOT NULL,
  data jsonb NOT NULL,
  occurred_at timestamp with time zone NOT NULL DEFAULT clock_timestamp()
);
ALTER TABLE admin_event ADD CONSTRAINT admin_event_pkey PRIMARY KEY (workspace_id, "position");
CREATE INDEX admin_event_by_agent ON public.admin_event USING btree (workspace_id, COALESCE((data ->> 'agent_id'::text), (data ->> 'node_id'::text), (data ->> 'scope'::text)), "position" DESC);
CREATE TRIGGER append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.admin_event FOR EACH STATEMENT EXECUTE FUNCTION purser_append_only();
CREATE POLICY checker ON admin_event FOR SELECT TO purser_checker USING (true);
CREATE POLICY own_workspace ON admin_event FOR SELECT TO purser_reader USING ((workspace_id = (NULLIF(current_setting('purser.workspace_id'::text, true), ''::text))::uuid));
CREATE POLICY system ON admin_event FOR ALL TO purser_signer, purser_system, purser_writer USING (true) WITH CHECK (true);
GRANT INSERT, SELECT ON admin_event TO purser_system;
GRANT SELECT ON admin_event TO purser_checker;
GRANT SELECT ON admin_event TO purser_reader;
ALTER TABLE admin_event ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

CREATE TABLE agent (
  workspace_id uuid NOT NULL,
  agent_id uuid NOT NULL,
  name text NOT NULL,
  status text NOT NULL DEFAULT 'active'::text,
  created_at timestamp with time zone NOT NULL DEFAULT now()
);
ALTER TABLE agent ADD CONSTRAINT agent_pkey PRIMARY KEY (workspace_id, agent_id);
ALTER TABLE agent ADD CONSTRAINT agent_status_check CHECK ((status = ANY (ARRAY['active'::text, 'disabled'::text])));
ALTER TABLE agent ADD CONSTRAINT agent_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspace(workspace_id);
CREATE UNIQUE INDEX agent_by_id ON public.agent USING btree (agent_id);
CREATE POLICY checker ON agent FOR SELECT TO purser_checker USING (true);
CREATE POLICY own_workspace ON agent FOR SELECT TO purser_reader USING ((workspace_id = (NULLIF(current_setting('purser.workspace_id'::text, true), ''::text))::uuid));
CREATE POLICY system ON agent FOR ALL TO purser_signer, purser_system, purser_writer USING (true) WITH CHECK (true);
GRANT INSERT, SELECT ON agent TO purser_system;
GRANT SELECT ON agent TO purser_checker;
GRANT SELECT ON agent TO purser_reader;
GRANT SELECT ON agent TO purser_signer;
GRANT SELECT ON agent TO purser_writer;
GRANT UPDATE (name, status) ON agent TO purser_system;
ALTER TABLE agent ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

CREATE TABLE agent_setup (
  workspace_id uuid NOT NULL,
  agent_id uuid NOT NULL,
  activity_id text NOT NULL,
  description text NOT NULL,
  status text NOT NULL DEFAULT 'pending_policies'::text
);
ALTER TABLE agent_setup ADD CONSTRAINT agent_setup_pkey PRIMARY KEY (workspace_id, agent_id);
ALTER TABLE agent_setup ADD CONSTRAINT agent_setup_status_check CHECK ((status = ANY (ARRAY['pending_policies'::text, 'active'::text, 'discarded'::text])));
ALTER TABLE agent_setup ADD CONSTRAINT agent_setup_workspace_id_activity_id_key UNIQUE (workspace_id, activity_id);
ALTER TABLE agent_setup ADD CONSTRAINT agent_setup_workspace_id_agent_id_fkey FOREIGN KEY (workspace_id, agent_id) REFERENCES agent(workspace_id, agent_id);
ALTER TABLE agent_setup ADD CONSTRAINT agent_setup_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspace(workspace_id);
CREATE POLICY checker ON agent_setup FOR SELECT TO purser_checker USING (true);
CREATE POLICY system ON agent_setup FOR ALL TO purser_system USING (true) WITH CHECK (true);
GRANT INSERT, SELECT ON agent_setup TO purser_system;
GRANT SELECT ON agent_setup TO purser_checker;
GRANT UPDATE (status) ON agent_setup TO purser_system;
ALTER TABLE agent_setup ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

CREATE TABLE answer_right (
  network text NOT NULL,
  token text NOT NULL,
  payer text NOT NULL,
  nonce text NOT NULL,
  held_until timestamp with time zone NOT NULL,
  holder uuid NOT NULL,
  method text NOT NULL DEFAULT 'eip3009'::text,
  workspace_id uuid,
  request_key text
);
ALTER TABLE answer_right ADD CONSTRAINT answer_right_network_method_token_payer_nonce_fkey FOREIGN KEY (network, method, token, payer, nonce) REFERENCES settlement(network, method, token, payer, nonce);
ALTER TABLE answer_right ADD CONSTRAINT answer_right_pkey PRIMARY KEY (network, method, token, payer, nonce);
CREATE POLICY checker ON answer_right FOR SELECT TO purser_checker USING (true);
CREATE POLICY system ON answer_right FOR ALL TO purser_system USING (true) WITH CHECK (true);
GRANT INSERT, SELECT ON answer_right TO purser_system;
GRANT SELECT (network, token, payer, nonce, held_until, holder, method) ON answer_right TO purser_checker;
GRANT UPDATE (held_until, holder, workspace_id, request_key) ON answer_right TO purser_system;
ALTER TABLE answer_right ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

CREATE TABLE api_key (
  workspace_id uuid NOT NULL,
  key_id text NOT NULL,
  prefix text NOT NULL,
  secret_hash bytea,
  role text NOT NULL,
  agent_id uuid,
  person text NOT NULL,
  label text NOT NULL DEFAULT ''::text,
  created_at timestamp with time zone NOT NULL DEFAULT now(),
  created_by text NOT NULL,
  expires_at timestamp with time zone,
  revoked_at timestamp with time zone,
  last_used_at timestamp with time zone,
  kind text NOT NULL DEFAULT 'key'::text,
  sealed_secret bytea,
  scopes text[],
  allowed_ips cidr[]
);
ALTER TABLE api_key ADD CONSTRAINT api_key_agents_sign CHECK (((kind = 'key'::text) OR (role = 'agent'::text)));
ALTER TABLE api_key ADD CONSTRAINT api_key_check CHECK (((role = 'agent'::text) = (agent_id IS NOT NULL)));
ALTER TABLE api_key ADD CONSTRAINT api_key_hashed CHECK (((kind = 'key'::text) = (secret_hash IS NOT NULL)));
ALTER TABLE api_key ADD CONSTRAINT api_key_kind_check CHECK ((kind = ANY (ARRAY['key'::text, 'hmac'::text])));
ALTER TABLE api_key ADD CONSTRAINT api_key_pkey PRIMARY KEY (workspace_id, key_id);
ALTER TABLE api_key ADD CONSTRAINT api_key_prefix_key UNIQUE (prefix);
ALTER TABLE api_key ADD CONSTRAINT api_key_role_check CHECK ((role = ANY (ARRAY['admin'::text, 'agent'::text, 'approver'::text, 'auditor'::text, 'backend'::text, 'seller'::text])));
ALTER TABLE api_key ADD CONSTRAINT api_key_sealed CHECK (((kind = 'hmac'::text) = (sealed_secret IS NOT NULL)));
ALTER TABLE api_key ADD CONSTRAINT api_key_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspace(workspace_id);
CREATE INDEX api_key_secrets ON public.api_key USING btree (agent_id) WHERE ((kind = 'hmac'::text) AND (revoked_at IS NULL));
CREATE POLICY checker ON api_key FOR SELECT TO purser_checker USING (true);
CREATE POLICY own_workspace ON api_key FOR SELECT TO purser_reader USING ((workspace_id = (NULLIF(current_setting('purser.workspace_id'::text, true), ''::text))::uuid));
CREATE POLICY system ON api_key FOR ALL TO purser_signer, purser_system, purser_writer USING (true) WITH CHECK (true);
GRANT INSERT, SELECT ON api_key TO purser_system;
GRANT SELECT (workspace_id, role, agent_id, person, created_at, expires_at, revoked_at, scopes) ON api_key TO purser_reader;
GRANT SELECT (workspace_id, role, agent_id, person, created_at, expires_at, revoked_at, scopes) ON api_key TO purser_signer;
GRANT UPDATE (label, expires_at, revoked_at, last_used_at) ON api_key TO purser_system;
ALTER TABLE api_key ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

CREATE TABLE applied_migration (
  name text NOT NULL,
  hash text NOT NULL,
  applied_at timestamp with time zone NOT NULL DEFAULT clock_timestamp()
);
ALTER TABLE applied_migration ADD CONSTRAINT applied_migration_pkey PRIMARY KEY (name);
GRANT SELECT ON applied_migration TO purser_checker;
GRANT SELECT ON applied_migration TO purser_system;

CREATE TABLE approval (
  workspace_id uuid NOT NULL,
  approval_id text NOT NULL,
  operation_id uuid NOT NULL,
  agent_id uuid NOT NULL,
  digest text NOT NULL,
  status text NOT NULL,
  decide_by timestamp with time zone NOT NULL,
  use_by timestamp with time zone,
  decided_by text,
  reason text,
  requested_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
  decided_at timestamp with time zone,
  rules jsonb NOT NULL DEFAULT '[{"groups": [], "quorum": 1}]'::jsonb,
  requester text,
  host text,
  unit text,
  amount numeric(78,0),
  revision integer NOT NULL DEFAULT 1,
  changed_at timestamp with time zone NOT NULL DEFAULT clock_timestamp()
);
ALTER TABLE approval ADD CONSTRAINT approval_pkey PRIMARY KEY (workspace_id, approval_id);
ALTER TABLE approval ADD CONSTRAINT approval_status_check CHECK ((status = ANY (ARRAY['pending'::text, 'approved'::text, 'rejected'::text, 'expired'::text, 'cancelled'::text])));
CREATE INDEX approval_by_status ON public.approval USING btree (workspace_id, status, requested_at DESC);
CREATE INDEX approval_changed ON public.approval USING btree (workspace_id, changed_at DESC);
CREATE UNIQUE INDEX approval_pending ON public.approval USING btree (workspace_id, operation_id) WHERE (status = ANY (ARRAY['pending'::text, 'approved'::text]));
CREATE POLICY checker ON approval FOR SELECT TO purser_checker USING (true);
CREATE POLICY own_workspace ON approval FOR SELECT TO purser_reader USING ((workspace_id = (NULLIF(current_setting('purser.workspace_id'::text, true), ''::text))::uuid));
CREATE POLICY system ON approval FOR ALL TO purser_signer, purser_system, purser_writer USING (true) WITH CHECK (true);
GRANT INSERT, SELECT, UPDATE ON approval TO purser_writer;
GRANT SELECT ON approval TO purser_checker;
GRANT SELECT ON approval TO purser_reader;
GRANT SELECT ON approval TO purser_signer;
GRANT SELECT ON approval TO purser_system;
ALTER TABLE approval ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

CREATE TABLE approval_vote (
  workspace_id uuid NOT NULL,
  approval_id text NOT NULL,
  voter text NOT NULL,
  on_behalf_of text,
  voted_at timestamp with time zone NOT NULL
);
ALTER TABLE approval_vote ADD CONSTRAINT approval_vote_check CHECK ((on_behalf_of <> voter));
ALTER TABLE approval_vote ADD CONSTRAINT approval_vote_pkey PRIMARY KEY (workspace_id, approval_id, voter);
CREATE UNIQUE INDEX approval_vote_counts_once ON public.approval_vote USING btree (workspace_id, approval_id, COALESCE(on_behalf_of, voter));
CREATE POLICY checker ON approval_vote FOR SELECT TO purser_checker USING (true);
CREATE POLICY own_workspace ON approval_vote FOR SELECT TO purser_reader USING ((workspace_id = (NULLIF(current_setting('purser.workspace_id'::text, true), ''::text))::uuid));
CREATE POLICY system ON approval_vote FOR ALL TO purser_signer, purser_system, purser_writer USING (true) WITH CHECK (true);
GRANT INSERT, SELECT ON approval_vote TO purser_writer;
GRANT SELECT ON approval_vote TO purser_checker;
GRANT SELECT ON approval_vote TO purser_reader;
GRANT SELECT ON approval_vote TO purser_signer;
GRANT SELECT ON approval_vote TO purser_system;
ALTER TABLE approval_vote ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

CREATE TABLE approver_delegation (
  workspace_id uuid NOT NULL,
  delegation_id text NOT NULL,
  person text NOT NULL,
  delegate text NOT NULL,
  reason text NOT NULL DEFAULT ''::text,
  starts_at timestamp with time zone NOT NULL,
  ends_at timestamp with time zone NOT NULL,
  revoked_at timestamp with time zone,
  created_at timestamp with time zone NOT NULL DEFAULT clock_timestamp()
);
ALTER TABLE approver_delegation ADD CONSTRAINT approver_delegation_check CHECK ((delegate <> person));
ALTER TABLE approver_delegation ADD CONSTRAINT approver_delegation_check1 CHECK ((ends_at > starts_at));
ALTER TABLE approver_delegation ADD CONSTRAINT approver_delegation_pkey PRIMARY KEY (workspace_id, delegation_id);
ALTER TABLE approver_delegation ADD CONSTRAINT approver_delegation_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspace(workspace_id);
CREATE INDEX approver_delegation_by_delegate ON public.approver_delegation USING btree (workspace_id, delegate);
CREATE POLICY checker ON approver_delegation FOR SELECT TO purser_checker USING (true);
CREATE POLICY own_workspace ON approver_delegation FOR SELECT TO purser_reader USING ((workspace_id = (NULLIF(current_setting('purser.workspace_id'::text, true), ''::text))::uuid));
CREATE POLICY system ON approver_delegation FOR ALL TO purser_signer, purser_system, purser_writer USING (true) WITH CHECK (true);
GRANT INSERT, SELECT ON approver_delegation TO purser_system;
GRANT SELECT ON approver_delegation TO purser_checker;
GRANT SELECT ON approver_delegation TO purser_reader;
GRANT SELECT ON approver_delegation TO purser_signer;
GRANT UPDATE (revoked_at) ON approver_delegation TO purser_system;
ALTER TABLE approver_delegation ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

CREATE TABLE approver_group (
  workspace_id uuid NOT NULL,
  group_name text NOT NULL,
  created_at timestamp with time zone NOT NULL DEFAULT clock_timestamp()
);
ALTER TABLE approver_group ADD CONSTRAINT approver_group_group_name_check CHECK ((group_name ~ '^[a-z0-9][a-z0-9_-]{0,39}$'::text));
ALTER TABLE approver_group ADD CONSTRAINT approver_group_pkey PRIMARY KEY (workspace_id, group_name);
ALTER TABLE approver_group ADD CONSTRAINT approver_group_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspace(workspace_id);
CREATE POLICY checker ON approver_group FOR SELECT TO purser_checker USING (true);
CREATE POLICY own_workspace ON approver_group FOR SELECT TO purser_reader USING ((workspace_id = (NULLIF(current_setting('purser.workspace_id'::text, true), ''::text))::uuid));
CREATE POLICY system ON approver_group FOR ALL TO purser_signer, purser_system, purser_writer USING (true) WITH CHECK (true);
GRANT INSERT, SELECT ON approver_group TO purser_system;
ALTER TABLE approver_group ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

CREATE TABLE approver_key (
  workspace_id uuid NOT NULL,
  approver_key_id text NOT NULL,
  person text NOT NULL,
  public_key text NOT NULL,
  label text NOT NULL DEFAULT ''::text,
  created_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
  confirmed_at timestamp with time zone,
  confirmed_by text,
  revoked_at timestamp with time zone
);
ALTER TABLE approver_key ADD CONSTRAINT approver_key_pkey PRIMARY KEY (workspace_id, approver_key_id);
ALTER TABLE approver_key ADD CONSTRAINT approver_key_public_key_check CHECK ((public_key ~ '^0[23][0-9a-f]{64}$'::text));
ALTER TABLE approver_key ADD CONSTRAINT approver_key_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspace(workspace_id);
CREATE UNIQUE INDEX approver_key_by_public_key ON public.approver_key USING btree (workspace_id, public_key) WHERE (revoked_at IS NULL);
CREATE POLICY checker ON approver_key FOR SELECT TO purser_checker USING (true);
CREATE POLICY system ON approver_key FOR ALL TO purser_system USING (true) WITH CHECK (true);
GRANT INSERT, SELECT ON approver_key TO purser_system;
GRANT SELECT ON approver_key TO purser_checker;
GRANT UPDATE (confirmed_at, confirmed_by, revoked_at) ON approver_key TO purser_system;
ALTER TABLE approver_key ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

CREATE TABLE approver_member (
  workspace_id uuid NOT NULL,
  group_name text NOT NULL,
  person text NOT NULL,
  since timestamp with time zone NOT NULL,
  until timestamp with time zone
);
ALTER TABLE approver_member ADD CONSTRAINT approver_member_check CHECK ((until >= since));
ALTER TABLE approver_member ADD CONSTRAINT approver_member_pkey PRIMARY KEY (workspace_id, group_name, person, since);
ALTER TABLE approver_member ADD CONSTRAINT approver_member_workspace_id_group_name_fkey FOREIGN KEY (workspace_id, group_name) REFERENCES approver_group(workspace_id, group_name);
CREATE INDEX approver_member_by_person ON public.approver_member USING btree (workspace_id, person);
CREATE UNIQUE INDEX approver_member_now ON public.approver_member USING btree (workspace_id, group_name, person) WHERE (until IS NULL);
CREATE POLICY checker ON approver_member FOR SELECT TO purser_checker USING (true);
CREATE POLICY own_workspace ON approver_member FOR SELECT TO purser_reader USING ((workspace_id = (NULLIF(current_setting('purser.workspace_id'::text, true), ''::text))::uuid));
CREATE POLICY system ON approver_member FOR ALL TO purser_signer, purser_system, purser_writer USING (true) WITH CHECK (true);
GRANT INSERT, SELECT ON approver_member TO purser_system;
GRANT SELECT ON approver_member TO purser_checker;
GRANT SELECT ON approver_member TO purser_reader;
GRANT SELECT ON approver_member TO purser_signer;
GRANT UPDATE (until) ON approver_member TO purser_system;
ALTER TABLE approver_member ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

CREATE TABLE approver_roster (
  workspace_id uuid NOT NULL,
  epoch bigint NOT NULL DEFAULT 1
);
ALTER TABLE approver_roster ADD CONSTRAINT approver_roster_pkey PRIMARY KEY (workspace_id);
ALTER TABLE approver_roster ADD CONSTRAINT approver_roster_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspace(workspace_id);
CREATE POLICY checker ON approver_roster FOR SELECT TO purser_checker USING (true);
CREATE POLICY own_workspace ON approver_roster FOR SELECT TO purser_reader USING ((workspace_id = (NULLIF(current_setting('purser.workspace_id'::text, true), ''::text))::uuid));
CREATE POLICY system ON approver_roster FOR ALL TO purser_signer, purser_system, purser_writer USING (true) WITH CHECK (true);
GRANT INSERT, SELECT, UPDATE ON approver_roster TO purser_system;
GRANT SELECT ON approver_roster TO purser_writer;
GRANT UPDATE (epoch) ON approver_roster TO purser_writer;
ALTER TABLE approver_roster ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

CREATE TABLE authorization_ledger (
  workspace_id uuid NOT NULL,
  operation_id uuid NOT NULL,
  agent_id uuid NOT NULL,
  wallet_id text NOT NULL,
  network text NOT NULL,
  token text NOT NULL,
  from_address text NOT NULL,
  to_address text NOT NULL,
  value numeric(78,0) NOT NULL,
  valid_after bigint NOT NULL,
  valid_before bigint NOT NULL,
  nonce text NOT NULL,
  digest text NOT NULL,
  epoch smallint NOT NULL DEFAULT 0,
  status text NOT NULL,
  committed boolean NOT NULL DEFAULT true,
  seen_block bigint,
  seen_block_hash text,
  tx_hash text,
  log_index integer,
  method text NOT NULL DEFAULT 'eip3009'::text,
  facilitator text,
  charged numeric(78,0),
  allowance numeric(78,0)
);
ALTER TABLE authorization_ledger ADD CONSTRAINT authorization_ledger_allowance CHECK ((((allowance IS NOT NULL) = (method = 'allowance'::text)) AND ((allowance IS NULL) OR (value = (0)::numeric))));
ALTER TABLE authorization_ledger ADD CONSTRAINT authorization_ledger_allowance_check CHECK ((allowance >= (0)::numeric));
ALTER TABLE authorization_ledger ADD CONSTRAINT authorization_ledger_check CHECK (((facilitator IS NOT NULL) = (method = 'upto'::text)));
ALTER TABLE authorization_ledger ADD CONSTRAINT authorization_ledger_check1 CHECK (((charged >= (0)::numeric) AND (charged <= value)));
ALTER TABLE authorization_ledger ADD CONSTRAINT authorization_ledger_epoch_check CHECK ((epoch = 0));
ALTER TABLE authorization_ledger ADD CONSTRAINT authorization_ledger_method_check CHECK ((method = ANY (ARRAY['eip3009'::text, 'permit2'::text, 'upto'::text, 'allowance'::text])));
ALTER TABLE authorization_ledger ADD CONSTRAINT authorization_ledger_pkey PRIMARY KEY (workspace_id, operation_id, epoch);
ALTER TABLE authorization_ledger ADD CONSTRAINT authorization_ledger_status_check CHECK ((status = ANY (ARRAY['live'::text, 'provisional'::text, 'settled'::text, 'dead'::text, 'burned'::text])));
ALTER TABLE authorization_ledger ADD CONSTRAINT authorization_ledger_value_check CHECK ((value >= (0)::numeric));
CREATE INDEX authorization_allowance ON public.authorization_ledger USING btree (network, token, from_address) WHERE ((method = 'allowance'::text) AND (status = 'live'::text));
CREATE INDEX authorization_live ON public.authorization_ledger USING btree (network, valid_before) WHERE (status = 'live'::text);
CREATE UNIQUE INDEX authorization_nonce ON public.authorization_ledger USING btree (network, token, from_address, nonce);
CREATE INDEX authorization_payee ON public.authorization_ledger USING btree (workspace_id, to_address);
CREATE INDEX authorization_provisional ON public.authorization_ledger USING btree (network, seen_block) WHERE (status = 'provisional'::text);
CREATE INDEX authorization_seen ON public.authorization_ledger USING btree (network, seen_block) WHERE (seen_block IS NOT NULL);
CREATE POLICY checker ON authorization_ledger FOR SELECT TO purser_checker USING (true);
CREATE POLICY own_workspace ON authorization_ledger FOR SELECT TO purser_reader USING ((workspace_id = (NULLIF(current_setting('purser.workspace_id'::text, true), ''::text))::uuid));
CREATE POLICY system ON authorization_ledger FOR ALL TO purser_signer, purser_system, purser_writer USING (true) WITH CHECK (true);
GRANT INSERT, SELECT, UPDATE ON authorization_ledger TO purser_writer;
GRANT SELECT ON authorization_ledger TO purser_checker;
GRANT SELECT ON authorization_ledger TO purser_reader;
GRANT SELECT ON authorization_ledger TO purser_signer;
GRANT SELECT ON authorization_ledger TO purser_system;
ALTER TABLE authorization_ledger ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

CREATE TABLE blob (
  workspace_id uuid NOT NULL,
  operation_id uuid NOT NULL,
  kind text NOT NULL,
  sealed bytea NOT NULL,
  meta jsonb NOT NULL,
  expires_at timestamp with time zone
);
ALTER TABLE blob ADD CONSTRAINT blob_kind_check CHECK ((kind = ANY (ARRAY['request_body'::text, 'response_body'::text, 'signature'::text])));
ALTER TABLE blob ADD CONSTRAINT blob_pkey PRIMARY KEY (workspace_id, operation_id, kind);
CREATE INDEX blob_expiry ON public.blob USING btree (expires_at) WHERE (expires_at IS NOT NULL);
CREATE TRIGGER bind_signed_request BEFORE INSERT ON public.blob FOR EACH ROW WHEN ((new.kind = 'signed_request'::text)) EXECUTE FUNCTION purser_bind_signed_request();
CREATE POLICY checker ON blob FOR SELECT TO purser_checker USING (true);
CREATE POLICY own_workspace ON blob FOR SELECT TO purser_reader USING ((workspace_id = (NULLIF(current_setting('purser.workspace_id'::text, true), ''::text))::uuid));
CREATE POLICY system ON blob FOR ALL TO purser_signer, purser_system, purser_writer USING (true) WITH CHECK (true);
GRANT DELETE, SELECT ON blob TO purser_system;
GRANT INSERT, SELECT, UPDATE ON blob TO purser_writer;
GRANT SELECT ON blob TO purser_reader;
ALTER TABLE blob ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

CREATE TABLE broadcast (
  network text NOT NULL,
  sender text NOT NULL,
  account_nonce bigint NOT NULL,
  kind text NOT NULL,
  target text NOT NULL,
  call_hash text NOT NULL,
  call_sealed bytea NOT NULL,
  gas_limit bigint NOT NULL,
  status text NOT NULL DEFAULT 'open'::text,
  tx_hash text,
  block_number bigint,
  block_hash text,
  final boolean NOT NULL DEFAULT false,
  created_at timestamp with time zone NOT NULL DEFAULT clock_timestamp()
);
ALTER TABLE broadcast ADD CONSTRAINT broadcast_account_nonce_check CHECK ((account_nonce >= 0));
ALTER TABLE broadcast ADD CONSTRAINT broadcast_check CHECK (((status = 'mined'::text) = ((tx_hash IS NOT NULL) AND (block_number IS NOT NULL) AND (block_hash IS NOT NULL))));
ALTER TABLE broadcast ADD CONSTRAINT broadcast_gas_limit_check CHECK ((gas_limit > 0));
ALTER TABLE broadcast ADD CONSTRAINT broadcast_kind_check CHECK ((kind = ANY (ARRAY['transfers'::text, 'fill'::text])));
ALTER TABLE broadcast ADD CONSTRAINT broadcast_network_sender_fkey FOREIGN KEY (network, sender) REFERENCES broadcast_account(network, address);
ALTER TABLE broadcast ADD CONSTRAINT broadcast_pkey PRIMARY KEY (network, sender, account_nonce);
ALTER TABLE broadcast ADD CONSTRAINT broadcast_status_check CHECK ((status = ANY (ARRAY['open'::text, 'mined'::text, 'taken'::text])));
CREATE INDEX broadcast_unfinished ON public.broadcast USING btree (network, sender, account_nonce) WHERE (NOT final);
CREATE TRIGGER call_kept BEFORE UPDATE OF kind, target, call_hash, call_sealed, gas_limit ON public.broadcast FOR EACH ROW EXECUTE FUNCTION purser_broadcast_kept();
GRANT INSERT, SELECT ON broadcast TO purser_system;
GRANT SELECT (network, sender, account_nonce, kind, target, call_hash, gas_limit, status) ON broadcast TO purser_signer;
GRANT SELECT (network, sender, account_nonce, kind, target, call_hash, gas_limit, status, tx_hash, block_number, block_hash, final, created_at) ON broadcast TO purser_checker;
GRANT UPDATE (kind, target, call_hash, call_sealed, gas_limit, status, tx_hash, block_number, block_hash, final) ON broadcast TO purser_system;

CREATE TABLE broadcast_account (
  network text NOT NULL,
  address text NOT NULL,
  next_nonce bigint NOT NULL,
  created_at timestamp with time zone NOT NULL DEFAULT clock_timestamp()
);
ALTER TABLE broadcast_account ADD CONSTRAINT broadcast_account_address_check CHECK ((address ~ '^0x[0-9a-f]{40}$'::text));
ALTER TABLE broadcast_account ADD CONSTRAINT broadcast_account_next_nonce_check CHECK ((next_nonce >= 0));
ALTER TABLE broadcast_account ADD CONSTRAINT broadcast_account_pkey PRIMARY KEY (network, address);
GRANT INSERT, SELECT ON broadcast_account TO purser_system;
GRANT SELECT (network, address, next_nonce, created_at) ON broadcast_account TO purser_checker;
GRANT UPDATE (next_nonce) ON broadcast_account TO purser_system;

CREATE TABLE broadcast_attempt (
  network text NOT NULL,
  sender text NOT NULL,
  account_nonce bigint NOT NULL,
  attempt smallint NOT NULL,
  max_fee_per_gas numeric(78,0) NOT NULL,
  max_priority_fee_per_gas numeric(78,0) NOT NULL,
  tx_hash text NOT NULL,
  raw_sealed bytea NOT NULL,
  signed_at timestamp with time zone NOT NULL DEFAULT clock_timestamp()
);
ALTER TABLE broadcast_attempt ADD CONSTRAINT broadcast_attempt_attempt_check CHECK ((attempt >= 0));
ALTER TABLE broadcast_attempt ADD CONSTRAINT broadcast_attempt_network_sender_account_nonce_fkey FOREIGN KEY (network, sender, account_nonce) REFERENCES broadcast(network, sender, account_nonce);
ALTER TABLE broadcast_attempt ADD CONSTRAINT broadcast_attempt_network_tx_hash_key UNIQUE (network, tx_hash);
ALTER TABLE broadcast_attempt ADD CONSTRAINT broadcast_attempt_pkey PRIMARY KEY (network, sender, account_nonce, attempt);
GRANT INSERT, SELECT ON broadcast_attempt TO purser_system;
GRANT SELECT (network, sender, account_nonce, attempt, max_fee_per_gas, max_priority_fee_per_gas) ON broadcast_attempt TO purser_signer;

CREATE TABLE budget_minute (
  workspace_id uuid NOT NULL,
  node_id uuid NOT NULL,
  unit text NOT NULL,
  layer text NOT NULL,
  minute timestamp with time zone NOT NULL,
  spent numeric(78,0) NOT NULL,
  count bigint NOT NULL DEFAULT 0
);
ALTER TABLE budget_minute ADD CONSTRAINT budget_minute_count_check CHECK ((count >= 0));
ALTER TABLE budget_minute ADD CONSTRAINT budget_minute_pkey PRIMARY KEY (workspace_id, node_id, unit, layer, minute);
ALTER TABLE budget_minute ADD CONSTRAINT budget_minute_spent_check CHECK ((spent >= (0)::numeric));
CREATE POLICY checker ON budget_minute FOR SELECT TO purser_checker USING (true);
CREATE POLICY own_workspace ON budget_minute FOR SELECT TO purser_reader USING ((workspace_id = (NULLIF(current_setting('purser.workspace_id'::text, true), ''::text))::uuid));
CREATE POLICY system ON budget_minute FOR ALL TO purser_signer, purser_system, purser_writer USING (true) WITH CHECK (true);
GRANT INSERT, SELECT, UPDATE ON budget_minute TO purser_writer;
GRANT SELECT ON budget_minute TO purser_checker;
GRANT SELECT ON budget_minute TO purser_reader;
GRANT SELECT ON budget_minute TO purser_system;
ALTER TABLE budget_minute ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

CREATE TABLE budget_node (
  workspace_id uuid NOT NULL,
  node_id uuid NOT NULL,
  unit text NOT NULL,
  layer text NOT NULL DEFAULT 'payments'::text,
  parent_id uuid,
  depth smallint NOT NULL,
  limit_per_payment numeric(78,0),
  limit_day numeric(78,0),
  limit_month numeric(78,0),
  limit_lifetime numeric(78,0),
  limit_rolling_24h numeric(78,0),
  held numeric(78,0) NOT NULL DEFAULT 0,
  held_count integer NOT NULL DEFAULT 0,
  day date NOT NULL DEFAULT '1970-01-01'::date,
  day_spent numeric(78,0) NOT NULL DEFAULT 0,
  month date NOT NULL DEFAULT '1970-01-01'::date,
  month_spent numeric(78,0) NOT NULL DEFAULT 0,
  lifetime_spent numeric(78,0) NOT NULL DEFAULT 0,
  lifetime_count bigint NOT NULL DEFAULT 0,
  kind text NOT NULL,
  path uuid[],
  limit_hour numeric(78,0),
  limit_rolling_30d numeric(78,0),
  limit_count_hour bigint,
  limit_count_day bigint,
  limit_count_month bigint,
  limit_count_lifetime bigint,
  limit_count_rolling_24h bigint,
  limit_count_rolling_30d bigint,
  hour timestamp with time zone NOT NULL DEFAULT '1970-01-01 00:00:00+00'::timestamp with time zone,
  hour_spent numeric(78,0) NOT NULL DEFAULT 0,
  hour_count bigint NOT NULL DEFAULT 0,
  day_count bigint NOT NULL DEFAULT 0,
  month_count bigint NOT NULL DEFAULT 0,
  rolling_24h_from timestamp with time zone,
  rolling_24h_spent numeric(78,0) NOT NULL DEFAULT 0,
  rolling_24h_count bigint NOT NULL DEFAULT 0,
  rolling_30d_from timestamp with time zone,
  rolling_30d_spent numeric(78,0) NOT NULL DEFAULT 0,
  rolling_30d_count bigint NOT NULL DEFAULT 0
) WITH (fillfactor=50);
ALTER TABLE budget_node ADD CONSTRAINT budget_node_day_count_check CHECK ((day_count >= 0));
ALTER TABLE budget_node ADD CONSTRAINT budget_node_day_spent_check CHECK ((day_spent >= (0)::numeric));
ALTER TABLE budget_node ADD CONSTRAINT budget_node_depth_check CHECK (((depth >= 0) AND (depth <= 7)));
ALTER TABLE budget_node ADD CONSTRAINT budget_node_held_check CHECK ((held >= (0)::numeric));
ALTER TABLE budget_node ADD CONSTRAINT budget_node_held_count_check CHECK ((held_count >= 0));
ALTER TABLE budget_node ADD CONSTRAINT budget_node_hour_count_check CHECK ((hour_count >= 0));
ALTER TABLE budget_node ADD CONSTRAINT budget_node_hour_spent_check CHECK ((hour_spent >= (0)::numeric));
ALTER TABLE budget_node ADD CONSTRAINT budget_node_kind_check CHECK ((kind = ANY (ARRAY['workspace'::text, 'team'::text, 'agent'::text, 'category'::text, 'cost_centre'::text])));
ALTER TABLE budget_node ADD CONSTRAINT budget_node_layer_check CHECK ((layer = ANY (ARRAY['infra'::text, 'tokens'::text, 'payments'::text])));
ALTER TABLE budget_node ADD CONSTRAINT budget_node_lifetime_spent_check CHECK ((lifetime_spent >= (0)::numeric));
ALTER TABLE budget_node ADD CONSTRAINT budget_node_limit_count_day_check CHECK ((limit_count_day >= 0));
ALTER TABLE budget_node ADD CONSTRAINT budget_node_limit_count_hour_check CHECK ((limit_count_hour >= 0));
ALTER TABLE budget_node ADD CONSTRAINT budget_node_limit_count_lifetime_check CHECK ((limit_count_lifetime >= 0));
ALTER TABLE budget_node ADD CONSTRAINT budget_node_limit_count_month_check CHECK ((limit_count_month >= 0));
ALTER TABLE budget_node ADD CONSTRAINT budget_node_limit_count_rolling_24h_check CHECK ((limit_count_rolling_24h >= 0));
ALTER TABLE budget_node ADD CONSTRAINT budget_node_limit_count_rolling_30d_check CHECK ((limit_count_rolling_30d >= 0));
ALTER TABLE budget_node ADD CONSTRAINT budget_node_limit_day_check CHECK ((limit_day >= (0)::numeric));
ALTER TABLE budget_node ADD CONSTRAINT budget_node_limit_hour_check CHECK ((limit_hour >= (0)::numeric));
ALTER TABLE budget_node ADD CONSTRAINT budget_node_limit_lifetime_check CHECK ((limit_lifetime >= (0)::numeric));
ALTER TABLE budget_node ADD CONSTRAINT budget_node_limit_month_check CHECK ((limit_month >= (0)::numeric));
ALTER TABLE budget_node ADD CONSTRAINT budget_node_limit_per_payment_check CHECK ((limit_per_payment >= (0)::numeric));
ALTER TABLE budget_node ADD CONSTRAINT budget_node_limit_rolling_24h_check CHECK ((limit_rolling_24h >= (0)::numeric));
ALTER TABLE budget_node ADD CONSTRAINT budget_node_limit_rolling_30d_check CHECK ((limit_rolling_30d >= (0)::numeric));
ALTER TABLE budget_node ADD CONSTRAINT budget_node_month_count_check CHECK ((month_count >= 0));
ALTER TABLE budget_node ADD CONSTRAINT budget_node_month_spent_check CHECK ((month_spent >= (0)::numeric));
ALTER TABLE budget_node ADD CONSTRAINT budget_node_pkey PRIMARY KEY (workspace_id, node_id, unit, layer);
ALTER TABLE budget_node ADD CONSTRAINT budget_node_rolling_24h_count_check CHECK ((rolling_24h_count >= 0));
ALTER TABLE budget_node ADD CONSTRAINT budget_node_rolling_24h_spent_check CHECK ((rolling_24h_spent >= (0)::numeric));
ALTER TABLE budget_node ADD CONSTRAINT budget_node_rolling_30d_count_check CHECK ((rolling_30d_count >= 0));
ALTER TABLE budget_node ADD CONSTRAINT budget_node_rolling_30d_spent_check CHECK ((rolling_30d_spent >= (0)::numeric));
CREATE INDEX budget_usage_limited ON public.budget_node USING btree (workspace_id, node_id) WHERE ((layer <> 'payments'::text) AND (num_nonnulls(limit_hour, limit_day, limit_month, limit_lifetime, limit_rolling_24h, limit_rolling_30d, limit_count_hour, limit_count_day, limit_count_month, limit_count_lifetime, limit_count_rolling_24h, limit_count_rolling_30d) > 0));
CREATE POLICY checker ON budget_node FOR SELECT TO purser_checker USING (true);
CREATE POLICY own_workspace ON budget_node FOR SELECT TO purser_reader USING ((workspace_id = (NULLIF(current_setting('purser.workspace_id'::text, true), ''::text))::uuid));
CREATE POLICY system ON budget_node FOR ALL TO purser_signer, purser_system, purser_writer USING (true) WITH CHECK (true);
GRANT INSERT, SELECT ON budget_node TO purser_system;
GRANT SELECT ON budget_node TO purser_checker;
GRANT SELECT ON budget_node TO purser_reader;
GRANT SELECT ON budget_node TO purser_writer;
GRANT UPDATE (depth, limit_per_payment, limit_day, limit_month, limit_lifetime, limit_rolling_24h, path, limit_hour, limit_rolling_30d, limit_count_hour, limit_count_day, limit_count_month, limit_count_lifetime, limit_count_rolling_24h, limit_count_rolling_30d) ON budget_node TO purser_system;
GRANT UPDATE (held, held_count, day, day_spent, month, month_spent, lifetime_spent, lifetime_count, hour, hour_spent, hour_count, day_count, month_count, rolling_24h_from, rolling_24h_spent, rolling_24h_count, rolling_30d_from, rolling_30d_spent, rolling_30d_count) ON budget_node TO purser_writer;
ALTER TABLE budget_node ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

CREATE TABLE chain_block (
  network text NOT NULL,
  number bigint NOT NULL,
  hash text NOT NULL,
  parent_hash text NOT NULL,
  timestamp_sec bigint NOT NULL
);
ALTER TABLE chain_block ADD CONSTRAINT chain_block_pkey PRIMARY KEY (network, number);
GRANT DELETE, INSERT, SELECT, UPDATE ON chain_block TO purser_system;
GRANT SELECT ON chain_block TO purser_checker;

CREATE TABLE chain_cursor (
  network text NOT NULL,
  genesis_hash text NOT NULL,
  scanned_to bigint NOT NULL,
  finalized_to bigint NOT NULL
);
ALTER TABLE chain_cursor ADD CONSTRAINT chain_cursor_pkey PRIMARY KEY (network);
GRANT INSERT, SELECT, UPDATE ON chain_cursor TO purser_system;
GRANT SELECT ON chain_cursor TO purser_checker;

CREATE TABLE chain_exception (
  network text NOT NULL,
  kind text NOT NULL,
  fact text NOT NULL,
  workspace_id uuid,
  address text,
  nonce text,
  transfer jsonb,
  tx_hash text,
  block_number bigint NOT NULL,
  recorded_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
  acknowledged_at timestamp with time zone,
  acknowledged_by text
);
ALTER TABLE chain_exception ADD CONSTRAINT chain_exception_kind_check CHECK ((kind = ANY (ARRAY['unexplained_transfer'::text, 'unknown_nonce'::text, 'foreign_use'::text, 'reorg_past_finality'::text, 'used_but_unseen'::text])));
ALTER TABLE chain_exception ADD CONSTRAINT chain_exception_pkey PRIMARY KEY (network, kind, fact);
CREATE INDEX chain_exception_open ON public.chain_exception USING btree (recorded_at) WHERE (acknowledged_at IS NULL);
CREATE POLICY checker ON chain_exception FOR SELECT TO purser_checker USING (true);
CREATE POLICY own_workspace ON chain_exception FOR SELECT TO purser_reader USING ((workspace_id = (NULLIF(current_setting('purser.workspace_id'::text, true), ''::text))::uuid));
CREATE POLICY system ON chain_exception FOR ALL TO purser_signer, purser_system, purser_writer USING (true) WITH CHECK (true);
GRANT INSERT, SELECT, UPDATE ON chain_exception TO purser_system;
GRANT SELECT ON chain_exception TO purser_checker;
ALTER TABLE chain_exception ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

CREATE TABLE change_request (
  workspace_id uuid NOT NULL,
  approval_id text NOT NULL,
  kind text NOT NULL,
  agent_id uuid,
  wanted jsonb NOT NULL,
  base jsonb NOT NULL,
  digest text NOT NULL,
  status text NOT NULL DEFAULT 'pending'::text,
  requester text NOT NULL,
  requester_key text NOT NULL,
  requested_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
  decide_by timestamp with time zone NOT NULL,
  decided_at timestamp with time zone,
  decided_by text,
  reason text,
  revision integer NOT NULL DEFAULT 1,
  changed_at timestamp with time zone NOT NULL DEFAULT clock_timestamp()
);
ALTER TABLE change_request ADD CONSTRAINT change_request_kind_check CHECK ((kind = ANY (ARRAY['limits'::text, 'team'::text, 'policy'::text, 'resume'::text, 'approvers'::text])));
ALTER TABLE change_request ADD CONSTRAINT change_request_pkey PRIMARY KEY (workspace_id, approval_id);
ALTER TABLE change_request ADD CONSTRAINT change_request_status_check CHECK ((status = ANY (ARRAY['pending'::text, 'approved'::text, 'rejected'::text, 'cancelled'::text, 'outdated'::text])));
ALTER TABLE change_request ADD CONSTRAINT change_request_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspace(workspace_id);
CREATE INDEX change_request_by_time ON public.change_request USING btree (workspace_id, requested_at DESC, approval_id);
CREATE INDEX change_request_changed ON public.change_request USING btree (workspace_id, changed_at DESC);
CREATE POLICY checker ON change_request FOR SELECT TO purser_checker USING (true);
CREATE POLICY own_workspace ON change_request FOR SELECT TO purser_reader USING ((workspace_id = (NULLIF(current_setting('purser.workspace_id'::text, true), ''::text))::uuid));
CREATE POLICY system ON change_request FOR ALL TO purser_system USING (true) WITH CHECK (true);
GRANT INSERT, SELECT ON change_request TO purser_system;
GRANT SELECT ON change_request TO purser_checker;
GRANT SELECT ON change_request TO purser_reader;
GRANT UPDATE (status, decided_at, decided_by, reason, revision, changed_at) ON change_request TO purser_system;
ALTER TABLE change_request ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

CREATE TABLE cluster (
  one boolean NOT NULL DEFAULT true,
  epoch integer NOT NULL DEFAULT 1,
  genesis jsonb NOT NULL DEFAULT '{}'::jsonb,
  quarantined_until timestamp with time zone
);
ALTER TABLE cluster ADD CONSTRAINT cluster_one_check CHECK (one);
ALTER TABLE cluster ADD CONSTRAINT cluster_pkey PRIMARY KEY (one);
GRANT SELECT ON cluster TO purser_checker;
GRANT SELECT ON cluster TO purser_signer;
GRANT SELECT ON cluster TO purser_system;
GRANT SELECT ON cluster TO purser_writer;
GRANT UPDATE (genesis, quarantined_until) ON cluster TO purser_system;

CREATE TABLE control (
  scope text NOT NULL,
  epoch bigint NOT NULL DEFAULT 0,
  paused boolean NOT NULL DEFAULT false,
  updated_at timestamp with time zone NOT NULL DEFAULT now(),
  narrow boolean NOT NULL DEFAULT false
);
ALTER TABLE control ADD CONSTRAINT control_pkey PRIMARY KEY (scope);
GRANT INSERT, SELECT ON control TO purser_system;
GRANT SELECT ON control TO purser_checker;
GRANT SELECT ON control TO purser_signer;
GRANT SELECT ON control TO purser_writer;
GRANT UPDATE (epoch, paused, updated_at, narrow) ON control TO purser_system;
GRANT UPDATE (updated_at) ON control TO purser_writer;

CREATE TABLE events ( -- partitioned by RANGE (opened_month)
  workspace_id uuid NOT NULL,
  opened_month date NOT NULL,
  operation_id uuid NOT NULL,
  version integer NOT NULL,
  type text NOT NULL,
  schema smallint NOT NULL,
  data jsonb NOT NULL,
  actor jsonb NOT NULL,
  occurred_at_ms bigint NOT NULL,
  prev_hash bytea NOT NULL,
  hash bytea NOT NULL,
  cluster_epoch integer NOT NULL,
  txid xid8 NOT NULL DEFAULT pg_current_xact_id(),
  "position" bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
  recorded_at timestamp with time zone NOT NULL DEFAULT clock_timestamp()
);
ALTER TABLE events ADD CONSTRAINT events_pkey PRIMARY KEY (workspace_id, opened_month, operation_id, version);
ALTER TABLE events ADD CONSTRAINT events_version_check CHECK ((version > 0));
CREATE INDEX events_in_order ON ONLY public.events USING btree (cluster_epoch, txid, "position");
CREATE TRIGGER append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.events FOR EACH STATEMENT EXECUTE FUNCTION purser_append_only();
CREATE POLICY checker ON events FOR SELECT TO purser_checker USING (true);
CREATE POLICY own_workspace ON events FOR SELECT TO purser_reader USING ((workspace_id = (NULLIF(current_setting('purser.workspace_id'::text, true), ''::text))::uuid));
CREATE POLICY system ON events FOR ALL TO purser_signer, purser_system, purser_writer USING (true) WITH CHECK (true);
GRANT INSERT, SELECT ON events TO purser_writer;
GRANT SELECT ON events TO purser_checker;
GRANT SELECT ON events TO purser_reader;
GRANT SELECT ON events TO purser_signer;
GRANT SELECT ON events TO purser_system;
ALTER TABLE events ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

CREATE TABLE events_rest ( -- partition of events DEFAULT
  workspace_id uuid NOT NULL,
  opened_month date NOT NULL,
  operation_id uuid NOT NULL,
  version integer NOT NULL,
  type text NOT NULL,
  schema smallint NOT NULL,
  data jsonb NOT NULL,
  actor jsonb NOT NULL,
  occurred_at_ms bigint NOT NULL,
  prev_hash bytea NOT NULL,
  hash bytea NOT NULL,
  cluster_epoch integer NOT NULL,
  txid xid8 NOT NULL DEFAULT pg_current_xact_id(),
  "position" bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
  recorded_at timestamp with time zone NOT NULL DEFAULT clock_timestamp()
);
CREATE TRIGGER append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.events_rest FOR EACH STATEMENT EXECUTE FUNCTION purser_append_only();
CREATE POLICY checker ON events_rest FOR SELECT TO purser_checker USING (true);
CREATE POLICY own_workspace ON events_rest FOR SELECT TO purser_reader USING ((workspace_id = (NULLIF(current_setting('purser.workspace_id'::text, true), ''::text))::uuid));
CREATE POLICY system ON events_rest FOR ALL TO purser_signer, purser_system, purser_writer USING (true) WITH CHECK (true);
ALTER TABLE events_rest ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

CREATE TABLE idempotency (
  workspace_id uuid NOT NULL,
  agent_id uuid NOT NULL,
  key_hash text NOT NULL,
  operation_id uuid NOT NULL,
  fingerprint text NOT NULL,
  opened_at_ms bigint NOT NULL
);
ALTER TABLE idempotency ADD CONSTRAINT idempotency_pkey PRIMARY KEY (workspace_id, agent_id, key_hash);
CREATE INDEX idempotency_successors ON public.idempotency USING btree (workspace_id, agent_id, split_part(key_hash, ':'::text, 2), opened_at_ms DESC) WHERE (key_hash ~~ '%:%'::text);
CREATE POLICY checker ON idempotency FOR SELECT TO purser_checker USING (true);
CREATE POLICY own_workspace ON idempotency FOR SELECT TO purser_reader USING ((workspace_id = (NULLIF(current_setting('purser.workspace_id'::text, true), ''::text))::uuid));
CREATE POLICY system ON idempotency FOR ALL TO purser_signer, purser_system, purser_writer USING (true) WITH CHECK (true);
GRANT INSERT, SELECT ON idempotency TO purser_writer;
GRANT SELECT ON idempotency TO purser_checker;
GRANT SELECT ON idempotency TO purser_reader;
GRANT SELECT ON idempotency TO purser_system;
ALTER TABLE idempotency ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

CREATE TABLE like_intent (
  workspace_id uuid NOT NULL,
  agent_id uuid NOT NULL,
  likeness bytea NOT NULL,
  operation_id uuid NOT NULL,
  opened_at_ms bigint NOT NULL
);
ALTER TABLE like_intent ADD CONSTRAINT like_intent_pkey PRIMARY KEY (workspace_id, agent_id, likeness, operation_id);
CREATE POLICY checker ON like_intent FOR SELECT TO purser_checker USING (true);
CREATE POLICY own_workspace ON like_intent FOR SELECT TO purser_reader USING ((workspace_id = (NULLIF(current_setting('purser.workspace_id'::text, true), ''::text))::uuid));
CREATE POLICY system ON like_intent FOR ALL TO purser_signer, purser_system, purser_writer USING (true) WITH CHECK (true);
GRANT INSERT, SELECT ON like_intent TO purser_writer;
GRANT SELECT ON like_intent TO purser_checker;
GRANT SELECT ON like_intent TO purser_system;
ALTER TABLE like_intent ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

CREATE TABLE oauth_grant (
  workspace_id uuid NOT NULL,
  grant_id text NOT NULL,
  kind text NOT NULL,
  agent_id uuid NOT NULL,
  client_id text NOT NULL,
  client_name text NOT NULL,
  person text NOT NULL,
  scopes text[] NOT NULL,
  secret_hash bytea,
  created_at timestamp with time zone NOT NULL DEFAULT now(),
  created_by text NOT NULL,
  revoked_at timestamp with time zone
);
ALTER TABLE oauth_grant ADD CONSTRAINT oauth_grant_check CHECK (((kind = 'client'::text) = (secret_hash IS NOT NULL)));
ALTER TABLE oauth_grant ADD CONSTRAINT oauth_grant_check1 CHECK (((kind <> 'client'::text) OR (client_id = grant_id)));
ALTER TABLE oauth_grant ADD CONSTRAINT oauth_grant_kind_check CHECK ((kind = ANY (ARRAY['consent'::text, 'client'::text])));
ALTER TABLE oauth_grant ADD CONSTRAINT oauth_grant_pkey PRIMARY KEY (workspace_id, grant_id);
ALTER TABLE oauth_grant ADD CONSTRAINT oauth_grant_scopes_check CHECK ((cardinality(scopes) > 0));
ALTER TABLE oauth_grant ADD CONSTRAINT oauth_grant_workspace_id_agent_id_fkey FOREIGN KEY (workspace_id, agent_id) REFERENCES agent(workspace_id, agent_id);
CREATE UNIQUE INDEX oauth_grant_by_id ON public.oauth_grant USING btree (grant_id);
CREATE POLICY issuer ON oauth_grant FOR ALL TO purser_issuer USING (true) WITH CHECK (true);
CREATE POLICY system ON oauth_grant FOR ALL TO purser_system USING (true) WITH CHECK (true);
GRANT INSERT, SELECT ON oauth_grant TO purser_system;
GRANT SELECT ON oauth_grant TO purser_issuer;
GRANT UPDATE (revoked_at) ON oauth_grant TO purser_issuer;
GRANT UPDATE (revoked_at) ON oauth_grant TO purser_system;
ALTER TABLE oauth_grant ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

CREATE TABLE oauth_record (
  model text NOT NULL,
  id bytea NOT NULL,
  payload jsonb NOT NULL,
  grant_id text,
  uid text,
  consumed_at timestamp with time zone,
  expires_at timestamp with time zone
);
ALTER TABLE oauth_record ADD CONSTRAINT oauth_record_pkey PRIMARY KEY (model, id);
CREATE INDEX oauth_record_by_expiry ON public.oauth_record USING btree (expires_at) WHERE (expires_at IS NOT NULL);
CREATE INDEX oauth_record_by_grant ON public.oauth_record USING btree (grant_id) WHERE (grant_id IS NOT NULL);
CREATE INDEX oauth_record_by_uid ON public.oauth_record USING btree (model, uid) WHERE (uid IS NOT NULL);
GRANT DELETE, INSERT, SELECT, UPDATE ON oauth_record TO purser_issuer;

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
  lease_until timestamp with time zone,
  next_attempt_at timestamp with time zone,
  attempts integer NOT NULL DEFAULT 0,
  updated_at timestamp with time zone NOT NULL DEFAULT clock_timestamp()
) WITH (fillfactor=70);
ALTER TABLE operations ADD CONSTRAINT operations_pkey PRIMARY KEY (workspace_id, operation_id);
CREATE INDEX operations_by_agent ON public.operations USING btree (workspace_id, agent_id, opened_at_ms DESC, operation_id);
CREATE UNIQUE INDEX operations_by_id ON public.operations USING btree (operation_id);
CREATE INDEX operations_by_time ON public.operations USING btree (workspace_id, opened_at_ms DESC, operation_id);
CREATE INDEX operations_due ON public.operations USING btree (next_attempt_at) WHERE (next_attempt_at IS NOT NULL);
CREATE INDEX operations_top_up ON public.operations USING btree (workspace_id, agent_id, opened_at_ms) WHERE (kind = 'top_up'::text);
CREATE POLICY checker ON operations FOR SELECT TO purser_checker USING (true);
CREATE POLICY own_workspace ON operations FOR SELECT TO purser_reader USING ((workspace_id = (NULLIF(current_setting('purser.workspace_id'::text, true), ''::text))::uuid));
CREATE POLICY system ON operations FOR ALL TO purser_signer, purser_system, purser_writer USING (true) WITH CHECK (true);
GRANT INSERT, SELECT, UPDATE ON operations TO purser_writer;
GRANT SELECT ON operations TO purser_checker;
GRANT SELECT ON operations TO purser_reader;
GRANT SELECT ON operations TO purser_signer;
GRANT SELECT ON operations TO purser_system;
GRANT UPDATE (lease_owner, lease_epoch, lease_until, next_attempt_at, attempts) ON operations TO purser_system;
ALTER TABLE operations ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

CREATE TABLE policy (
  workspace_id uuid NOT NULL,
  scope text NOT NULL,
  version integer NOT NULL,
  document jsonb NOT NULL,
  document_hash text NOT NULL,
  created_at timestamp with time zone NOT NULL DEFAULT now(),
  created_by text NOT NULL
);
ALTER TABLE policy ADD CONSTRAINT policy_pkey PRIMARY KEY (workspace_id, scope, version);
ALTER TABLE policy ADD CONSTRAINT policy_version_check CHECK ((version > 0));
ALTER TABLE policy ADD CONSTRAINT policy_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspace(workspace_id);
CREATE POLICY checker ON policy FOR SELECT TO purser_checker USING (true);
CREATE POLICY own_workspace ON policy FOR SELECT TO purser_reader USING ((workspace_id = (NULLIF(current_setting('purser.workspace_id'::text, true), ''::text))::uuid));
CREATE POLICY system ON policy FOR ALL TO purser_signer, purser_system, purser_writer USING (true) WITH CHECK (true);
GRANT INSERT, SELECT ON policy TO purser_system;
GRANT SELECT ON policy TO purser_checker;
GRANT SELECT ON policy TO purser_reader;
GRANT SELECT ON policy TO purser_signer;
ALTER TABLE policy ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

CREATE TABLE projection_approvals (
  workspace_id uuid NOT NULL,
  approval_id text NOT NULL,
  operation_id uuid NOT NULL,
  agent_id uuid NOT NULL,
  requester text NOT NULL,
  status text NOT NULL,
  digest text NOT NULL,
  payee text NOT NULL,
  host text NOT NULL,
  unit text NOT NULL,
  amount numeric(78,0) NOT NULL,
  requested_at_ms bigint NOT NULL,
  decide_by_ms bigint NOT NULL,
  decided_at_ms bigint,
  decided_by text,
  reason text
);
ALTER TABLE projection_approvals ADD CONSTRAINT projection_approvals_pkey PRIMARY KEY (workspace_id, approval_id);
CREATE INDEX projection_approvals_by_operation ON public.projection_approvals USING btree (workspace_id, operation_id);
CREATE POLICY own_workspace ON projection_approvals FOR SELECT TO purser_reader USING ((workspace_id = (NULLIF(current_setting('purser.workspace_id'::text, true), ''::text))::uuid));
CREATE POLICY system ON projection_approvals FOR ALL TO purser_system USING (true) WITH CHECK (true);
GRANT INSERT, SELECT, UPDATE ON projection_approvals TO purser_system;
GRANT SELECT ON projection_approvals TO purser_reader;
ALTER TABLE projection_approvals ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

CREATE TABLE projection_audit (
  workspace_id uuid NOT NULL,
  cluster_epoch integer NOT NULL,
  txid xid8 NOT NULL,
  "position" bigint NOT NULL,
  operation_id uuid NOT NULL,
  version integer NOT NULL,
  type text NOT NULL,
  actor jsonb NOT NULL,
  agent_id uuid NOT NULL,
  unit text,
  amount numeric(78,0),
  host text,
  tx_hash text,
  occurred_at_ms bigint NOT NULL,
  hash bytea NOT NULL
);
ALTER TABLE projection_audit ADD CONSTRAINT projection_audit_pkey PRIMARY KEY (workspace_id, cluster_epoch, txid, "position");
CREATE INDEX projection_audit_by_agent ON public.projection_audit USING btree (workspace_id, agent_id, occurred_at_ms DESC, "position" DESC);
CREATE UNIQUE INDEX projection_audit_by_operation ON public.projection_audit USING btree (workspace_id, operation_id, version);
CREATE POLICY own_workspace ON projection_audit FOR SELECT TO purser_reader USING ((workspace_id = (NULLIF(current_setting('purser.workspace_id'::text, true), ''::text))::uuid));
CREATE POLICY system ON projection_audit FOR ALL TO purser_system USING (true) WITH CHECK (true);
GRANT INSERT, SELECT, UPDATE ON projection_audit TO purser_system;
GRANT SELECT ON projection_audit TO purser_reader;
ALTER TABLE projection_audit ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

CREATE TABLE projection_balances (
  workspace_id uuid NOT NULL,
  agent_id uuid NOT NULL,
  unit text NOT NULL,
  held numeric(78,0) NOT NULL,
  captured numeric(78,0) NOT NULL,
  released numeric(78,0) NOT NULL,
  outstanding numeric(78,0) NOT NULL,
  outstanding_count bigint NOT NULL
);
ALTER TABLE projection_balances ADD CONSTRAINT projection_balances_pkey PRIMARY KEY (workspace_id, agent_id, unit);
CREATE POLICY own_workspace ON projection_balances FOR SELECT TO purser_reader USING ((workspace_id = (NULLIF(current_setting('purser.workspace_id'::text, true), ''::text))::uuid));
CREATE POLICY system ON projection_balances FOR ALL TO purser_system USING (true) WITH CHECK (true);
GRANT INSERT, SELECT, UPDATE ON projection_balances TO purser_system;
GRANT SELECT ON projection_balances TO purser_reader;
ALTER TABLE projection_balances ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

CREATE TABLE projection_checkpoint (
  name text NOT NULL,
  version integer NOT NULL,
  cluster_epoch integer NOT NULL DEFAULT 0,
  txid xid8 NOT NULL DEFAULT '0'::xid8,
  "position" bigint NOT NULL DEFAULT 0,
  updated_at timestamp with time zone NOT NULL DEFAULT clock_timestamp()
);
ALTER TABLE projection_checkpoint ADD CONSTRAINT projection_checkpoint_pkey PRIMARY KEY (name, version);
GRANT INSERT, SELECT, UPDATE ON projection_checkpoint TO purser_system;
GRANT SELECT ON projection_checkpoint TO purser_checker;

CREATE TABLE projection_operations (
  workspace_id uuid NOT NULL,
  operation_id uuid NOT NULL,
  version integer NOT NULL,
  agent_id uuid NOT NULL,
  kind text NOT NULL,
  status text NOT NULL,
  requester text NOT NULL,
  resource_url text NOT NULL,
  host text NOT NULL,
  network text,
  token text,
  payee text,
  unit text,
  amount numeric(78,0),
  wallet_id text,
  tx_hash text,
  delivery text,
  error_code text,
  opened_at_ms bigint NOT NULL,
  intent_at_ms bigint,
  last_at_ms bigint NOT NULL
);
ALTER TABLE projection_operations ADD CONSTRAINT projection_operations_pkey PRIMARY KEY (workspace_id, operation_id);
CREATE INDEX projection_operations_host ON public.projection_operations USING btree (workspace_id, host, opened_at_ms DESC);
CREATE POLICY own_workspace ON projection_operations FOR SELECT TO purser_reader USING ((workspace_id = (NULLIF(current_setting('purser.workspace_id'::text, true), ''::text))::uuid));
CREATE POLICY system ON projection_operations FOR ALL TO purser_system USING (true) WITH CHECK (true);
GRANT INSERT, SELECT, UPDATE ON projection_operations TO purser_system;
GRANT SELECT ON projection_operations TO purser_reader;
ALTER TABLE projection_operations ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

CREATE TABLE projection_spend (
  workspace_id uuid NOT NULL,
  day date NOT NULL,
  agent_id uuid NOT NULL,
  host text NOT NULL,
  unit text NOT NULL,
  amount numeric(78,0) NOT NULL,
  payments bigint NOT NULL
);
ALTER TABLE projection_spend ADD CONSTRAINT projection_spend_pkey PRIMARY KEY (workspace_id, day, agent_id, host, unit);
CREATE POLICY own_workspace ON projection_spend FOR SELECT TO purser_reader USING ((workspace_id = (NULLIF(current_setting('purser.workspace_id'::text, true), ''::text))::uuid));
CREATE POLICY system ON projection_spend FOR ALL TO purser_system USING (true) WITH CHECK (true);
GRANT INSERT, SELECT, UPDATE ON projection_spend TO purser_system;
GRANT SELECT ON projection_spend TO purser_reader;
ALTER TABLE projection_spend ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

CREATE TABLE reservation (
  workspace_id uuid NOT NULL,
  operation_id uuid NOT NULL,
  agent_id uuid NOT NULL,
  unit text NOT NULL,
  layer text NOT NULL DEFAULT 'payments'::text,
  amount numeric(78,0) NOT NULL,
  captured numeric(78,0) NOT NULL DEFAULT 0,
  state text NOT NULL,
  reserved_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
  charged_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
  others uuid[]
);
ALTER TABLE reservation ADD CONSTRAINT reservation_amount_check CHECK ((amount >= (0)::numeric));
ALTER TABLE reservation ADD CONSTRAINT reservation_check CHECK (((captured >= (0)::numeric) AND (captured <= amount)));
ALTER TABLE reservation ADD CONSTRAINT reservation_pkey PRIMARY KEY (workspace_id, operation_id);
ALTER TABLE reservation ADD CONSTRAINT reservation_state_check CHECK ((state = ANY (ARRAY['held'::text, 'captured'::text, 'released'::text])));
CREATE POLICY checker ON reservation FOR SELECT TO purser_checker USING (true);
CREATE POLICY own_workspace ON reservation FOR SELECT TO purser_reader USING ((workspace_id = (NULLIF(current_setting('purser.workspace_id'::text, true), ''::text))::uuid));
CREATE POLICY system ON reservation FOR ALL TO purser_signer, purser_system, purser_writer USING (true) WITH CHECK (true);
GRANT INSERT, SELECT, UPDATE ON reservation TO purser_writer;
GRANT SELECT ON reservation TO purser_checker;
GRANT SELECT ON reservation TO purser_reader;
GRANT SELECT ON reservation TO purser_signer;
GRANT SELECT ON reservation TO purser_system;
ALTER TABLE reservation ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

CREATE TABLE settlement (
  network text NOT NULL,
  token text NOT NULL,
  payer text NOT NULL,
  nonce text NOT NULL,
  settlement_id uuid NOT NULL,
  payee text NOT NULL,
  value numeric(78,0) NOT NULL,
  valid_after bigint NOT NULL,
  valid_before bigint NOT NULL,
  signature_sealed bytea NOT NULL,
  workspace_id uuid,
  asked_by text NOT NULL,
  request_key text,
  status text NOT NULL DEFAULT 'waiting'::text,
  sender text,
  account_nonce bigint,
  place integer,
  tx_hash text,
  block_number bigint,
  block_hash text,
  log_index integer,
  reason text,
  final boolean NOT NULL DEFAULT false,
  asked_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
  ended_at timestamp with time zone,
  method text NOT NULL DEFAULT 'eip3009'::text,
  ceiling numeric(78,0),
  facilitator text,
  tried_out boolean NOT NULL DEFAULT false,
  redemption text
);
ALTER TABLE settlement ADD CONSTRAINT settlement_check CHECK ((((sender IS NULL) = (account_nonce IS NULL)) AND ((sender IS NULL) = (place IS NULL))));
ALTER TABLE settlement ADD CONSTRAINT settlement_check1 CHECK (((status <> 'broadcast'::text) OR (sender IS NOT NULL)));
ALTER TABLE settlement ADD CONSTRAINT settlement_check2 CHECK (((status <> 'settled'::text) OR ((tx_hash IS NOT NULL) AND (block_number IS NOT NULL) AND (log_index IS NOT NULL))));
ALTER TABLE settlement ADD CONSTRAINT settlement_check3 CHECK (((status = 'failed'::text) = (reason IS NOT NULL)));
ALTER TABLE settlement ADD CONSTRAINT settlement_check4 CHECK (((method = 'upto'::text) = ((ceiling IS NOT NULL) AND (facilitator IS NOT NULL))));
ALTER TABLE settlement ADD CONSTRAINT settlement_check5 CHECK (((method <> 'upto'::text) OR ((value > (0)::numeric) AND (value <= ceiling))));
ALTER TABLE settlement ADD CONSTRAINT settlement_check6 CHECK (((sender IS NULL) OR (facilitator IS NULL) OR (sender = facilitator)));
ALTER TABLE settlement ADD CONSTRAINT settlement_facilitator_check CHECK ((facilitator ~ '^0x[0-9a-f]{40}$'::text));
ALTER TABLE settlement ADD CONSTRAINT settlement_method_check CHECK ((method = ANY (ARRAY['eip3009'::text, 'permit2'::text, 'upto'::text, 'cancel'::text, 'allowance'::text])));
ALTER TABLE settlement ADD CONSTRAINT settlement_network_sender_account_nonce_fkey FOREIGN KEY (network, sender, account_nonce) REFERENCES broadcast(network, sender, account_nonce);
ALTER TABLE settlement ADD CONSTRAINT settlement_pkey PRIMARY KEY (network, method, token, payer, nonce);
ALTER TABLE settlement ADD CONSTRAINT settlement_settlement_id_key UNIQUE (settlement_id);
ALTER TABLE settlement ADD CONSTRAINT settlement_status_check CHECK ((status = ANY (ARRAY['waiting'::text, 'broadcast'::text, 'settled'::text, 'failed'::text])));
ALTER TABLE settlement ADD CONSTRAINT settlement_value_check CHECK ((value >= (0)::numeric));
CREATE INDEX settlement_cancelled ON public.settlement USING btree (network, block_number) WHERE ((method = 'cancel'::text) AND (status = 'settled'::text));
CREATE INDEX settlement_failed_alive ON public.settlement USING btree (network, valid_before) WHERE ((status = 'failed'::text) AND (NOT final) AND (sender IS NOT NULL) AND (method <> 'cancel'::text));
CREATE INDEX settlement_not_final ON public.settlement USING btree (network, block_number) WHERE ((status = 'settled'::text) AND (NOT final));
CREATE INDEX settlement_of_broadcast ON public.settlement USING btree (network, sender, account_nonce, place) WHERE (sender IS NOT NULL);
CREATE INDEX settlement_of_workspace ON public.settlement USING btree (workspace_id, asked_at) WHERE (workspace_id IS NOT NULL);
CREATE INDEX settlement_waiting ON public.settlement USING btree (network, asked_at) WHERE (status = 'waiting'::text);
CREATE POLICY checker ON settlement FOR SELECT TO purser_checker USING (true);
CREATE POLICY own_workspace ON settlement FOR SELECT TO purser_reader USING ((workspace_id = (NULLIF(current_setting('purser.workspace_id'::text, true), ''::text))::uuid));
CREATE POLICY system ON settlement FOR ALL TO purser_signer, purser_system USING (true) WITH CHECK (true);
GRANT INSERT, SELECT ON settlement TO purser_system;
GRANT SELECT (network, token, payer, nonce, payee, value, valid_after, valid_before, workspace_id, status, sender, account_nonce, place, method, ceiling, facilitator) ON settlement TO purser_signer;
GRANT SELECT (network, token, payer, nonce, settlement_id, payee, value, valid_after, valid_before, workspace_id, asked_by, status, sender, account_nonce, place, tx_hash, block_number, block_hash, log_index, reason, final, asked_at, ended_at, method, ceiling, facilitator) ON settlement TO purser_checker;
GRANT UPDATE (payee, value, valid_after, valid_before, signature_sealed, workspace_id, asked_by, request_key, status, sender, account_nonce, place, tx_hash, block_number, block_hash, log_index, reason, final, asked_at, ended_at, ceiling, facilitator, tried_out, redemption) ON settlement TO purser_system;
ALTER TABLE settlement ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

CREATE TABLE signed_request (
  workspace_id uuid NOT NULL,
  agent_id uuid NOT NULL,
  digest bytea NOT NULL,
  operation_id uuid,
  seen_at timestamp with time zone NOT NULL DEFAULT clock_timestamp()
);
ALTER TABLE signed_request ADD CONSTRAINT signed_request_digest_check CHECK ((length(digest) = 32));
ALTER TABLE signed_request ADD CONSTRAINT signed_request_pkey PRIMARY KEY (workspace_id, agent_id, digest);
CREATE INDEX signed_request_age ON public.signed_request USING btree (seen_at);
CREATE POLICY checker ON signed_request FOR SELECT TO purser_checker USING (true);
CREATE POLICY own_workspace ON signed_request FOR SELECT TO purser_reader USING ((workspace_id = (NULLIF(current_setting('purser.workspace_id'::text, true), ''::text))::uuid));
CREATE POLICY system ON signed_request FOR ALL TO purser_system, purser_writer USING (true) WITH CHECK (true);
GRANT DELETE, INSERT, SELECT ON signed_request TO purser_system;
GRANT INSERT, SELECT ON signed_request TO purser_writer;
GRANT UPDATE (seen_at) ON signed_request TO purser_writer;
ALTER TABLE signed_request ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

CREATE TABLE signer_ledger (
  purpose text NOT NULL,
  subject text NOT NULL,
  epoch smallint NOT NULL,
  digest text,
  workspace_id uuid NOT NULL,
  reason text,
  sequence bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
  recorded_at timestamp with time zone NOT NULL DEFAULT clock_timestamp()
);
ALTER TABLE signer_ledger ADD CONSTRAINT signer_ledger_check CHECK (((digest IS NULL) = (reason IS NOT NULL)));
ALTER TABLE signer_ledger ADD CONSTRAINT signer_ledger_epoch_check CHECK ((epoch = 0));
ALTER TABLE signer_ledger ADD CONSTRAINT signer_ledger_pkey PRIMARY KEY (purpose, subject, epoch);
ALTER TABLE signer_ledger ADD CONSTRAINT signer_ledger_purpose_check CHECK ((purpose = ANY (ARRAY['authorize'::text, 'cancel'::text, 'allowance'::text, 'broadcast'::text])));
ALTER TABLE signer_ledger ADD CONSTRAINT signer_ledger_sequence_key UNIQUE (sequence);
CREATE TRIGGER append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.signer_ledger FOR EACH STATEMENT EXECUTE FUNCTION purser_append_only();
CREATE POLICY checker ON signer_ledger FOR SELECT TO purser_checker USING (true);
CREATE POLICY own_workspace ON signer_ledger FOR SELECT TO purser_reader USING ((workspace_id = (NULLIF(current_setting('purser.workspace_id'::text, true), ''::text))::uuid));
CREATE POLICY system ON signer_ledger FOR ALL TO purser_signer, purser_system, purser_writer USING (true) WITH CHECK (true);
GRANT INSERT, SELECT ON signer_ledger TO purser_signer;
GRANT SELECT ON signer_ledger TO purser_checker;
GRANT SELECT ON signer_ledger TO purser_system;
ALTER TABLE signer_ledger ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

CREATE TABLE singleton_lease (
  name text NOT NULL,
  owner text,
  epoch bigint NOT NULL DEFAULT 0,
  until timestamp with time zone
);
ALTER TABLE singleton_lease ADD CONSTRAINT singleton_lease_pkey PRIMARY KEY (name);
GRANT INSERT, SELECT, UPDATE ON singleton_lease TO purser_system;
GRANT SELECT ON singleton_lease TO purser_checker;

CREATE TABLE stop (
  workspace_id uuid NOT NULL,
  stop_id text NOT NULL,
  kind text NOT NULL,
  target text NOT NULL DEFAULT ''::text,
  network text NOT NULL DEFAULT ''::text,
  reason text NOT NULL DEFAULT ''::text,
  since timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
  actor jsonb NOT NULL,
  person text NOT NULL,
  final boolean NOT NULL DEFAULT false,
  cancel_on_chain boolean NOT NULL DEFAULT false,
  carried_out_at timestamp with time zone,
  next_turn_at timestamp with time zone NOT NULL DEFAULT clock_timestamp()
);
ALTER TABLE stop ADD CONSTRAINT stop_check CHECK (((kind = ANY (ARRAY['agent'::text, 'payee'::text, 'host'::text])) = (target <> ''::text)));
ALTER TABLE stop ADD CONSTRAINT stop_check1 CHECK (((network = ''::text) OR (kind = 'payee'::text)));
ALTER TABLE stop ADD CONSTRAINT stop_check2 CHECK (((NOT final) OR (kind = 'agent'::text)));
ALTER TABLE stop ADD CONSTRAINT stop_kind_check CHECK ((kind = ANY (ARRAY['global'::text, 'workspace'::text, 'agent'::text, 'payee'::text, 'host'::text])));
ALTER TABLE stop ADD CONSTRAINT stop_pkey PRIMARY KEY (workspace_id, stop_id);
ALTER TABLE stop ADD CONSTRAINT stop_workspace_id_kind_target_network_key UNIQUE (workspace_id, kind, target, network);
CREATE INDEX stop_to_carry_out ON public.stop USING btree (next_turn_at) WHERE (carried_out_at IS NULL);
CREATE POLICY checker ON stop FOR SELECT TO purser_checker USING (true);
CREATE POLICY own_workspace ON stop FOR SELECT TO purser_reader USING ((workspace_id = (NULLIF(current_setting('purser.workspace_id'::text, true), ''::text))::uuid));
CREATE POLICY system ON stop FOR ALL TO purser_signer, purser_system, purser_writer USING (true) WITH CHECK (true);
GRANT DELETE, INSERT, SELECT ON stop TO purser_system;
GRANT SELECT ON stop TO purser_checker;
GRANT SELECT ON stop TO purser_reader;
GRANT SELECT ON stop TO purser_signer;
GRANT SELECT ON stop TO purser_writer;
GRANT UPDATE (final, cancel_on_chain, carried_out_at, next_turn_at) ON stop TO purser_system;
ALTER TABLE stop ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

CREATE TABLE tag (
  workspace_id uuid NOT NULL,
  kind text NOT NULL,
  name text NOT NULL,
  node_id uuid NOT NULL,
  created_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
  retired_at timestamp with time zone
);
ALTER TABLE tag ADD CONSTRAINT tag_kind_check CHECK ((kind = ANY (ARRAY['category'::text, 'cost_centre'::text])));
ALTER TABLE tag ADD CONSTRAINT tag_pkey PRIMARY KEY (workspace_id, kind, name);
ALTER TABLE tag ADD CONSTRAINT tag_workspace_id_node_id_key UNIQUE (workspace_id, node_id);
CREATE POLICY checker ON tag FOR SELECT TO purser_checker USING (true);
CREATE POLICY own_workspace ON tag FOR SELECT TO purser_reader USING ((workspace_id = (NULLIF(current_setting('purser.workspace_id'::text, true), ''::text))::uuid));
CREATE POLICY system ON tag FOR ALL TO purser_signer, purser_system, purser_writer USING (true) WITH CHECK (true);
GRANT INSERT, SELECT ON tag TO purser_system;
GRANT SELECT ON tag TO purser_checker;
GRANT SELECT ON tag TO purser_reader;
GRANT UPDATE (retired_at) ON tag TO purser_system;
ALTER TABLE tag ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

CREATE TABLE team (
  workspace_id uuid NOT NULL,
  team_id uuid NOT NULL,
  name text NOT NULL,
  path uuid[] NOT NULL,
  created_at timestamp with time zone NOT NULL DEFAULT clock_timestamp()
);
ALTER TABLE team ADD CONSTRAINT team_check CHECK ((path[cardinality(path)] = team_id));
ALTER TABLE team ADD CONSTRAINT team_path_check CHECK (((cardinality(path) >= 1) AND (cardinality(path) <= 6)));
ALTER TABLE team ADD CONSTRAINT team_pkey PRIMARY KEY (workspace_id, team_id);
ALTER TABLE team ADD CONSTRAINT team_workspace_id_name_key UNIQUE (workspace_id, name);
CREATE POLICY checker ON team FOR SELECT TO purser_checker USING (true);
CREATE POLICY own_workspace ON team FOR SELECT TO purser_reader USING ((workspace_id = (NULLIF(current_setting('purser.workspace_id'::text, true), ''::text))::uuid));
CREATE POLICY system ON team FOR ALL TO purser_signer, purser_system, purser_writer USING (true) WITH CHECK (true);
GRANT INSERT, SELECT ON team TO purser_system;
GRANT SELECT ON team TO purser_checker;
GRANT SELECT ON team TO purser_reader;
ALTER TABLE team ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

CREATE TABLE usage_event (
  workspace_id uuid NOT NULL,
  agent_id uuid NOT NULL,
  event_id text NOT NULL,
  layer text NOT NULL,
  kind text NOT NULL,
  amount numeric(78,0) NOT NULL,
  metadata jsonb,
  actor jsonb NOT NULL,
  teams uuid[],
  recorded_at timestamp with time zone NOT NULL
);
ALTER TABLE usage_event ADD CONSTRAINT usage_event_amount_check CHECK ((amount >= (0)::numeric));
ALTER TABLE usage_event ADD CONSTRAINT usage_event_layer_check CHECK ((layer = ANY (ARRAY['infra'::text, 'tokens'::text])));
ALTER TABLE usage_event ADD CONSTRAINT usage_event_pkey PRIMARY KEY (workspace_id, agent_id, event_id);
CREATE INDEX usage_event_recorded ON public.usage_event USING btree (workspace_id, agent_id, recorded_at, event_id);
CREATE TRIGGER append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.usage_event FOR EACH STATEMENT EXECUTE FUNCTION purser_append_only();
CREATE POLICY checker ON usage_event FOR SELECT TO purser_checker USING (true);
CREATE POLICY own_workspace ON usage_event FOR SELECT TO purser_reader USING ((workspace_id = (NULLIF(current_setting('purser.workspace_id'::text, true), ''::text))::uuid));
CREATE POLICY system ON usage_event FOR ALL TO purser_signer, purser_system, purser_writer USING (true) WITH CHECK (true);
GRANT INSERT, SELECT ON usage_event TO purser_writer;
GRANT SELECT ON usage_event TO purser_checker;
GRANT SELECT ON usage_event TO purser_reader;
GRANT SELECT ON usage_event TO purser_system;
ALTER TABLE usage_event ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

CREATE TABLE wallet (
  workspace_id uuid NOT NULL,
  wallet_id text NOT NULL,
  agent_id uuid,
  address text NOT NULL,
  label text NOT NULL DEFAULT ''::text,
  status text NOT NULL DEFAULT 'active'::text,
  origin text NOT NULL,
  backup_confirmed_at timestamp with time zone,
  created_at timestamp with time zone NOT NULL DEFAULT now(),
  role text NOT NULL DEFAULT 'payments'::text
);
ALTER TABLE wallet ADD CONSTRAINT wallet_address_check CHECK ((address ~ '^0x[0-9a-f]{40}$'::text));
ALTER TABLE wallet ADD CONSTRAINT wallet_check CHECK (((role = 'payments'::text) OR (agent_id IS NULL)));
ALTER TABLE wallet ADD CONSTRAINT wallet_origin_check CHECK ((origin = ANY (ARRAY['created'::text, 'imported'::text])));
ALTER TABLE wallet ADD CONSTRAINT wallet_pkey PRIMARY KEY (workspace_id, wallet_id);
ALTER TABLE wallet ADD CONSTRAINT wallet_role_check CHECK ((role = ANY (ARRAY['payments'::text, 'treasury'::text])));
ALTER TABLE wallet ADD CONSTRAINT wallet_status_check CHECK ((status = ANY (ARRAY['active'::text, 'retired'::text])));
ALTER TABLE wallet ADD CONSTRAINT wallet_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspace(workspace_id);
CREATE UNIQUE INDEX wallet_by_address ON public.wallet USING btree (address);
CREATE INDEX wallet_by_time ON public.wallet USING btree (created_at);
CREATE UNIQUE INDEX wallet_treasury ON public.wallet USING btree (workspace_id) WHERE ((role = 'treasury'::text) AND (status = 'active'::text));
CREATE POLICY checker ON wallet FOR SELECT TO purser_checker USING (true);
CREATE POLICY own_workspace ON wallet FOR SELECT TO purser_reader USING ((workspace_id = (NULLIF(current_setting('purser.workspace_id'::text, true), ''::text))::uuid));
CREATE POLICY system ON wallet FOR ALL TO purser_signer, purser_system, purser_writer USING (true) WITH CHECK (true);
GRANT INSERT, SELECT ON wallet TO purser_system;
GRANT SELECT ON wallet TO purser_checker;
GRANT SELECT ON wallet TO purser_reader;
GRANT SELECT ON wallet TO purser_signer;
GRANT UPDATE (label, status, backup_confirmed_at) ON wallet TO purser_system;
ALTER TABLE wallet ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

CREATE TABLE wallet_asset (
  workspace_id uuid NOT NULL,
  wallet_id text NOT NULL,
  network text NOT NULL,
  token text NOT NULL,
  balance numeric(78,0) NOT NULL DEFAULT 0,
  balance_block bigint NOT NULL DEFAULT '-1'::integer,
  committed numeric(78,0) NOT NULL DEFAULT 0,
  low_below numeric(78,0),
  low boolean NOT NULL DEFAULT false,
  permit2_allowance numeric(78,0)
);
ALTER TABLE wallet_asset ADD CONSTRAINT wallet_asset_balance_check CHECK ((balance >= (0)::numeric));
ALTER TABLE wallet_asset ADD CONSTRAINT wallet_asset_committed_check CHECK ((committed >= (0)::numeric));
ALTER TABLE wallet_asset ADD CONSTRAINT wallet_asset_low_below_check CHECK ((low_below >= (0)::numeric));
ALTER TABLE wallet_asset ADD CONSTRAINT wallet_asset_pkey PRIMARY KEY (workspace_id, wallet_id, network, token);
CREATE INDEX wallet_asset_alarms ON public.wallet_asset USING btree (network) WHERE (low_below IS NOT NULL);
CREATE POLICY checker ON wallet_asset FOR SELECT TO purser_checker USING (true);
CREATE POLICY own_workspace ON wallet_asset FOR SELECT TO purser_reader USING ((workspace_id = (NULLIF(current_setting('purser.workspace_id'::text, true), ''::text))::uuid));
CREATE POLICY system ON wallet_asset FOR ALL TO purser_signer, purser_system, purser_writer USING (true) WITH CHECK (true);
GRANT INSERT, SELECT ON wallet_asset TO purser_system;
GRANT SELECT ON wallet_asset TO purser_checker;
GRANT SELECT ON wallet_asset TO purser_reader;
GRANT SELECT ON wallet_asset TO purser_writer;
GRANT UPDATE (balance, balance_block, low_below, low, permit2_allowance) ON wallet_asset TO purser_system;
GRANT UPDATE (balance, committed) ON wallet_asset TO purser_writer;
ALTER TABLE wallet_asset ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

CREATE TABLE wallet_float (
  workspace_id uuid NOT NULL,
  wallet_id text NOT NULL,
  network text NOT NULL,
  token text NOT NULL,
  enabled boolean NOT NULL,
  min numeric(78,0) NOT NULL,
  target numeric(78,0) NOT NULL,
  cap_per_day numeric(78,0) NOT NULL,
  person text NOT NULL,
  looked_at boolean NOT NULL DEFAULT false,
  day date NOT NULL DEFAULT '1970-01-01'::date,
  day_sent numeric(78,0) NOT NULL DEFAULT 0,
  serial bigint NOT NULL DEFAULT 0,
  amount numeric(78,0),
  operation_id uuid,
  since_block bigint NOT NULL DEFAULT 0,
  last_operation_id uuid,
  problem text,
  not_before timestamp with time zone NOT NULL DEFAULT '-infinity'::timestamp with time zone
);
ALTER TABLE wallet_float ADD CONSTRAINT wallet_float_amount_check CHECK ((amount > (0)::numeric));
ALTER TABLE wallet_float ADD CONSTRAINT wallet_float_cap_per_day_check CHECK ((cap_per_day > (0)::numeric));
ALTER TABLE wallet_float ADD CONSTRAINT wallet_float_check CHECK ((target >= min));
ALTER TABLE wallet_float ADD CONSTRAINT wallet_float_check1 CHECK (((operation_id IS NULL) OR (amount IS NOT NULL)));
ALTER TABLE wallet_float ADD CONSTRAINT wallet_float_day_sent_check CHECK ((day_sent >= (0)::numeric));
ALTER TABLE wallet_float ADD CONSTRAINT wallet_float_min_check CHECK ((min > (0)::numeric));
ALTER TABLE wallet_float ADD CONSTRAINT wallet_float_pkey PRIMARY KEY (workspace_id, wallet_id, network, token);
CREATE INDEX wallet_float_by_wallet ON public.wallet_float USING btree (wallet_id) WHERE enabled;
CREATE INDEX wallet_float_new ON public.wallet_float USING btree (network) WHERE (NOT looked_at);
CREATE INDEX wallet_float_under_way ON public.wallet_float USING btree (network) WHERE (amount IS NOT NULL);
CREATE POLICY checker ON wallet_float FOR SELECT TO purser_checker USING (true);
CREATE POLICY own_workspace ON wallet_float FOR SELECT TO purser_reader USING ((workspace_id = (NULLIF(current_setting('purser.workspace_id'::text, true), ''::text))::uuid));
CREATE POLICY system ON wallet_float FOR ALL TO purser_system USING (true) WITH CHECK (true);
GRANT INSERT, SELECT, UPDATE ON wallet_float TO purser_system;
GRANT SELECT ON wallet_float TO purser_checker;
GRANT SELECT ON wallet_float TO purser_reader;
ALTER TABLE wallet_float ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

CREATE TABLE workspace (
  workspace_id uuid NOT NULL,
  name text NOT NULL,
  dual_control boolean NOT NULL DEFAULT false,
  created_at timestamp with time zone NOT NULL DEFAULT now(),
  keyless_window_sec integer NOT NULL DEFAULT 10
);
ALTER TABLE workspace ADD CONSTRAINT workspace_keyless_window_sec_check CHECK (((keyless_window_sec >= 0) AND (keyless_window_sec <= 3600)));
ALTER TABLE workspace ADD CONSTRAINT workspace_pkey PRIMARY KEY (workspace_id);
CREATE POLICY checker ON workspace FOR SELECT TO purser_checker USING (true);
CREATE POLICY own_workspace ON workspace FOR SELECT TO purser_reader USING ((workspace_id = (NULLIF(current_setting('purser.workspace_id'::text, true), ''::text))::uuid));
CREATE POLICY system ON workspace FOR ALL TO purser_signer, purser_system, purser_writer USING (true) WITH CHECK (true);
GRANT INSERT, SELECT ON workspace TO purser_system;
GRANT SELECT ON workspace TO purser_checker;
GRANT SELECT ON workspace TO purser_reader;
GRANT UPDATE (name, dual_control, keyless_window_sec) ON workspace TO purser_system;
ALTER TABLE workspace ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

CREATE OR REPLACE FUNCTION public.purser_allow(wait boolean, c_ws uuid[], c_op uuid[], c_agent uuid[], m_cmd integer[], m_kind text[], m_amount numeric[], m_data jsonb, INOUT results text[], INOUT details jsonb[])
 RETURNS record
 LANGUAGE plpgsql
AS $function$
DECLARE
  r record;
  lock bigint;
  other uuid;
BEGIN
  FOR r IN
    SELECT x.cmd AS i, x.amount, y.d FROM unnest(m_cmd, m_kind, m_amount) WITH ORDINALITY x(cmd, kind, amount, e),
           LATERAL (SELECT m_data -> (x.e - 1)::integer AS d) y
     WHERE x.kind = 'allow' ORDER BY y.d ->> 'network', y.d ->> 'token', y.d ->> 'from', x.e
  LOOP
    CONTINUE WHEN results[r.i] <> 'ok';
    lock := hashtextextended(concat_ws('/', 'purser/allowance', r.d ->> 'network', r.d ->> 'token', r.d ->> 'from'), 0);
    IF wait THEN
      PERFORM pg_advisory_xact_lock(lock);
    ELSIF NOT pg_try_advisory_xact_lock(lock) THEN
      results[r.i] := 'busy';
      CONTINUE;
    END IF;
    SELECT l.operation_id INTO other FROM authorization_ledger l
     WHERE l.network = r.d ->> 'network' AND l.token = r.d ->> 'token' AND l.from_address = r.d ->> 'from' AND l.method = 'allowance' AND l.status = 'live' LIMIT 1;
    IF other IS NOT NULL THEN
      results[r.i] := 'under_way';
      details[r.i] := jsonb_build_object('operation_id', other);
      CONTINUE;
    END IF;
    INSERT INTO authorization_ledger (workspace_id, operation_id, agent_id, wallet_id, network, token, from_address, to_address, value, allowance, valid_after,
        valid_before, nonce, digest, method, status, committed)
    VALUES (c_ws[r.i], c_op[r.i], c_agent[r.i], r.d ->> 'walletId', r.d ->> 'network', r.d ->> 'token', r.d ->> 'from', r.d ->> 'to', 0, r.amount,
        (r.d ->> 'validAfterSec')::bigint, (r.d ->> 'validBeforeSec')::bigint, r.d ->> 'nonce', r.d ->> 'digest', 'allowance', 'live', false);
  END LOOP;
END $function$;
GRANT EXECUTE ON FUNCTION purser_allow TO purser_writer;

CREATE OR REPLACE FUNCTION public.purser_append_only()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
  RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END $function$;

CREATE OR REPLACE FUNCTION public.purser_apply_money(wait boolean, c_ws uuid[], c_op uuid[], c_agent uuid[], n_ws uuid[], n_id uuid[], n_unit text[], w_ws uuid[], w_id text[], w_network text[], w_token text[], m_cmd integer[], m_kind text[], m_amount numeric[], m_k1 integer[], m_k2 integer[], m_w integer[], m_data jsonb, INOUT results text[], INOUT details jsonb[])
 RETURNS record
 LANGUAGE plpgsql
AS $function$
BEGIN
  IF 'allow' = ANY (m_kind) THEN
    SELECT x.results, x.details INTO results, details FROM purser_allow(wait, c_ws, c_op, c_agent, m_cmd, m_kind, m_amount, m_data, results, details) x;
    SELECT coalesce(array_agg(x.cmd ORDER BY x.e), '{}'), coalesce(array_agg(x.kind ORDER BY x.e), '{}'), coalesce(array_agg(x.amount ORDER BY x.e), '{}'),
           coalesce(array_agg(x.k1 ORDER BY x.e), '{}'), coalesce(array_agg(x.k2 ORDER BY x.e), '{}'), coalesce(array_agg(x.w ORDER BY x.e), '{}'),
           coalesce(jsonb_agg(m_data -> (x.e - 1)::integer ORDER BY x.e), '[]')
      INTO m_cmd, m_kind, m_amount, m_k1, m_k2, m_w, m_data
      FROM unnest(m_cmd, m_kind, m_amount, m_k1, m_k2, m_w) WITH ORDINALITY x(cmd, kind, amount, k1, k2, w, e) WHERE x.kind <> 'allow';
  END IF;
  IF cardinality(m_cmd) > 0 THEN
    SELECT x.results, x.details INTO results, details
      FROM purser_move_money(wait, c_ws, c_op, c_agent, n_ws, n_id, n_unit, w_ws, w_id, w_network, w_token, m_cmd, m_kind, m_amount, m_k1, m_k2, m_w, m_data, results, details) x;
  END IF;
END $function$;
GRANT EXECUTE ON FUNCTION purser_apply_money TO purser_writer;

CREATE OR REPLACE FUNCTION public.purser_bind_signed_request()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
  INSERT INTO signed_request (workspace_id, agent_id, digest, operation_id)
  VALUES (NEW.workspace_id, (NEW.meta ->> 'agent_id')::uuid, NEW.sealed, NEW.operation_id);
  RETURN NULL;
END $function$;

CREATE OR REPLACE FUNCTION public.purser_broadcast_kept()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
  IF NEW.kind = 'fill' AND OLD.kind = 'transfers' AND NEW.target = NEW.sender AND NOT EXISTS (
    SELECT FROM broadcast_attempt a WHERE a.network = NEW.network AND a.sender = NEW.sender AND a.account_nonce = NEW.account_nonce)
  THEN RETURN NEW; END IF;
  RAISE EXCEPTION 'the call of an account nonce is kept' USING ERRCODE = 'integrity_constraint_violation';
END $function$;

CREATE OR REPLACE FUNCTION public.purser_budget_use(n budget_node, at timestamp with time zone, OUT spent numeric[], OUT counts bigint[])
 RETURNS record
 LANGUAGE sql
 STABLE
AS $function$
  SELECT ARRAY[0, CASE WHEN hour_over THEN 0 ELSE n.hour_spent END, CASE WHEN day_over THEN 0 ELSE n.day_spent END,
               CASE WHEN month_over THEN 0 ELSE n.month_spent END, n.lifetime_spent,
               CASE WHEN n.rolling_24h_from IS NULL THEN 0 ELSE n.rolling_24h_spent END + d.spent,
               CASE WHEN n.rolling_30d_from IS NULL THEN 0 ELSE n.rolling_30d_spent END + m.spent],
         ARRAY[0, CASE WHEN hour_over THEN 0 ELSE n.hour_count END, CASE WHEN day_over THEN 0 ELSE n.day_count END,
               CASE WHEN month_over THEN 0 ELSE n.month_count END, n.lifetime_count,
               CASE WHEN n.rolling_24h_from IS NULL THEN 0 ELSE n.rolling_24h_count END + d.count,
               CASE WHEN n.rolling_30d_from IS NULL THEN 0 ELSE n.rolling_30d_count END + m.count]
    FROM (SELECT n.hour < date_trunc('hour', at, 'UTC') AS hour_over, n.day < (at AT TIME ZONE 'UTC')::date AS day_over,
                 n.month < date_trunc('month', at AT TIME ZONE 'UTC')::date AS month_over,
                 greatest(n.rolling_24h_from, date_trunc('minute', at) - interval '24 hours') AS from_24h,
                 greatest(n.rolling_30d_from, date_trunc('minute', at) - interval '30 days') AS from_30d) t,
         purser_moved_on(n, n.rolling_24h_from, t.from_24h) d, purser_moved_on(n, n.rolling_30d_from, t.from_30d) m
$function$;
GRANT EXECUTE ON FUNCTION purser_budget_use TO purser_reader;
GRANT EXECUTE ON FUNCTION purser_budget_use TO purser_system;
GRANT EXECUTE ON FUNCTION purser_budget_use TO purser_writer;

CREATE OR REPLACE FUNCTION public.purser_charge_usage(n budget_node, at timestamp with time zone, amount numeric, events bigint)
 RETURNS void
 LANGUAGE plpgsql
AS $function$
DECLARE
  this_hour constant timestamptz := date_trunc('hour', at, 'UTC');
  today constant date := (at AT TIME ZONE 'UTC')::date;
  this_month constant date := date_trunc('month', at AT TIME ZONE 'UTC')::date;
BEGIN
  UPDATE budget_node b
     SET lifetime_spent = b.lifetime_spent + amount, lifetime_count = b.lifetime_count + events,
         hour = greatest(b.hour, this_hour), hour_spent = CASE WHEN b.hour < this_hour THEN 0 ELSE b.hour_spent END + amount,
         hour_count = CASE WHEN b.hour < this_hour THEN 0 ELSE b.hour_count END + events,
         day = greatest(b.day, today), day_spent = CASE WHEN b.day < today THEN 0 ELSE b.day_spent END + amount,
         day_count = CASE WHEN b.day < today THEN 0 ELSE b.day_count END + events,
         month = greatest(b.month, this_month), month_spent = CASE WHEN b.month < this_month THEN 0 ELSE b.month_spent END + amount,
         month_count = CASE WHEN b.month < this_month THEN 0 ELSE b.month_count END + events,
         rolling_24h_spent = b.rolling_24h_spent + CASE WHEN b.rolling_24h_from IS NULL THEN 0 ELSE amount END,
         rolling_24h_count = b.rolling_24h_count + CASE WHEN b.rolling_24h_from IS NULL THEN 0 ELSE events END,
         rolling_30d_spent = b.rolling_30d_spent + CASE WHEN b.rolling_30d_from IS NULL THEN 0 ELSE amount END,
         rolling_30d_count = b.rolling_30d_count + CASE WHEN b.rolling_30d_from IS NULL THEN 0 ELSE events END
   WHERE b.workspace_id = n.workspace_id AND b.node_id = n.node_id AND b.unit = n.unit AND b.layer = n.layer;
  INSERT INTO budget_minute AS m (workspace_id, node_id, unit, layer, minute, spent, count)
  VALUES (n.workspace_id, n.node_id, n.unit, n.layer, date_trunc('minute', at), amount, events)
      ON CONFLICT (workspace_id, node_id, unit, layer, minute) DO UPDATE SET spent = m.spent + excluded.spent, count = m.count + excluded.count;
END $function$;
GRANT EXECUTE ON FUNCTION purser_charge_usage TO purser_writer;

CREATE OR REPLACE FUNCTION public.purser_check_approvals(wait boolean, c_ws uuid[], c_op uuid[], a_cmd integer[], a_kind text[], INOUT results text[], INOUT details jsonb[], OUT judged timestamp with time zone)
 RETURNS record
 LANGUAGE plpgsql
AS $function$
DECLARE
  r record;
  locked text[];
  fine boolean;
BEGIN
  IF wait THEN
    SELECT array_agg(x.approval_id) INTO locked FROM (
      SELECT p.approval_id FROM approval p
       WHERE (p.workspace_id, p.operation_id) IN (SELECT c_ws[x.cmd], c_op[x.cmd] FROM unnest(a_cmd) x(cmd)) AND p.status IN ('pending', 'approved')
       ORDER BY p.workspace_id, p.approval_id FOR UPDATE) x;
  ELSE
    SELECT array_agg(x.approval_id) INTO locked FROM (
      SELECT p.approval_id FROM approval p
       WHERE (p.workspace_id, p.operation_id) IN (SELECT c_ws[x.cmd], c_op[x.cmd] FROM unnest(a_cmd) x(cmd)) AND p.status IN ('pending', 'approved')
       ORDER BY p.workspace_id, p.approval_id FOR UPDATE SKIP LOCKED) x;
  END IF;
  -- One reading after the last lock: what is compared with the deadline is what is recorded as the time of the decision.
  judged := clock_timestamp();
  FOR r IN
    SELECT x.cmd AS i, x.kind, p.workspace_id, p.approval_id, p.status, p.decide_by, p.use_by, p.rules, p.approval_id = ANY (coalesce(locked, '{}')) AS locked
      FROM unnest(a_cmd, a_kind) x(cmd, kind)
      LEFT JOIN approval p ON p.workspace_id = c_ws[x.cmd] AND p.operation_id = c_op[x.cmd] AND p.status IN ('pending', 'approved')
  LOOP
    CONTINUE WHEN results[r.i] <> 'ok' OR r.kind = 'request';
    IF r.approval_id IS NOT NULL AND NOT r.locked THEN
      results[r.i] := 'busy';
      CONTINUE;
    END IF;
    CONTINUE WHEN r.kind = 'drop';
    IF r.approval_id IS NULL THEN
      RAISE EXCEPTION 'no open approval for %', r.kind;
    END IF;
    fine := CASE
      WHEN r.kind IN ('vote', 'grant', 'reject') THEN r.status = 'pending' AND judged < r.decide_by
      WHEN r.kind = 'use' THEN r.status = 'approved' AND judged < r.use_by
      ELSE judged >= CASE r.status WHEN 'pending' THEN r.decide_by ELSE r.use_by END END;
    IF NOT fine THEN
      results[r.i] := 'deadline';
      details[r.i] := jsonb_build_object('status', r.status, 'decide_by_ms', purser_ms(r.decide_by), 'use_by_ms', purser_ms(r.use_by));
    ELSIF r.kind = 'use' AND (SELECT count(*) FROM approval_vote v WHERE v.workspace_id = r.workspace_id AND v.approval_id = r.approval_id)
                           < (SELECT max((rule ->> 'quorum')::integer) FROM jsonb_array_elements(r.rules) rule) THEN
      RAISE EXCEPTION 'an intent without its quorum';
    END IF;
  END LOOP;
END $function$;
GRANT EXECUTE ON FUNCTION purser_check_approvals TO purser_writer;

CREATE OR REPLACE FUNCTION public.purser_check_likes(wait boolean, c_ws uuid[], c_op uuid[], c_agent uuid[], c_opened bigint[], m_cmd integer[], m_kind text[], m_data jsonb, INOUT results text[], INOUT details jsonb[])
 RETURNS record
 LANGUAGE plpgsql
AS $function$
DECLARE
  r record;
  lock bigint;
  taken bigint[] := '{}';
  other uuid;
BEGIN
  FOR r IN
    SELECT y.i, y.alike, (y.d ->> 'withinMs')::bigint AS within_ms, y.d ->> 'allow' AS allowed,
           hashtextextended(concat_ws('/', 'purser/like', c_ws[y.i], c_agent[y.i], encode(y.alike, 'hex')), 0) AS lock
      FROM (SELECT x.cmd AS i, z.d, decode(z.d ->> 'hash', 'hex') AS alike
              FROM unnest(m_cmd, m_kind) WITH ORDINALITY x(cmd, kind, e), LATERAL (SELECT m_data -> (x.e - 1)::integer -> 'like' AS d) z
             WHERE x.kind = 'prepare' AND z.d IS NOT NULL) y
     ORDER BY lock, y.i
  LOOP
    CONTINUE WHEN results[r.i] <> 'ok';
    -- Behind one of its own batch: whether that one is paid is not known before the commit.
    IF r.lock = ANY (taken) THEN
      results[r.i] := 'busy';
      CONTINUE;
    ELSIF wait THEN
      PERFORM pg_advisory_xact_lock(r.lock);
    ELSIF NOT pg_try_advisory_xact_lock(r.lock) THEN
      results[r.i] := 'busy';
      CONTINUE;
    END IF;
    taken := taken || r.lock;
    other := purser_like(c_ws[r.i], c_agent[r.i], r.alike, c_op[r.i], c_opened[r.i], r.within_ms, r.allowed);
    IF other IS NOT NULL THEN
      results[r.i] := 'duplicate';
      details[r.i] := jsonb_build_object('duplicate_of', other, 'within_sec', r.within_ms / 1000);
      CONTINUE;
    END IF;
    INSERT INTO like_intent (workspace_id, agent_id, likeness, operation_id, opened_at_ms)
    VALUES (c_ws[r.i], c_agent[r.i], r.alike, c_op[r.i], c_opened[r.i]) ON CONFLICT DO NOTHING;
  END LOOP;
END $function$;
GRANT EXECUTE ON FUNCTION purser_check_likes TO purser_writer;

CREATE OR REPLACE FUNCTION public.purser_check_narrow_stops(openings boolean, c_ws uuid[], c_agent uuid[], c_kind text[], t_cmd integer[], t_network text[], t_payee text[], t_host text[], INOUT results text[], INOUT details jsonb[])
 RETURNS record
 LANGUAGE plpgsql
AS $function$
DECLARE
  r record;
BEGIN
  FOR r IN
    SELECT t.cmd AS i, s.kind, s.target
      FROM unnest(t_cmd, t_network, t_payee, t_host) t(cmd, network, payee, host)
     CROSS JOIN LATERAL (
       SELECT a.kind, a.target FROM stop a WHERE a.workspace_id = c_ws[t.cmd] AND a.kind = 'agent' AND a.target = c_agent[t.cmd]::text
       UNION ALL
       SELECT p.kind, p.target FROM stop p WHERE p.workspace_id IN (c_ws[t.cmd], '00000000-0000-0000-0000-000000000000')
          AND p.kind = 'payee' AND p.target = t.payee AND p.network IN ('', t.network)
       UNION ALL
       SELECT h.kind, h.target FROM stop h WHERE h.workspace_id IN (c_ws[t.cmd], '00000000-0000-0000-0000-000000000000')
          AND h.kind = 'host' AND h.target = ANY (purser_host_patterns(t.host))
       LIMIT 1) s
     WHERE results[t.cmd] = 'ok' AND (c_kind[t.cmd] IS NOT NULL) = openings
  LOOP
    results[r.i] := 'stopped';
    details[r.i] := jsonb_build_object('scope', r.kind) || CASE WHEN r.kind = 'agent' THEN '{}' ELSE jsonb_build_object(r.kind, r.target) END;
  END LOOP;
END $function$;
GRANT EXECUTE ON FUNCTION purser_check_narrow_stops TO purser_system;
GRANT EXECUTE ON FUNCTION purser_check_narrow_stops TO purser_writer;

CREATE OR REPLACE FUNCTION public.purser_check_roster(c_ws uuid[], a_cmd integer[], a_kind text[], a_data jsonb, results text[])
 RETURNS void
 LANGUAGE plpgsql
AS $function$
DECLARE
  r record;
BEGIN
  FOR r IN
    SELECT x.ws, x.epoch, held.epoch AS standing, now.workspace_id IS NOT NULL AS existing
      FROM (SELECT DISTINCT c_ws[t.cmd] AS ws, (a_data -> (t.i - 1)::integer ->> 'roster_epoch')::bigint AS epoch
              FROM unnest(a_cmd, a_kind) WITH ORDINALITY t(cmd, kind, i) WHERE results[t.cmd] = 'ok' AND t.kind IN ('vote', 'grant')) x
      LEFT JOIN LATERAL (SELECT o.epoch FROM approver_roster o WHERE o.workspace_id = x.ws FOR SHARE SKIP LOCKED) held ON true
      LEFT JOIN approver_roster now ON now.workspace_id = x.ws
  LOOP
    IF r.epoch IS DISTINCT FROM coalesce(r.standing, CASE WHEN NOT r.existing THEN 0 END) THEN
      RAISE EXCEPTION 'the approvers have changed' USING ERRCODE = 'PU001';
    END IF;
  END LOOP;
END $function$;
GRANT EXECUTE ON FUNCTION purser_check_roster TO purser_writer;

CREATE OR REPLACE FUNCTION public.purser_check_stops(wait boolean, c_ws uuid[], c_agent uuid[], c_kind text[], s_cmd integer[], t_cmd integer[], t_network text[], t_payee text[], t_host text[], INOUT results text[], INOUT details jsonb[])
 RETURNS record
 LANGUAGE plpgsql
AS $function$
DECLARE
  r record;
  paused jsonb;
  narrow boolean;
  wanted text[];
  stopped text;
BEGIN
  SELECT array_agg(DISTINCT c_ws[x.cmd]::text) || 'global'::text INTO wanted FROM unnest(s_cmd) x(cmd);
  IF wait THEN
    PERFORM pg_advisory_xact_lock_shared(purser_stop_gate(x.scope)) FROM unnest(wanted) x(scope);
    SELECT jsonb_object_agg(x.scope, x.paused), bool_or(x.narrow) INTO paused, narrow
      FROM (SELECT c.scope, c.paused, c.narrow FROM control c WHERE c.scope = ANY (wanted) ORDER BY c.scope FOR SHARE) x;
  ELSE
    -- Behind a stop that is under way the row is not even asked for: its commands are busy.
    SELECT array_agg(x.scope) INTO wanted FROM unnest(wanted) x(scope) WHERE pg_try_advisory_xact_lock_shared(purser_stop_gate(x.scope));
    SELECT jsonb_object_agg(x.scope, x.paused), bool_or(x.narrow) INTO paused, narrow
      FROM (SELECT c.scope, c.paused, c.narrow FROM control c WHERE c.scope = ANY (wanted) ORDER BY c.scope FOR SHARE SKIP LOCKED) x;
  END IF;
  FOR r IN
    SELECT DISTINCT x.cmd AS i, paused -> 'global' AS everything, paused -> c_ws[x.cmd]::text AS workspace, a.status,
           k.quarantined_until > clock_timestamp() AS quarantined,
           (SELECT count(*) FROM control c WHERE NOT wait AND c.scope IN ('global', c_ws[x.cmd]::text)) AS existing
      FROM unnest(s_cmd) x(cmd) CROSS JOIN cluster k
      LEFT JOIN agent a ON a.workspace_id = c_ws[x.cmd] AND a.agent_id = c_agent[x.cmd]
  LOOP
    CONTINUE WHEN results[r.i] <> 'ok';
    IF (r.everything IS NULL OR r.workspace IS NULL) AND r.existing = 2 THEN
      results[r.i] := 'busy';
      CONTINUE;
    END IF;
    stopped := CASE WHEN coalesce(r.everything, 'true') = 'true' THEN 'global' WHEN coalesce(r.workspace, 'true') = 'true' THEN 'workspace'
                    WHEN r.status IS DISTINCT FROM 'active' THEN 'agent_disabled'
                    WHEN r.quarantined THEN 'quarantine' END;
    IF stopped IS NOT NULL THEN
      results[r.i] := 'stopped';
      details[r.i] := jsonb_build_object('scope', stopped);
    END IF;
  END LOOP;
  IF narrow THEN
    SELECT x.results, x.details INTO results, details
      FROM purser_check_narrow_stops(false, c_ws, c_agent, c_kind, t_cmd, t_network, t_payee, t_host, results, details) x;
  END IF;
END $function$;
GRANT EXECUTE ON FUNCTION purser_check_stops TO purser_writer;

CREATE OR REPLACE FUNCTION public.purser_claim_keys(c_ws uuid[], c_op uuid[], c_agent uuid[], c_kind text[], c_key text[], c_fingerprint text[], c_opened bigint[], t_cmd integer[], t_network text[], t_payee text[], t_host text[], INOUT results text[], INOUT details jsonb[])
 RETURNS record
 LANGUAGE plpgsql
AS $function$
DECLARE
  r record;
  claimed uuid[];
  wanted integer;
  narrow boolean := false;
BEGIN
  -- A known key is answered also while everything is stopped.
  FOR r IN
    SELECT t.i, k.operation_id, k.fingerprint
      FROM unnest(c_ws, c_agent, c_kind, c_key) WITH ORDINALITY t(ws, agent, kind, key, i)
     CROSS JOIN LATERAL (SELECT * FROM idempotency k WHERE k.workspace_id = t.ws AND k.agent_id = t.agent AND k.key_hash = t.key LIMIT 1) k
     WHERE t.kind IS NOT NULL
  LOOP
    results[r.i] := 'existing';
    details[r.i] := jsonb_build_object('operation_id', r.operation_id, 'fingerprint', r.fingerprint);
  END LOOP;

  FOR r IN
    SELECT * FROM (
      SELECT t.i, CASE WHEN g.paused THEN 'global' WHEN coalesce(w.paused, true) THEN 'workspace'
                       WHEN a.status IS DISTINCT FROM 'active' THEN 'agent_disabled' WHEN w.narrow OR g.narrow THEN 'narrow' END AS scope
        FROM unnest(c_ws, c_agent, c_kind, results) WITH ORDINALITY t(ws, agent, kind, result, i)
        LEFT JOIN control g ON g.scope = 'global'
        LEFT JOIN control w ON w.scope = t.ws::text
        LEFT JOIN agent a ON a.workspace_id = t.ws AND a.agent_id = t.agent
       WHERE t.kind IS NOT NULL AND t.result = 'ok'
    ) stops WHERE stops.scope IS NOT NULL
  LOOP
    narrow := narrow OR r.scope = 'narrow';
    CONTINUE WHEN r.scope = 'narrow';
    results[r.i] := 'stopped';
    details[r.i] := jsonb_build_object('scope', r.scope);
  END LOOP;
  IF narrow THEN
    SELECT x.results, x.details INTO results, details
      FROM purser_check_narrow_stops(true, c_ws, c_agent, c_kind, t_cmd, t_network, t_payee, t_host, results, details) x;
  END IF;

  WITH taken AS (
    INSERT INTO idempotency (workspace_id, agent_id, key_hash, operation_id, fingerprint, opened_at_ms)
    SELECT t.ws, t.agent, t.key, t.op, t.fingerprint, t.opened
      FROM unnest(c_ws, c_agent, c_key, c_op, c_fingerprint, c_opened, c_kind, results) t(ws, agent, key, op, fingerprint, opened, kind, result)
     WHERE t.kind IS NOT NULL AND t.result = 'ok'
     ORDER BY t.ws, t.agent, t.key
        ON CONFLICT DO NOTHING
    RETURNING operation_id
  )
  SELECT array_agg(operation_id) INTO claimed FROM taken;

  SELECT count(*) INTO wanted FROM unnest(c_kind, results) t(kind, result) WHERE t.kind IS NOT NULL AND t.result = 'ok';
  IF wanted > coalesce(cardinality(claimed), 0) THEN
    -- Another process was first; its commit is over, because the insert waited for it.
    FOR r IN
      SELECT t.i, k.operation_id, k.fingerprint
        FROM unnest(c_ws, c_agent, c_kind, c_key, c_op, results) WITH ORDINALITY t(ws, agent, kind, key, op, result, i)
        JOIN idempotency k ON k.workspace_id = t.ws AND k.agent_id = t.agent AND k.key_hash = t.key
       WHERE t.kind IS NOT NULL AND t.result = 'ok' AND NOT t.op = ANY (coalesce(claimed, '{}'))
    LOOP
      results[r.i] := 'existing';
      details[r.i] := jsonb_build_object('operation_id', r.operation_id, 'fingerprint', r.fingerprint);
    END LOOP;
  END IF;
END $function$;
GRANT EXECUTE ON FUNCTION purser_claim_keys TO purser_writer;

CREATE OR REPLACE FUNCTION public.purser_commit(wait boolean, c_ws uuid[], c_op uuid[], c_agent uuid[], c_expected integer[], c_prev bytea[], c_fence bigint[], c_month date[], c_version integer[], c_hash bytea[], c_status text[], c_answerable boolean[], c_next bigint[], c_release boolean[], c_opened bigint[], c_now bigint[], c_actor jsonb, c_kind text[], c_key text[], c_fingerprint text[], e_cmd integer[], e_version integer[], e_type text[], e_schema integer[], e_prev bytea[], e_hash bytea[], e_data jsonb, s_cmd integer[], t_cmd integer[], t_network text[], t_payee text[], t_host text[], a_cmd integer[], a_kind text[], a_data jsonb, n_ws uuid[], n_id uuid[], n_unit text[], w_ws uuid[], w_id text[], w_network text[], w_token text[], m_cmd integer[], m_kind text[], m_amount numeric[], m_k1 integer[], m_k2 integer[], m_w integer[], m_data jsonb, b_cmd integer[], b_kind text[], b_sealed bytea[], b_meta jsonb, b_ttl bigint[], OUT outcome text, OUT reasons jsonb)
 RETURNS record
 LANGUAGE plpgsql
 SET plan_cache_mode TO 'force_generic_plan'
 SET enable_seqscan TO 'off'
 SET jit TO 'off'
AS $function$
DECLARE
  results text[] := array_fill('ok'::text, ARRAY[cardinality(c_op)]);
  details jsonb[] := array_fill(NULL::jsonb, ARRAY[cardinality(c_op)]);
  answered boolean[] := array_fill(false, ARRAY[cardinality(c_op)]);
  judged timestamptz;
BEGIN
  IF num_nonnulls(VARIADIC c_kind) > 0 THEN
    SELECT x.results, x.details INTO results, details
      FROM purser_claim_keys(c_ws, c_op, c_agent, c_kind, c_key, c_fingerprint, c_opened, t_cmd, t_network, t_payee, t_host, results, details) x;
  END IF;
  IF cardinality(s_cmd) > 0 THEN
    SELECT x.results, x.details INTO results, details
      FROM purser_check_stops(wait, c_ws, c_agent, c_kind, s_cmd, t_cmd, t_network, t_payee, t_host, results, details) x;
  END IF;
  IF num_nulls(VARIADIC c_kind) > 0 THEN
    SELECT x.results, x.answered INTO results, answered FROM purser_lock_operations(wait, c_ws, c_op, c_kind, c_expected, c_prev, c_fence, results) x;
  END IF;
  IF cardinality(a_cmd) > 0 THEN
    SELECT x.results, x.details, x.judged INTO results, details, judged FROM purser_check_approvals(wait, c_ws, c_op, a_cmd, a_kind, results, details) x;
  END IF;
  IF m_data @? '$[*].like' THEN
    SELECT x.results, x.details INTO results, details FROM purser_check_likes(wait, c_ws, c_op, c_agent, c_opened, m_cmd, m_kind, m_data, results, details) x;
  END IF;
  IF cardinality(m_cmd) > 0 THEN
    SELECT x.results, x.details INTO results, details
      FROM purser_apply_money(wait, c_ws, c_op, c_agent, n_ws, n_id, n_unit, w_ws, w_id, w_network, w_token,
                              m_cmd, m_kind, m_amount, m_k1, m_k2, m_w, m_data, results, details) x;
  END IF;
  IF 'ok' = ANY (results) THEN
    IF cardinality(a_cmd) > 0 THEN
      PERFORM purser_write_approvals(c_ws, c_op, c_agent, a_cmd, a_kind, a_data, results, judged);
    END IF;
    PERFORM purser_write_history(c_ws, c_op, c_agent, c_month, c_version, c_hash, c_status, c_answerable, c_next, c_release, c_fence, c_opened, c_now, c_actor,
                                 c_kind, c_key, c_fingerprint, e_cmd, e_version, e_type, e_schema, e_prev, e_hash, e_data, results);
    IF cardinality(b_cmd) > 0 THEN
      PERFORM purser_write_blobs(c_ws, c_op, b_cmd, b_kind, b_sealed, b_meta, b_ttl, results);
    END IF;
    IF true = ANY (c_answerable) THEN
      PERFORM purser_notify_answers(c_op, c_answerable, answered, results);
    END IF;
  END IF;
  outcome := array_to_string(results, ',');
  SELECT jsonb_object_agg(x.i, x.detail) INTO reasons FROM unnest(details) WITH ORDINALITY x(detail, i) WHERE x.detail IS NOT NULL;
END $function$;
GRANT EXECUTE ON FUNCTION purser_commit TO purser_writer;

CREATE OR REPLACE FUNCTION public.purser_earliest_release(n budget_node, named text, at timestamp with time zone)
 RETURNS bigint
 LANGUAGE sql
 STABLE
AS $function$
  SELECT purser_ms(min(m.minute) + t.length + interval '1 minute')
    FROM (SELECT CASE named WHEN 'rolling_24h' THEN interval '24 hours' WHEN 'rolling_30d' THEN interval '30 days' END AS length) t, budget_minute m
   WHERE m.workspace_id = n.workspace_id AND m.node_id = n.node_id AND m.unit = n.unit AND m.layer = n.layer
     AND m.minute >= date_trunc('minute', at) - t.length GROUP BY t.length
$function$;
GRANT EXECUTE ON FUNCTION purser_earliest_release TO purser_reader;
GRANT EXECUTE ON FUNCTION purser_earliest_release TO purser_system;
GRANT EXECUTE ON FUNCTION purser_earliest_release TO purser_writer;

CREATE OR REPLACE FUNCTION public.purser_exhausted_layers(n_ws uuid[], n_id uuid[], at timestamp with time zone)
 RETURNS TABLE(k integer, why jsonb)
 LANGUAGE sql
 STABLE
AS $function$
  SELECT e.k, (array_agg(e.why ORDER BY e.layer))[1] || jsonb_build_object('failed_layers', jsonb_agg(e.layer ORDER BY e.layer))
    FROM (SELECT x.k::integer AS k, u.layer, purser_explain_budget(u, at, 1, 0, 0, 0, 0) AS why
            FROM unnest(n_ws, n_id) WITH ORDINALITY x(ws, id, k) JOIN budget_node u ON u.workspace_id = x.ws AND u.node_id = x.id
             AND u.layer <> 'payments' AND num_nonnulls(limit_hour, limit_day, limit_month, limit_lifetime, limit_rolling_24h, limit_rolling_30d,
                   limit_count_hour, limit_count_day, limit_count_month, limit_count_lifetime, limit_count_rolling_24h, limit_count_rolling_30d) > 0) e
   WHERE e.why IS NOT NULL GROUP BY e.k
$function$;
GRANT EXECUTE ON FUNCTION purser_exhausted_layers TO purser_system;
GRANT EXECUTE ON FUNCTION purser_exhausted_layers TO purser_writer;

CREATE OR REPLACE FUNCTION public.purser_explain_budget(n budget_node, at timestamp with time zone, needed numeric, held numeric, held_count bigint, charged numeric, charges bigint)
 RETURNS jsonb
 LANGUAGE plpgsql
 STABLE
AS $function$
DECLARE
  windows constant text[] := '{per_payment,hour,day,month,lifetime,rolling_24h,rolling_30d}';
  limits constant numeric[] := ARRAY[n.limit_per_payment, n.limit_hour, n.limit_day, n.limit_month, n.limit_lifetime, n.limit_rolling_24h, n.limit_rolling_30d];
  count_limits constant bigint[] := ARRAY[NULL, n.limit_count_hour, n.limit_count_day, n.limit_count_month, n.limit_count_lifetime,
                                          n.limit_count_rolling_24h, n.limit_count_rolling_30d];
  spent numeric[];
  counts bigint[];
  over text;
BEGIN
  SELECT u.spent, u.counts INTO spent, counts FROM purser_budget_use(n, at) u;
  FOR w IN 1 .. 7 LOOP
    over := CASE WHEN needed + (CASE w WHEN 1 THEN 0 ELSE held + spent[w] + charged END) > limits[w] THEN 'amount'
                 WHEN 1 + held_count + counts[w] + charges > count_limits[w] THEN 'count' END;
    CONTINUE WHEN over IS NULL;
    RETURN jsonb_build_object('node', n.kind, 'node_id', n.node_id, 'layer', n.layer, 'failed_layers', jsonb_build_array(n.layer), 'unit', n.unit,
        'window', windows[w], 'measure', over, 'held_count', held_count, 'resets_at_ms', purser_ms(CASE windows[w]
          WHEN 'hour' THEN date_trunc('hour', at, 'UTC') + interval '1 hour'
          WHEN 'day' THEN (date_trunc('day', at AT TIME ZONE 'UTC') + interval '1 day') AT TIME ZONE 'UTC'
          WHEN 'month' THEN (date_trunc('month', at AT TIME ZONE 'UTC') + interval '1 month') AT TIME ZONE 'UTC' END),
        'earliest_release_ms', purser_earliest_release(n, windows[w], at))
      || CASE over WHEN 'amount' THEN jsonb_build_object('limit', limits[w]::text, 'held', held::text, 'spent', (spent[w] + charged)::text, 'needed', needed::text)
                   ELSE jsonb_build_object('limit', count_limits[w]::text, 'held', held_count::text, 'spent', (counts[w] + charges)::text, 'needed', '1') END;
  END LOOP;
  RETURN NULL;
END $function$;
GRANT EXECUTE ON FUNCTION purser_explain_budget TO purser_system;
GRANT EXECUTE ON FUNCTION purser_explain_budget TO purser_writer;

CREATE OR REPLACE FUNCTION public.purser_find_keys(prefixes text[])
 RETURNS TABLE(prefix text, workspace_id uuid, key_id text, role text, agent_id uuid, person text, scopes text[], allowed_ips text[], agent_status text, revoked boolean, expired boolean, use_is_stale boolean, secret_hash bytea)
 LANGUAGE plpgsql
 STABLE
 SET plan_cache_mode TO 'force_generic_plan'
 SET enable_seqscan TO 'off'
 SET jit TO 'off'
AS $function$
BEGIN
  RETURN QUERY
  SELECT k.prefix, k.workspace_id, k.key_id, k.role, k.agent_id, k.person, k.scopes, k.allowed_ips::text[], a.status,
         k.revoked_at IS NOT NULL, coalesce(k.expires_at <= clock_timestamp(), false),
         k.last_used_at IS NULL OR k.last_used_at < now() - interval '1 minute', k.secret_hash
    FROM api_key k
    LEFT JOIN LATERAL (SELECT status FROM agent WHERE agent.workspace_id = k.workspace_id AND agent.agent_id = k.agent_id) a ON true
   WHERE k.prefix = ANY (prefixes) AND k.kind = 'key';
END $function$;
GRANT EXECUTE ON FUNCTION purser_find_keys TO purser_system;

CREATE OR REPLACE FUNCTION public.purser_find_secrets(agents uuid[], digests bytea[])
 RETURNS TABLE(prefix text, workspace_id uuid, key_id text, role text, agent_id uuid, person text, scopes text[], allowed_ips text[], agent_status text, revoked boolean, expired boolean, use_is_stale boolean, sealed_secret bytea, now_sec double precision, digest bytea, used boolean, operation_id uuid)
 LANGUAGE plpgsql
 STABLE
 SET plan_cache_mode TO 'force_generic_plan'
 SET enable_seqscan TO 'off'
 SET jit TO 'off'
AS $function$
BEGIN
  RETURN QUERY
  SELECT k.prefix, k.workspace_id, k.key_id, k.role, k.agent_id, k.person, k.scopes, k.allowed_ips::text[], a.status,
         k.revoked_at IS NOT NULL, coalesce(k.expires_at <= clock_timestamp(), false),
         k.last_used_at IS NULL OR k.last_used_at < now() - interval '1 minute', k.sealed_secret, extract(epoch FROM clock_timestamp())::float8, t.digest, s.digest IS NOT NULL, s.operation_id
    FROM unnest(agents, digests) t(agent_id, digest)
    JOIN api_key k ON k.agent_id = t.agent_id AND k.kind = 'hmac' AND k.revoked_at IS NULL
    LEFT JOIN LATERAL (SELECT status FROM agent WHERE agent.workspace_id = k.workspace_id AND agent.agent_id = k.agent_id) a ON true
    LEFT JOIN LATERAL (SELECT r.digest, r.operation_id FROM signed_request r
                        WHERE r.workspace_id = k.workspace_id AND r.agent_id = k.agent_id AND r.digest = t.digest) s ON true;
END $function$;
GRANT EXECUTE ON FUNCTION purser_find_secrets TO purser_system;

CREATE OR REPLACE FUNCTION public.purser_host_patterns(host text)
 RETURNS text[]
 LANGUAGE sql
 IMMUTABLE
AS $function$
  SELECT host || ARRAY(SELECT '*.' || array_to_string(parts[i:], '.') FROM generate_series(2, cardinality(parts)) i) FROM string_to_array(host, '.') parts
$function$;
GRANT EXECUTE ON FUNCTION purser_host_patterns TO purser_system;
GRANT EXECUTE ON FUNCTION purser_host_patterns TO purser_writer;

CREATE OR REPLACE FUNCTION public.purser_like(workspace uuid, agent uuid, alike bytea, mine uuid, opened_ms bigint, within_ms bigint, allowed text)
 RETURNS uuid
 LANGUAGE sql
 STABLE
AS $function$
  SELECT k.operation_id FROM like_intent k JOIN authorization_ledger l ON l.workspace_id = k.workspace_id AND l.operation_id = k.operation_id
   WHERE k.workspace_id = workspace AND k.agent_id = agent AND k.likeness = alike AND k.operation_id IS DISTINCT FROM mine
     AND abs(k.opened_at_ms - opened_ms) <= within_ms AND l.status NOT IN ('dead', 'burned')
     AND allowed IS DISTINCT FROM 'any' AND k.operation_id::text IS DISTINCT FROM allowed
   ORDER BY k.opened_at_ms, k.operation_id LIMIT 1
$function$;
GRANT EXECUTE ON FUNCTION purser_like TO purser_system;
GRANT EXECUTE ON FUNCTION purser_like TO purser_writer;

CREATE OR REPLACE FUNCTION public.purser_load(workspace uuid, wanted uuid[])
 RETURNS TABLE(operation_id uuid, agent_id uuid, version integer, last_hash text, opened_at_ms bigint, key_hash text, fingerprint text, attempts integer, updated_at_ms bigint, history jsonb)
 LANGUAGE plpgsql
 SET plan_cache_mode TO 'force_generic_plan'
 SET enable_seqscan TO 'off'
 SET jit TO 'off'
AS $function$
BEGIN
  PERFORM set_config('purser.workspace_id', workspace::text, true);
  RETURN QUERY
    SELECT o.operation_id, o.agent_id, o.version, encode(o.last_hash, 'hex'), o.opened_at_ms, o.idempotency_key_hash, o.fingerprint, o.attempts,
           purser_ms(o.updated_at),
           (SELECT jsonb_agg(jsonb_build_object('type', e.type, 'schema', e.schema, 'data', e.data) ORDER BY e.version) FROM events e
             WHERE e.workspace_id = o.workspace_id AND e.opened_month = purser_month(o.opened_at_ms) AND e.operation_id = o.operation_id)
      FROM operations o WHERE o.workspace_id = workspace AND o.operation_id = ANY (wanted);
END $function$;
GRANT EXECUTE ON FUNCTION purser_load TO purser_reader;
GRANT EXECUTE ON FUNCTION purser_load TO purser_system;

CREATE OR REPLACE FUNCTION public.purser_load_blob(workspace uuid, operation uuid, wanted text)
 RETURNS TABLE(sealed bytea, meta jsonb)
 LANGUAGE plpgsql
AS $function$
BEGIN
  PERFORM set_config('purser.workspace_id', workspace::text, true);
  RETURN QUERY SELECT b.sealed, b.meta FROM blob b
    WHERE b.workspace_id = workspace AND b.operation_id = operation AND b.kind = wanted AND (b.expires_at IS NULL OR b.expires_at > clock_timestamp());
END $function$;
GRANT EXECUTE ON FUNCTION purser_load_blob TO purser_reader;
GRANT EXECUTE ON FUNCTION purser_load_blob TO purser_system;

CREATE OR REPLACE FUNCTION public.purser_lock_budgets(wait boolean, n_ws uuid[], n_id uuid[], n_unit text[])
 RETURNS TABLE(k integer, busy boolean, b budget_node)
 LANGUAGE plpgsql
AS $function$
DECLARE
  r record;
  seen integer[];
BEGIN
  IF wait THEN
    RETURN QUERY SELECT x.k::integer, false, t FROM unnest(n_ws, n_id, n_unit) WITH ORDINALITY x(ws, id, unit, k)
      JOIN budget_node t ON t.workspace_id = x.ws AND t.node_id = x.id AND t.unit = x.unit AND t.layer = 'payments'
     ORDER BY t.workspace_id, t.unit, t.layer, t.depth, t.node_id FOR UPDATE OF t;
    RETURN;
  END IF;
  FOR r IN
    SELECT x.k::integer AS k, t AS node FROM unnest(n_ws, n_id, n_unit) WITH ORDINALITY x(ws, id, unit, k)
      JOIN budget_node t ON t.workspace_id = x.ws AND t.node_id = x.id AND t.unit = x.unit AND t.layer = 'payments'
     ORDER BY t.workspace_id, t.unit, t.layer, t.depth, t.node_id FOR UPDATE OF t SKIP LOCKED
  LOOP
    k := r.k; busy := false; b := r.node;
    seen := seen || k;
    RETURN NEXT;
  END LOOP;
  IF coalesce(cardinality(seen), 0) < cardinality(n_id) THEN
    RETURN QUERY SELECT x.k::integer, true, t FROM unnest(n_ws, n_id, n_unit) WITH ORDINALITY x(ws, id, unit, k)
      JOIN budget_node t ON t.workspace_id = x.ws AND t.node_id = x.id AND t.unit = x.unit AND t.layer = 'payments'
     WHERE NOT x.k = ANY (coalesce(seen, '{}'));
  END IF;
END $function$;
GRANT EXECUTE ON FUNCTION purser_lock_budgets TO purser_writer;

CREATE OR REPLACE FUNCTION public.purser_lock_operations(wait boolean, c_ws uuid[], c_op uuid[], c_kind text[], c_expected integer[], c_prev bytea[], c_fence bigint[], INOUT results text[], OUT answered boolean[])
 RETURNS record
 LANGUAGE plpgsql
AS $function$
DECLARE
  r record;
  numbers integer[];
  verdicts text[];
  flags boolean[];
  found_one boolean[] := array_fill(false, ARRAY[cardinality(c_op)]);
  missing boolean := false;
BEGIN
  answered := array_fill(false, ARRAY[cardinality(c_op)]);
  IF wait THEN
    SELECT array_agg(x.i), array_agg(x.verdict), array_agg(x.answerable) INTO numbers, verdicts, flags FROM (
      SELECT t.i, o.answerable, CASE WHEN t.fence <> o.lease_epoch THEN 'lease_lost'
                                     WHEN o.version <> t.expected OR o.last_hash <> t.prev THEN 'conflict' ELSE 'ok' END AS verdict
        FROM unnest(c_ws, c_op, c_kind, c_expected, c_prev, c_fence, results) WITH ORDINALITY t(ws, op, kind, expected, prev, fence, result, i)
        JOIN operations o ON o.workspace_id = t.ws AND o.operation_id = t.op
       WHERE t.kind IS NULL AND t.result = 'ok'
       ORDER BY o.workspace_id, o.operation_id FOR UPDATE OF o) x;
  ELSE
    SELECT array_agg(x.i), array_agg(x.verdict), array_agg(x.answerable) INTO numbers, verdicts, flags FROM (
      SELECT t.i, o.answerable, CASE WHEN t.fence <> o.lease_epoch THEN 'lease_lost'
                                     WHEN o.version <> t.expected OR o.last_hash <> t.prev THEN 'conflict' ELSE 'ok' END AS verdict
        FROM unnest(c_ws, c_op, c_kind, c_expected, c_prev, c_fence, results) WITH ORDINALITY t(ws, op, kind, expected, prev, fence, result, i)
        JOIN operations o ON o.workspace_id = t.ws AND o.operation_id = t.op
       WHERE t.kind IS NULL AND t.result = 'ok'
       ORDER BY o.workspace_id, o.operation_id FOR UPDATE OF o SKIP LOCKED) x;
  END IF;
  FOR n IN 1 .. coalesce(cardinality(numbers), 0) LOOP
    found_one[numbers[n]] := true;
    answered[numbers[n]] := flags[n];
    results[numbers[n]] := verdicts[n];
  END LOOP;
  FOR n IN 1 .. cardinality(c_op) LOOP
    IF c_kind[n] IS NULL AND results[n] = 'ok' AND NOT found_one[n] THEN
      results[n] := 'conflict';
      missing := true;
    END IF;
  END LOOP;
  IF missing AND NOT wait THEN
    FOR r IN
      SELECT t.i FROM unnest(c_ws, c_op, c_kind, results, found_one) WITH ORDINALITY t(ws, op, kind, result, seen, i)
        JOIN operations o ON o.workspace_id = t.ws AND o.operation_id = t.op
       WHERE t.kind IS NULL AND t.result = 'conflict' AND NOT t.seen
    LOOP
      results[r.i] := 'busy';
    END LOOP;
  END IF;
END $function$;
GRANT EXECUTE ON FUNCTION purser_lock_operations TO purser_writer;

CREATE OR REPLACE FUNCTION public.purser_lock_others(wait boolean, c_ws uuid[], c_op uuid[], INOUT n_ws uuid[], INOUT n_id uuid[], INOUT n_unit text[], INOUT n_busy boolean[], INOUT n_row budget_node[], m_cmd integer[], m_kind text[], m_k1 integer[], m_k2 integer[], m_data jsonb, OUT x_k integer[], OUT e_from integer[], OUT e_to integer[], OUT r_from integer[], OUT r_to integer[])
 RETURNS record
 LANGUAGE plpgsql
AS $function$
DECLARE
  base constant integer := cardinality(n_id);
  r record;
  wanted jsonb;
  o_ws uuid[]; o_id uuid[]; o_unit text[]; o_busy boolean[]; o_row budget_node[];
BEGIN
  x_k := '{}';
  e_from := array_fill(NULL::integer, ARRAY[cardinality(m_cmd)]); e_to := e_from;
  r_from := array_fill(NULL::integer, ARRAY[cardinality(c_op)]); r_to := r_from;
  SELECT jsonb_agg(jsonb_build_object('e', x.e, 'i', x.i, 'ws', x.ws, 'id', x.id, 'unit', x.unit) ORDER BY x.e, x.i, x.id) INTO wanted
    FROM (SELECT t.e, NULL::integer AS i, n_ws[t.k1] AS ws, o.id, n_unit[t.k1] AS unit FROM unnest(m_kind, m_k1, m_k2) WITH ORDINALITY t(kind, k1, k2, e),
                 LATERAL (SELECT unnest((n_row[t.k2]).path) AS id UNION
                          SELECT g.id::uuid FROM jsonb_array_elements_text(coalesce(m_data -> (t.e - 1)::integer -> 'tags', '[]')) g(id)) o
           WHERE t.kind = 'reserve'
           UNION ALL
          SELECT NULL, t.i, v.workspace_id, o.id, v.unit FROM (SELECT DISTINCT u.cmd AS i FROM unnest(m_cmd) u(cmd)) t, reservation v, unnest(v.others) o(id)
           WHERE v.workspace_id = c_ws[t.i] AND v.operation_id = c_op[t.i]) x;
  IF wanted IS NULL THEN RETURN; END IF;
  SELECT array_agg(y.ws), array_agg(y.id), array_agg(y.unit) INTO o_ws, o_id, o_unit
    FROM (SELECT DISTINCT x.ws, x.id, x.unit FROM jsonb_to_recordset(wanted) x(ws uuid, id uuid, unit text) ORDER BY 1, 2, 3) y;
  SELECT array_agg(y.busy), array_agg(y.b) INTO o_busy, o_row
    FROM (SELECT coalesce(b.busy, false) AS busy, b.b FROM generate_series(1, cardinality(o_id)) x(k)
            LEFT JOIN purser_lock_budgets(wait, o_ws, o_id, o_unit) b ON b.k = x.k ORDER BY x.k) y;
  FOR r IN
    SELECT x.e, x.i, o.k::integer AS k FROM jsonb_to_recordset(wanted) x(e integer, i integer, ws uuid, id uuid, unit text)
      JOIN unnest(o_ws, o_id, o_unit) WITH ORDINALITY o(ws, id, unit, k) ON o.ws = x.ws AND o.id = x.id AND o.unit = x.unit
     WHERE (o_row[o.k]).node_id IS NOT NULL ORDER BY x.e, x.i, o.k
  LOOP
    x_k := x_k || (base + r.k);
    IF r.e IS NOT NULL THEN
      e_from[r.e] := coalesce(e_from[r.e], cardinality(x_k)); e_to[r.e] := cardinality(x_k);
    ELSE
      r_from[r.i] := coalesce(r_from[r.i], cardinality(x_k)); r_to[r.i] := cardinality(x_k);
    END IF;
  END LOOP;
  n_ws := n_ws || o_ws; n_id := n_id || o_id; n_unit := n_unit || o_unit; n_busy := n_busy || o_busy; n_row := n_row || o_row;
END $function$;
GRANT EXECUTE ON FUNCTION purser_lock_others TO purser_writer;

CREATE OR REPLACE FUNCTION public.purser_lock_wallets(wait boolean, w_ws uuid[], w_id text[], w_network text[], w_token text[])
 RETURNS TABLE(k integer, busy boolean, balance numeric, committed numeric, balance_block bigint)
 LANGUAGE plpgsql
AS $function$
DECLARE
  seen integer[];
BEGIN
  IF wait THEN
    RETURN QUERY SELECT x.k::integer, false, t.balance, t.committed, t.balance_block
      FROM unnest(w_ws, w_id, w_network, w_token) WITH ORDINALITY x(ws, id, network, token, k)
      JOIN wallet_asset t ON t.workspace_id = x.ws AND t.wallet_id = x.id AND t.network = x.network AND t.token = x.token
     ORDER BY t.workspace_id, t.wallet_id, t.network, t.token FOR UPDATE OF t;
    RETURN;
  END IF;
  FOR k, balance, committed, balance_block IN
    SELECT x.k::integer, t.balance, t.committed, t.balance_block
      FROM unnest(w_ws, w_id, w_network, w_token) WITH ORDINALITY x(ws, id, network, token, k)
      JOIN wallet_asset t ON t.workspace_id = x.ws AND t.wallet_id = x.id AND t.network = x.network AND t.token = x.token
     ORDER BY t.workspace_id, t.wallet_id, t.network, t.token FOR UPDATE OF t SKIP LOCKED
  LOOP
    busy := false;
    seen := seen || k;
    RETURN NEXT;
  END LOOP;
  IF coalesce(cardinality(seen), 0) < cardinality(w_id) THEN
    RETURN QUERY SELECT x.k::integer, true, t.balance, t.committed, t.balance_block
      FROM unnest(w_ws, w_id, w_network, w_token) WITH ORDINALITY x(ws, id, network, token, k)
      JOIN wallet_asset t ON t.workspace_id = x.ws AND t.wallet_id = x.id AND t.network = x.network AND t.token = x.token
     WHERE NOT x.k = ANY (coalesce(seen, '{}'));
  END IF;
END $function$;
GRANT EXECUTE ON FUNCTION purser_lock_wallets TO purser_writer;

CREATE OR REPLACE FUNCTION public.purser_month(opened_at_ms bigint)
 RETURNS date
 LANGUAGE sql
 IMMUTABLE
AS $function$
  SELECT date_trunc('month', to_timestamp(opened_at_ms / 1000.0) AT TIME ZONE 'UTC')::date
$function$;
GRANT EXECUTE ON FUNCTION purser_month TO purser_checker;
GRANT EXECUTE ON FUNCTION purser_month TO purser_reader;
GRANT EXECUTE ON FUNCTION purser_month TO purser_signer;
GRANT EXECUTE ON FUNCTION purser_month TO purser_system;
GRANT EXECUTE ON FUNCTION purser_month TO purser_writer;

CREATE OR REPLACE FUNCTION public.purser_move_money(wait boolean, c_ws uuid[], c_op uuid[], c_agent uuid[], n_ws uuid[], n_id uuid[], n_unit text[], w_ws uuid[], w_id text[], w_network text[], w_token text[], m_cmd integer[], m_kind text[], m_amount numeric[], m_k1 integer[], m_k2 integer[], m_w integer[], m_data jsonb, INOUT results text[], INOUT details jsonb[])
 RETURNS record
 LANGUAGE plpgsql
AS $function$
DECLARE
  r record;
  i integer; k1 integer; k2 integer; w integer; k integer; one integer; first integer := 0; command integer := 0;
  amount numeric; held numeric; block bigint; data jsonb; refused text; why jsonb;
  now_ timestamptz; this_hour timestamptz; today date; this_month date;
  -- Budget rows. used and uses: what counts in every window beside what the row has as spent, which is what is held and what this batch captured.
  n_busy boolean[]; n_row budget_node[]; n_limited boolean[]; n_per_payment numeric[]; n_room numeric[]; n_count_room bigint[]; n_held numeric[];
  n_count integer[]; n_used numeric[]; n_uses bigint[]; n_spent_layers jsonb[]; n_dirty boolean[]; rolling boolean;
  -- Nodes besides workspace and agent, as slices of x_k: of an event that reserves, and of the hold that a command has.
  x_k integer[]; e_from integer[]; e_to integer[]; r_from integer[]; r_to integer[]; ks integer[]; more boolean := false;
  -- Wallet rows.
  w_busy boolean[]; w_balance numeric[]; w_committed numeric[]; w_block bigint[]; w_dirty boolean[] := array_fill(false, ARRAY[cardinality(w_id)]);
  -- Per command: its reservation and its authorization.
  size constant integer[] := ARRAY[cardinality(c_op)];
  r_state text[] := array_fill(NULL::text, size); r_unit text[] := array_fill(NULL::text, size); r_amount numeric[] := array_fill(NULL::numeric, size);
  r_captured numeric[] := array_fill(NULL::numeric, size); r_reserved timestamptz[] := array_fill(NULL::timestamptz, size);
  r_charged timestamptz[] := array_fill(NULL::timestamptz, size); r_dirty boolean[] := array_fill(false, size);
  l_status text[] := array_fill(NULL::text, size); l_value numeric[] := array_fill(NULL::numeric, size); l_committed boolean[] := array_fill(NULL::boolean, size);
  l_seen jsonb[] := array_fill(NULL::jsonb, size); l_block bigint[] := array_fill(NULL::bigint, size);
  l_charged numeric[] := array_fill(NULL::numeric, size); l_dirty boolean[] := array_fill(false, size);
  capture_k integer[]; capture_at timestamptz[]; capture_amount numeric[];
  any_reservation boolean := false; any_ledger boolean := false; any_intent boolean := false;
BEGIN
  -- The operation's own row is locked already, so its hold is what it is.
  FOR r IN
    SELECT x.i, v.state, v.unit, v.amount, v.captured, v.reserved_at, v.charged_at, v.others
      FROM (SELECT DISTINCT u.cmd AS i FROM unnest(m_cmd) u(cmd)) x
     CROSS JOIN LATERAL (SELECT * FROM reservation v WHERE v.workspace_id = c_ws[x.i] AND v.operation_id = c_op[x.i] LIMIT 1) v
  LOOP
    r_state[r.i] := r.state; r_unit[r.i] := r.unit; r_amount[r.i] := r.amount; r_captured[r.i] := r.captured;
    r_reserved[r.i] := r.reserved_at; r_charged[r.i] := r.charged_at; more := more OR r.others IS NOT NULL;
  END LOOP;
  IF cardinality(n_id) > 0 THEN
    SELECT array_agg(y.busy), array_agg(y.b), more OR bool_or((y.b).path IS NOT NULL) OR 'reserve' = ANY (m_kind) AND jsonb_path_exists(m_data, '$[*].tags')
      INTO n_busy, n_row, more
      FROM (SELECT coalesce(b.busy, false) AS busy, b.b FROM generate_series(1, cardinality(n_id)) x(k)
              LEFT JOIN purser_lock_budgets(wait, n_ws, n_id, n_unit) b ON b.k = x.k ORDER BY x.k) y;
    -- Everybody locks the nodes of workspaces and agents first, then those of teams and tags, each in one order; an agent's team is read under its lock.
    IF more THEN
      SELECT x.n_ws, x.n_id, x.n_unit, x.n_busy, x.n_row, x.x_k, x.e_from, x.e_to, x.r_from, x.r_to
        INTO n_ws, n_id, n_unit, n_busy, n_row, x_k, e_from, e_to, r_from, r_to
        FROM purser_lock_others(wait, c_ws, c_op, n_ws, n_id, n_unit, n_busy, n_row, m_cmd, m_kind, m_k1, m_k2, m_data) x;
    END IF;
  END IF;
  IF cardinality(w_id) > 0 THEN
    SELECT array_agg(coalesce(b.busy, false) ORDER BY x.k), array_agg(b.balance ORDER BY x.k), array_agg(b.committed ORDER BY x.k), array_agg(b.balance_block ORDER BY x.k)
      INTO w_busy, w_balance, w_committed, w_block
      FROM generate_series(1, cardinality(w_id)) x(k) LEFT JOIN purser_lock_wallets(wait, w_ws, w_id, w_network, w_token) b ON b.k = x.k;
  END IF;

  -- Everything below is read after the last lock. LATERAL with a LIMIT: rows are looked up one by one by their key, also under a plan that was made while
  -- the tables were empty and a scan of the whole looked as cheap.
  now_ := clock_timestamp();
  today := (now_ AT TIME ZONE 'UTC')::date;
  this_month := date_trunc('month', today)::date;
  this_hour := date_trunc('hour', now_, 'UTC');
  IF n_row IS NOT NULL THEN
    SELECT bool_or(num_nonnulls(b.limit_rolling_24h, b.limit_rolling_30d, b.limit_count_rolling_24h, b.limit_count_rolling_30d) > 0) INTO rolling FROM unnest(n_row) b;
    IF rolling THEN n_row := purser_roll_budgets(n_busy, n_row, now_); END IF;
    SELECT array_agg(y.limited), array_agg(y.limit_per_payment), array_agg(y.held), array_agg(y.held_count), array_agg(y.room), array_agg(y.count_room), array_agg(false)
      INTO n_limited, n_per_payment, n_held, n_count, n_room, n_count_room, n_dirty
      FROM (SELECT num_nonnulls(b.limit_per_payment, b.limit_hour, b.limit_day, b.limit_month, b.limit_lifetime, b.limit_rolling_24h, b.limit_rolling_30d) > 0 AS limited,
                   b.limit_per_payment, coalesce(b.held, -1) AS held, b.held_count,
                   least(b.limit_hour - CASE WHEN b.hour < this_hour THEN 0 ELSE b.hour_spent END, b.limit_day - CASE WHEN b.day < today THEN 0 ELSE b.day_spent END,
                         b.limit_month - CASE WHEN b.month < this_month THEN 0 ELSE b.month_spent END, b.limit_lifetime - b.lifetime_spent,
                         b.limit_rolling_24h - b.rolling_24h_spent, b.limit_rolling_30d - b.rolling_30d_spent) AS room,
                   least(b.limit_count_hour - CASE WHEN b.hour < this_hour THEN 0 ELSE b.hour_count END, b.limit_count_day - CASE WHEN b.day < today THEN 0 ELSE b.day_count END,
                         b.limit_count_month - CASE WHEN b.month < this_month THEN 0 ELSE b.month_count END, b.limit_count_lifetime - b.lifetime_count,
                         b.limit_count_rolling_24h - b.rolling_24h_count, b.limit_count_rolling_30d - b.rolling_30d_count) AS count_room
              FROM unnest(n_row) WITH ORDINALITY b ORDER BY b.ordinality) y;
    n_used := n_held; n_uses := n_count;
    IF m_kind && ARRAY['reserve', 'prepare'] THEN
      FOR r IN SELECT * FROM purser_exhausted_layers(n_ws, n_id, now_) LOOP n_spent_layers[r.k] := r.why; END LOOP;
    END IF;
  END IF;
  FOR r IN
    SELECT x.i, l.status, l.value, l.committed, l.seen_block, l.charged
      FROM (SELECT DISTINCT u.cmd AS i FROM unnest(m_cmd, m_kind) u(cmd, kind) WHERE u.kind NOT IN ('reserve', 'prepare', 'adopt')) x
     CROSS JOIN LATERAL (SELECT * FROM authorization_ledger l WHERE l.workspace_id = c_ws[x.i] AND l.operation_id = c_op[x.i] AND l.epoch = 0 LIMIT 1) l
  LOOP
    l_status[r.i] := r.status; l_value[r.i] := r.value; l_committed[r.i] := r.committed; l_block[r.i] := r.seen_block; l_charged[r.i] := r.charged;
  END LOOP;
  IF m_kind && ARRAY['prepare', 'adopt'] THEN
    FOR r IN
      SELECT x.cmd AS i FROM unnest(m_cmd, m_kind) WITH ORDINALITY x(cmd, kind, e), LATERAL (SELECT m_data -> (x.e - 1)::integer AS d) y
       CROSS JOIN LATERAL (SELECT FROM authorization_ledger l WHERE l.network = y.d ->> 'network' AND l.token = y.d ->> 'token'
                              AND l.from_address = y.d ->> 'from' AND l.nonce = y.d ->> 'nonce' LIMIT 1) l
       WHERE x.kind IN ('prepare', 'adopt')
    LOOP
      IF results[r.i] = 'ok' THEN results[r.i] := 'duplicate_nonce'; END IF;
    END LOOP;
  END IF;
  IF true = ANY (n_busy) OR true = ANY (w_busy) THEN
    FOR e IN 1 .. cardinality(m_cmd) LOOP
      IF results[m_cmd[e]] = 'ok' AND (n_busy[m_k1[e]] OR n_busy[m_k2[e]] OR w_busy[m_w[e]]
        OR more AND true IN (SELECT n_busy[x.z] FROM unnest(x_k[e_from[e]:e_to[e]] || x_k[r_from[m_cmd[e]]:r_to[m_cmd[e]]]) x(z))) THEN results[m_cmd[e]] := 'busy'; END IF;
    END LOOP;
  END IF;

  FOR e IN 1 .. cardinality(m_cmd) LOOP
    i := m_cmd[e];
    CONTINUE WHEN results[i] <> 'ok';
    IF i <> command THEN command := i; first := e; END IF;
    k1 := m_k1[e]; k2 := m_k2[e]; w := m_w[e]; amount := m_amount[e]; refused := NULL; why := NULL;
    IF more AND k1 IS NOT NULL AND m_kind[e] <> 'reserve' THEN e_from[e] := r_from[i]; e_to[e] := r_to[i]; END IF;
    CASE m_kind[e]
      WHEN 'reserve' THEN
        IF r_state[i] IN ('held', 'captured') THEN RAISE EXCEPTION 'a second hold for one operation'; END IF;
        ks := ARRAY[k1, k2];
        IF more THEN ks := ks || x_k[e_from[e]:e_to[e]]; END IF;
        IF n_held[k1] < 0 OR n_held[k2] < 0 OR NOT (n_limited[k1] OR n_limited[k2] OR more AND true IN (SELECT n_limited[x.z] FROM unnest(ks) x(z))) THEN
          refused := 'no_budget';
          why := jsonb_build_object('unit', n_unit[k1], 'needed', amount::text);
        ELSE
          FOREACH k IN ARRAY ks LOOP
            IF amount > n_per_payment[k] OR n_used[k] + amount > n_room[k] OR n_uses[k] >= n_count_room[k] OR n_spent_layers[k] IS NOT NULL AND n_unit[k] NOT LIKE 'TOP_UP%' THEN
              refused := 'budget';
            END IF;
          END LOOP;
        END IF;
        IF refused IS NULL THEN
          FOREACH k IN ARRAY ks LOOP
            n_held[k] := n_held[k] + amount; n_used[k] := n_used[k] + amount; n_count[k] := n_count[k] + 1; n_uses[k] := n_uses[k] + 1; n_dirty[k] := true;
          END LOOP;
          IF more THEN r_from[i] := e_from[e]; r_to[i] := e_to[e]; END IF;
          r_state[i] := 'held'; r_unit[i] := n_unit[k1]; r_amount[i] := amount; r_captured[i] := 0; r_reserved[i] := now_; r_charged[i] := now_;
          r_dirty[i] := true; any_reservation := true;
        END IF;
      WHEN 'release', 'capture' THEN
        IF r_state[i] IS DISTINCT FROM 'held' OR amount > r_amount[i] THEN RAISE EXCEPTION '% of what is not held', m_kind[e]; END IF;
        IF n_unit[k1] <> r_unit[i] THEN
          -- The terms changed their unit meanwhile; what is held is in the old one.
          SELECT max(x.k) FILTER (WHERE x.id = c_ws[i]), max(x.k) FILTER (WHERE x.id = c_agent[i]) INTO k1, k2
            FROM unnest(n_ws, n_id, n_unit) WITH ORDINALITY x(ws, id, unit, k) WHERE x.ws = c_ws[i] AND x.unit = r_unit[i];
          m_k1[e] := k1; m_k2[e] := k2;
        END IF;
        IF m_kind[e] = 'release' AND (amount <> r_amount[i] OR l_status[i] IN ('live', 'provisional', 'settled')) THEN
          RAISE EXCEPTION 'release of a hold that covers a live authorization';
        END IF;
        held := r_amount[i];
        ks := ARRAY[k1, k2];
        IF more THEN ks := ks || x_k[e_from[e]:e_to[e]]; END IF;
        FOREACH k IN ARRAY ks LOOP
          n_held[k] := n_held[k] - held; n_used[k] := n_used[k] - held; n_count[k] := n_count[k] - 1; n_uses[k] := n_uses[k] - 1; n_dirty[k] := true;
        END LOOP;
        r_state[i] := m_kind[e] || 'd'; r_dirty[i] := true; any_reservation := true;
        IF m_kind[e] = 'capture' THEN
          r_captured[i] := amount;
          -- Until the rows are written it goes on counting in every window, also in those that its intent lies before: as if judged the moment before.
          FOREACH k IN ARRAY ks LOOP
            n_used[k] := n_used[k] + amount; n_uses[k] := n_uses[k] + 1;
            capture_k := capture_k || k; capture_at := capture_at || r_charged[i]; capture_amount := capture_amount || amount;
          END LOOP;
        END IF;
      WHEN 'prepare' THEN
        IF r_state[i] IS DISTINCT FROM 'held' OR r_amount[i] < amount OR n_unit[k1] <> r_unit[i] THEN
          RAISE EXCEPTION 'an authorization above the hold that covers it';
        END IF;
        held := r_amount[i];
        ks := ARRAY[k1, k2];
        IF more THEN ks := ks || x_k[r_from[i]:r_to[i]]; END IF;
        FOREACH k IN ARRAY ks LOOP
          IF held > n_per_payment[k] OR n_used[k] > n_room[k] OR n_uses[k] > n_count_room[k] OR n_spent_layers[k] IS NOT NULL AND n_unit[k] NOT LIKE 'TOP_UP%' THEN
            refused := 'budget';
          END IF;
        END LOOP;
        IF refused IS NULL AND (w_balance[w] IS NULL OR w_balance[w] - w_committed[w] < amount) THEN
          refused := 'wallet';
          why := jsonb_build_object('balance', coalesce(w_balance[w], 0)::text, 'committed', coalesce(w_committed[w], 0)::text, 'needed', amount::text);
        ELSIF refused IS NULL THEN
          w_committed[w] := w_committed[w] + amount; w_dirty[w] := true;
          r_charged[i] := now_; r_dirty[i] := true; any_reservation := true; any_intent := true;
        END IF;
      WHEN 'adopt' THEN
        IF r_state[i] IS DISTINCT FROM 'held' OR r_amount[i] < amount OR n_unit[k1] <> r_unit[i] THEN
          RAISE EXCEPTION 'an adopted payment above the hold that covers it';
        END IF;
        -- It was paid before: only a balance read before its block still contains the money.
        block := (m_data -> (e - 1) ->> 'blockNumber')::bigint;
        IF block > w_block[w] THEN w_balance[w] := greatest(w_balance[w] - amount, 0); w_dirty[w] := true; END IF;
        r_charged[i] := now_; r_dirty[i] := true; any_reservation := true; any_intent := true;
      ELSE
        data := m_data -> (e - 1); block := (data ->> 'blockNumber')::bigint;
        IF l_status[i] IS NULL OR (m_kind[e] = 'reorged') <> (l_status[i] = 'provisional') AND m_kind[e] <> 'finalized' OR l_status[i] NOT IN ('live', 'provisional') THEN
          RAISE EXCEPTION '% after %', m_kind[e], l_status[i];
        END IF;
        IF m_kind[e] = 'reorged' THEN
          w_committed[w] := w_committed[w] + l_value[i]; l_committed[i] := true;
          IF l_block[i] > w_block[w] THEN w_balance[w] := w_balance[w] + coalesce(l_charged[i], l_value[i]); END IF;
        ELSIF l_committed[i] THEN
          w_committed[w] := w_committed[w] - l_value[i]; l_committed[i] := false;
          -- A balance read before the transfer's block still contains what was charged.
          IF m_kind[e] IN ('observed', 'finalized') AND block > w_block[w] THEN
            w_balance[w] := greatest(w_balance[w] - coalesce((data ->> 'amount')::numeric, l_value[i]), 0);
          END IF;
        END IF;
        l_status[i] := CASE m_kind[e] WHEN 'observed' THEN 'provisional' WHEN 'finalized' THEN 'settled' WHEN 'reorged' THEN 'live' ELSE m_kind[e] END;
        l_seen[i] := CASE WHEN m_kind[e] IN ('observed', 'finalized') THEN data END;
        w_dirty[w] := true; l_dirty[i] := true; any_ledger := true;
    END CASE;
    CONTINUE WHEN refused IS NULL;

    IF refused = 'budget' THEN
      -- The hold of an intent is what is needed, so it is not what is in the way.
      held := CASE m_kind[e] WHEN 'prepare' THEN r_amount[i] ELSE 0 END;
      FOREACH k IN ARRAY ks LOOP
        why := coalesce(why, purser_explain_budget(n_row[k], now_, CASE m_kind[e] WHEN 'prepare' THEN held ELSE amount END, n_held[k] - held,
          n_count[k] - CASE m_kind[e] WHEN 'prepare' THEN 1 ELSE 0 END, n_used[k] - n_held[k], n_uses[k] - n_count[k]));
      END LOOP;
      FOREACH k IN ARRAY ks LOOP
        CONTINUE WHEN n_spent_layers[k] IS NULL OR n_unit[k] LIKE 'TOP_UP%';
        why := coalesce(why, n_spent_layers[k]) || jsonb_build_object('failed_layers', (SELECT jsonb_agg(DISTINCT x.layer) FROM jsonb_array_elements_text(
          coalesce(why -> 'failed_layers', '[]') || (n_spent_layers[k] -> 'failed_layers')) x(layer)));
      END LOOP;
    END IF;
    results[i] := refused; details[i] := why;
    -- Nothing of a refused command stays: only holds and their releases can stand before a guard.
    FOR undo IN first .. e - 1 LOOP
      one := CASE m_kind[undo] WHEN 'reserve' THEN 1 ELSE -1 END;
      amount := m_amount[undo] * one;
      ks := ARRAY[m_k1[undo], m_k2[undo]];
      IF more THEN ks := ks || x_k[e_from[undo]:e_to[undo]]; END IF;
      FOREACH k IN ARRAY ks LOOP
        n_held[k] := n_held[k] - amount; n_used[k] := n_used[k] - amount; n_count[k] := n_count[k] - one; n_uses[k] := n_uses[k] - one;
      END LOOP;
    END LOOP;
  END LOOP;

  IF capture_k IS NULL THEN
    UPDATE budget_node b SET held = x.held, held_count = x.held_count
      FROM unnest(n_ws, n_id, n_unit, n_held, n_count, n_dirty) x(ws, id, unit, held, held_count, dirty)
     WHERE x.dirty AND b.workspace_id = x.ws AND b.node_id = x.id AND b.unit = x.unit AND b.layer = 'payments';
  ELSE
    PERFORM purser_write_charges(n_ws, n_id, n_unit, n_row, n_held, n_count, n_dirty, capture_k, capture_at, capture_amount, now_);
  END IF;
  IF any_reservation THEN
    INSERT INTO reservation AS v (workspace_id, operation_id, agent_id, unit, amount, captured, state, reserved_at, charged_at, others)
    SELECT x.ws, x.op, x.agent, x.unit, x.amount, x.captured, x.state, x.reserved, x.charged,
           CASE WHEN more THEN (SELECT array_agg(n_id[y.z]) FROM unnest(x_k[x.others_from:x.others_to]) y(z)) END
      FROM unnest(c_ws, c_op, c_agent, r_unit, r_amount, r_captured, r_state, r_reserved, r_charged, r_from, r_to, r_dirty, results)
           x(ws, op, agent, unit, amount, captured, state, reserved, charged, others_from, others_to, dirty, result)
     WHERE x.dirty AND x.result = 'ok'
        ON CONFLICT (workspace_id, operation_id) DO UPDATE SET unit = excluded.unit, amount = excluded.amount, captured = excluded.captured,
           state = excluded.state, reserved_at = excluded.reserved_at, charged_at = excluded.charged_at, others = excluded.others;
  END IF;
  IF any_intent OR any_ledger THEN
    UPDATE wallet_asset a SET balance = x.balance, committed = x.committed
      FROM unnest(w_ws, w_id, w_network, w_token, w_balance, w_committed, w_dirty) x(ws, id, network, token, balance, committed, dirty)
     WHERE x.dirty AND a.workspace_id = x.ws AND a.wallet_id = x.id AND a.network = x.network AND a.token = x.token;
  END IF;
  IF any_intent THEN
    INSERT INTO authorization_ledger (workspace_id, operation_id, agent_id, wallet_id, network, token, from_address, to_address, value, valid_after, valid_before, nonce, digest, method, facilitator, status,
        committed, seen_block, seen_block_hash, tx_hash, log_index)
    SELECT c_ws[x.cmd], c_op[x.cmd], c_agent[x.cmd], y.d ->> 'walletId', y.d ->> 'network', y.d ->> 'token', y.d ->> 'from', y.d ->> 'to', x.amount,
           (y.d ->> 'validAfterSec')::bigint, (y.d ->> 'validBeforeSec')::bigint, y.d ->> 'nonce', y.d ->> 'digest', y.d ->> 'method', y.d ->> 'facilitator', CASE x.kind WHEN 'prepare' THEN 'live' ELSE 'provisional' END,
           x.kind = 'prepare', (y.d ->> 'blockNumber')::bigint, y.d ->> 'blockHash', y.d ->> 'txHash', (y.d ->> 'logIndex')::integer
      FROM unnest(m_cmd, m_kind, m_amount) WITH ORDINALITY x(cmd, kind, amount, e), LATERAL (SELECT m_data -> (x.e - 1)::integer AS d) y
     WHERE x.kind IN ('prepare', 'adopt') AND results[x.cmd] = 'ok';
  END IF;
  IF any_ledger THEN
    UPDATE authorization_ledger l
       SET status = x.status, committed = x.committed, seen_block = (x.seen ->> 'blockNumber')::bigint, seen_block_hash = x.seen ->> 'blockHash',
           tx_hash = x.seen ->> 'txHash', log_index = (x.seen ->> 'logIndex')::integer, charged = (x.seen ->> 'amount')::numeric
      FROM unnest(c_ws, c_op, l_status, l_committed, l_seen, l_dirty, results) x(ws, op, status, committed, seen, dirty, result)
     WHERE x.dirty AND x.result = 'ok' AND l.workspace_id = x.ws AND l.operation_id = x.op AND l.epoch = 0;
  END IF;
END $function$;
GRANT EXECUTE ON FUNCTION purser_move_money TO purser_writer;

CREATE OR REPLACE FUNCTION public.purser_moved_on(n budget_node, was_from timestamp with time zone, now_from timestamp with time zone, OUT spent numeric, OUT count bigint)
 RETURNS record
 LANGUAGE sql
 STABLE
AS $function$
  SELECT coalesce(CASE WHEN was_from IS NULL THEN sum(m.spent) ELSE -sum(m.spent) END, 0),
         coalesce(CASE WHEN was_from IS NULL THEN sum(m.count) ELSE -sum(m.count) END, 0)::bigint
    FROM budget_minute m
   WHERE m.workspace_id = n.workspace_id AND m.node_id = n.node_id AND m.unit = n.unit AND m.layer = n.layer
     AND m.minute >= coalesce(was_from, now_from) AND m.minute < CASE WHEN was_from IS NULL THEN 'infinity' ELSE now_from END
$function$;
GRANT EXECUTE ON FUNCTION purser_moved_on TO purser_reader;
GRANT EXECUTE ON FUNCTION purser_moved_on TO purser_system;
GRANT EXECUTE ON FUNCTION purser_moved_on TO purser_writer;

CREATE OR REPLACE FUNCTION public.purser_ms(at timestamp with time zone)
 RETURNS bigint
 LANGUAGE sql
 IMMUTABLE
AS $function$ SELECT floor(extract(epoch FROM at) * 1000)::bigint $function$;
GRANT EXECUTE ON FUNCTION purser_ms TO purser_checker;
GRANT EXECUTE ON FUNCTION purser_ms TO purser_reader;
GRANT EXECUTE ON FUNCTION purser_ms TO purser_signer;
GRANT EXECUTE ON FUNCTION purser_ms TO purser_system;
GRANT EXECUTE ON FUNCTION purser_ms TO purser_writer;

CREATE OR REPLACE FUNCTION public.purser_newest(workspace uuid, agent uuid, root text, only_id uuid)
 RETURNS TABLE(operation_id uuid, keyless_window_sec integer, now_ms bigint, history jsonb)
 LANGUAGE plpgsql
 SET plan_cache_mode TO 'force_generic_plan'
 SET enable_seqscan TO 'off'
 SET jit TO 'off'
AS $function$
DECLARE
  newest uuid := only_id;
BEGIN
  PERFORM set_config('purser.workspace_id', workspace::text, true);
  IF newest IS NULL THEN
    SELECT i.operation_id INTO newest FROM idempotency i
     WHERE i.workspace_id = workspace AND i.agent_id = agent AND i.key_hash LIKE '%:%'
       AND split_part(i.key_hash, ':', 2) = split_part(root, ':', 2) AND starts_with(i.key_hash, root || ':')
     ORDER BY i.opened_at_ms DESC LIMIT 1;
  END IF;
  RETURN QUERY
    SELECT o.operation_id, w.keyless_window_sec, purser_ms(clock_timestamp()),
           (SELECT jsonb_agg(jsonb_build_object('type', e.type, 'schema', e.schema, 'data', e.data, 'at', purser_ms(e.recorded_at)) ORDER BY e.version) FROM events e
             WHERE e.workspace_id = o.workspace_id AND e.opened_month = purser_month(o.opened_at_ms) AND e.operation_id = o.operation_id)
      FROM operations o JOIN workspace w ON w.workspace_id = o.workspace_id
     WHERE o.workspace_id = workspace AND o.agent_id = agent AND o.operation_id = newest;
END $function$;

CREATE OR REPLACE FUNCTION public.purser_notify_answers(c_op uuid[], c_answerable boolean[], answered boolean[], results text[])
 RETURNS void
 LANGUAGE sql
AS $function$
  SELECT pg_notify('purser_answers', y.ids)
    FROM (SELECT string_agg(x.op::text, ',') AS ids
            FROM (SELECT t.op, row_number() OVER () / 200 AS chunk FROM unnest(c_op, c_answerable, answered, results) t(op, answerable, answered, result)
                   WHERE t.result = 'ok' AND t.answerable AND NOT t.answered) x
           GROUP BY x.chunk) y
$function$;
GRANT EXECUTE ON FUNCTION purser_notify_answers TO purser_writer;

CREATE OR REPLACE FUNCTION public.purser_obstacle(workspace uuid, agent uuid, stops boolean, to_network text, to_payee text, to_host text, tags uuid[], in_unit text, amount numeric, from_wallet text, on_network text, in_token text, OUT guard text, OUT details jsonb)
 RETURNS record
 LANGUAGE plpgsql
AS $function$
DECLARE
  n budget_node;
  nodes uuid[];
  layer jsonb;
  found integer := 0;
  limited boolean := false;
  w wallet_asset;
BEGIN
  IF in_unit IS NOT NULL THEN
    -- The workspace, the agent, then its teams and the payment's tags.
    SELECT ARRAY[workspace, agent] || coalesce(array_agg(o.id ORDER BY o.id), '{}') INTO nodes FROM (
      SELECT unnest(b.path) AS id FROM budget_node b WHERE b.workspace_id = workspace AND b.node_id = agent AND b.unit = in_unit AND b.layer = 'payments'
       UNION SELECT unnest(tags)) o;
    FOR n IN SELECT b.* FROM unnest(nodes) WITH ORDINALITY x(id, i)
               JOIN budget_node b ON b.workspace_id = workspace AND b.node_id = x.id AND b.unit = in_unit AND b.layer = 'payments' ORDER BY x.i LOOP
      IF n.node_id IN (workspace, agent) THEN found := found + 1; END IF;
      limited := limited OR num_nonnulls(n.limit_per_payment, n.limit_hour, n.limit_day, n.limit_month, n.limit_lifetime, n.limit_rolling_24h, n.limit_rolling_30d) > 0;
      details := coalesce(details, purser_explain_budget(n, clock_timestamp(), amount, n.held, n.held_count, 0, 0));
    END LOOP;
    IF found < 2 OR NOT limited THEN
      guard := 'no_budget';
      details := jsonb_build_object('unit', in_unit, 'needed', amount::text);
      RETURN;
    END IF;
    IF in_unit NOT LIKE 'TOP_UP%' THEN
      FOR layer IN SELECT e.why FROM purser_exhausted_layers(array_fill(workspace, ARRAY[cardinality(nodes)]), nodes, clock_timestamp()) e ORDER BY e.k LOOP
        details := coalesce(details, layer) || jsonb_build_object('failed_layers', (SELECT jsonb_agg(DISTINCT x.layer) FROM jsonb_array_elements_text(
          coalesce(details -> 'failed_layers', '[]') || (layer -> 'failed_layers')) x(layer)));
      END LOOP;
    END IF;
    IF details IS NOT NULL THEN
      guard := 'budget';
      RETURN;
    END IF;
  END IF;

  IF stops THEN
    SELECT CASE WHEN coalesce(g.paused, true) THEN 'global' WHEN coalesce(c.paused, true) THEN 'workspace'
                WHEN a.status IS DISTINCT FROM 'active' THEN 'agent_disabled' WHEN k.quarantined_until > clock_timestamp() THEN 'quarantine' END INTO guard
      FROM cluster k LEFT JOIN control g ON g.scope = 'global' LEFT JOIN control c ON c.scope = workspace::text
      LEFT JOIN agent a ON a.workspace_id = workspace AND a.agent_id = agent;
    IF guard IS NOT NULL THEN
      details := jsonb_build_object('scope', guard);
      guard := 'stopped';
      RETURN;
    END IF;
    SELECT nullif(x.results[1], 'ok'), x.details[1] INTO guard, details
      FROM purser_check_narrow_stops(false, ARRAY[workspace], ARRAY[agent], ARRAY[NULL::text], ARRAY[1], ARRAY[to_network], ARRAY[to_payee], ARRAY[to_host],
                                     ARRAY['ok'], ARRAY[NULL::jsonb]) x;
    IF guard IS NOT NULL THEN RETURN; END IF;
  END IF;

  IF from_wallet IS NOT NULL THEN
    SELECT b.* INTO w FROM wallet_asset b WHERE b.workspace_id = workspace AND b.wallet_id = from_wallet AND b.network = on_network AND b.token = in_token;
    IF coalesce(w.balance, 0) - coalesce(w.committed, 0) < amount OR w.balance IS NULL THEN
      guard := 'wallet';
      details := jsonb_build_object('balance', coalesce(w.balance, 0)::text, 'committed', coalesce(w.committed, 0)::text, 'needed', amount::text);
    END IF;
  END IF;
END $function$;
GRANT EXECUTE ON FUNCTION purser_obstacle TO purser_system;

CREATE OR REPLACE FUNCTION public.purser_record_usage(ws uuid, agent uuid, by_actor jsonb, e_id text[], e_layer text[], e_kind text[], e_amount numeric[], e_metadata jsonb, OUT outcomes text[])
 RETURNS text[]
 LANGUAGE plpgsql
AS $function$
DECLARE
  n_row budget_node[]; n_team budget_node[];
  n budget_node;
  now_ timestamptz;
  n_busy boolean[];
  above uuid[];
BEGIN
  SELECT array_agg(x.b) INTO n_row
    FROM (SELECT b FROM budget_node b WHERE b.workspace_id = ws AND b.node_id IN (ws, agent) AND b.layer = ANY (e_layer) AND b.layer <> 'payments'
           ORDER BY b.unit, b.layer, b.depth, b.node_id FOR UPDATE) x;
  SELECT t.path INTO above FROM unnest(n_row) t WHERE t.node_id = agent LIMIT 1;
  IF above IS NOT NULL THEN
    SELECT array_agg(x.b) INTO n_team
      FROM (SELECT b FROM budget_node b WHERE b.workspace_id = ws AND b.node_id = ANY (above) AND b.layer = ANY (e_layer) AND b.layer <> 'payments'
             ORDER BY b.unit, b.layer, b.depth, b.node_id FOR UPDATE) x;
    n_row := n_row || n_team;
  END IF;
  now_ := clock_timestamp();
  SELECT array_agg(CASE WHEN u.event_id IS NULL THEN 'recorded' WHEN u.layer = x.layer AND u.kind = x.kind AND u.amount = x.amount THEN 'repeated' ELSE 'conflict' END
                   ORDER BY x.e) INTO outcomes
    FROM unnest(e_id, e_layer, e_kind, e_amount) WITH ORDINALITY x(id, layer, kind, amount, e)
    LEFT JOIN usage_event u ON u.workspace_id = ws AND u.agent_id = agent AND u.event_id = x.id;
  IF 'conflict' = ANY (outcomes) OR NOT 'recorded' = ANY (outcomes) THEN RETURN; END IF;
  INSERT INTO usage_event (workspace_id, agent_id, event_id, layer, kind, amount, metadata, actor, teams, recorded_at)
  SELECT ws, agent, x.id, x.layer, x.kind, x.amount, nullif(e_metadata -> (x.e - 1)::integer, 'null'), by_actor, above, now_
    FROM unnest(e_id, e_layer, e_kind, e_amount, outcomes) WITH ORDINALITY x(id, layer, kind, amount, outcome, e) WHERE x.outcome = 'recorded';
  n_busy := array_fill(false, ARRAY[cardinality(n_row)]);
  n_row := purser_roll_budgets(n_busy, n_row, now_);
  FOREACH n IN ARRAY n_row LOOP
    PERFORM purser_charge_usage(n, now_, sum(x.amount), count(*)) FROM unnest(e_layer, e_amount, outcomes) x(layer, amount, outcome)
      WHERE x.outcome = 'recorded' AND x.layer = n.layer HAVING count(*) > 0;
  END LOOP;
END $function$;
GRANT EXECUTE ON FUNCTION purser_record_usage TO purser_writer;

CREATE OR REPLACE FUNCTION public.purser_roll_budgets(n_busy boolean[], n_row budget_node[], at timestamp with time zone)
 RETURNS budget_node[]
 LANGUAGE plpgsql
AS $function$
DECLARE
  now_24h constant timestamptz := date_trunc('minute', at) - interval '24 hours';
  now_30d constant timestamptz := date_trunc('minute', at) - interval '30 days';
  n budget_node;
BEGIN
  FOR k IN 1 .. cardinality(n_row) LOOP
    n := n_row[k];
    CONTINUE WHEN n_busy[k];
    IF num_nonnulls(n.limit_rolling_24h, n.limit_count_rolling_24h) > 0 AND coalesce(n.rolling_24h_from < now_24h, true) THEN
      SELECT now_24h, n.rolling_24h_spent + s.spent, n.rolling_24h_count + s.count INTO n.rolling_24h_from, n.rolling_24h_spent, n.rolling_24h_count
        FROM purser_moved_on(n, n.rolling_24h_from, now_24h) s;
      UPDATE budget_node b SET rolling_24h_from = n.rolling_24h_from, rolling_24h_spent = n.rolling_24h_spent, rolling_24h_count = n.rolling_24h_count
       WHERE b.workspace_id = n.workspace_id AND b.node_id = n.node_id AND b.unit = n.unit AND b.layer = n.layer;
    END IF;
    IF num_nonnulls(n.limit_rolling_30d, n.limit_count_rolling_30d) > 0 AND coalesce(n.rolling_30d_from < now_30d, true) THEN
      SELECT now_30d, n.rolling_30d_spent + s.spent, n.rolling_30d_count + s.count INTO n.rolling_30d_from, n.rolling_30d_spent, n.rolling_30d_count
        FROM purser_moved_on(n, n.rolling_30d_from, now_30d) s;
      UPDATE budget_node b SET rolling_30d_from = n.rolling_30d_from, rolling_30d_spent = n.rolling_30d_spent, rolling_30d_count = n.rolling_30d_count
       WHERE b.workspace_id = n.workspace_id AND b.node_id = n.node_id AND b.unit = n.unit AND b.layer = n.layer;
    END IF;
    n_row[k] := n;
  END LOOP;
  RETURN n_row;
END $function$;
GRANT EXECUTE ON FUNCTION purser_roll_budgets TO purser_writer;

CREATE OR REPLACE FUNCTION public.purser_secure_projection(projection regclass)
 RETURNS void
 LANGUAGE plpgsql
AS $function$
BEGIN
  EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', projection);
  EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', projection);
  EXECUTE format('CREATE POLICY own_workspace ON %s FOR SELECT TO purser_reader
    USING (workspace_id = nullif(current_setting(''purser.workspace_id'', true), '''')::uuid)', projection);
  EXECUTE format('CREATE POLICY system ON %s TO purser_system USING (true) WITH CHECK (true)', projection);
  EXECUTE format('REVOKE ALL ON %s FROM purser_checker', projection); -- It judges by events, not by what was made of them.
  EXECUTE format('GRANT SELECT ON %s TO purser_reader', projection);
  EXECUTE format('GRANT SELECT, INSERT, UPDATE ON %s TO purser_system', projection);
END $function$;

CREATE OR REPLACE FUNCTION public.purser_stop_gate(scope text)
 RETURNS bigint
 LANGUAGE sql
 IMMUTABLE
AS $function$ SELECT hashtextextended('purser/control/' || scope, 0) $function$;
GRANT EXECUTE ON FUNCTION purser_stop_gate TO purser_system;
GRANT EXECUTE ON FUNCTION purser_stop_gate TO purser_writer;

CREATE OR REPLACE FUNCTION public.purser_write_approvals(c_ws uuid[], c_op uuid[], c_agent uuid[], a_cmd integer[], a_kind text[], a_data jsonb, results text[], judged timestamp with time zone)
 RETURNS void
 LANGUAGE plpgsql
AS $function$
DECLARE
  changed text[];
BEGIN
  IF 'vote' = ANY (a_kind) OR 'grant' = ANY (a_kind) THEN
    PERFORM purser_check_roster(c_ws, a_cmd, a_kind, a_data, results);
    INSERT INTO approval_vote (workspace_id, approval_id, voter, on_behalf_of, voted_at)
    SELECT p.workspace_id, p.approval_id, d.data ->> 'by', d.data ->> 'on_behalf_of', judged
      FROM unnest(a_cmd, a_kind) WITH ORDINALITY t(cmd, kind, i), LATERAL (SELECT a_data -> (t.i - 1)::integer AS data) d, approval p
     WHERE results[t.cmd] = 'ok' AND t.kind = 'vote' AND p.workspace_id = c_ws[t.cmd] AND p.operation_id = c_op[t.cmd] AND p.status = 'pending';
  END IF;

  WITH touched AS (
    UPDATE approval p
       SET status = CASE x.kind WHEN 'vote' THEN p.status WHEN 'grant' THEN 'approved' WHEN 'reject' THEN 'rejected' WHEN 'expire' THEN 'expired' ELSE 'cancelled' END,
           use_by = coalesce(to_timestamp((x.data ->> 'use_by_ms')::bigint / 1000.0), p.use_by),
           decided_by = CASE x.kind WHEN 'vote' THEN p.decided_by ELSE coalesce(x.data ->> 'by', p.decided_by) END,
           reason = coalesce(x.data ->> 'reason', p.reason), decided_at = CASE x.kind WHEN 'vote' THEN p.decided_at ELSE judged END,
           revision = p.revision + 1, changed_at = judged
      -- A vote that completes its quorum comes with the grant, which says all.
      FROM (SELECT DISTINCT ON (t.cmd) c_ws[t.cmd] AS ws, c_op[t.cmd] AS op, t.kind, a_data -> (t.i - 1)::integer AS data
              FROM unnest(a_cmd, a_kind) WITH ORDINALITY t(cmd, kind, i) WHERE results[t.cmd] = 'ok' AND t.kind NOT IN ('request', 'use')
             ORDER BY t.cmd, t.kind = 'vote') x
     WHERE p.workspace_id = x.ws AND p.operation_id = x.op AND p.status IN ('pending', 'approved')
    RETURNING p.workspace_id, p.approval_id
  )
  SELECT array_agg(touched.workspace_id || ',' || touched.approval_id) INTO changed FROM touched;

  -- A statement of its own: one commit may close an approval and ask for the next.
  WITH asked AS (
    INSERT INTO approval (workspace_id, approval_id, operation_id, agent_id, digest, status, decide_by, rules, requester, host, unit, amount)
    SELECT c_ws[t.cmd], d.data ->> 'id', c_op[t.cmd], c_agent[t.cmd], d.data ->> 'digest', 'pending', to_timestamp((d.data ->> 'decide_by_ms')::bigint / 1000.0),
           d.data -> 'rules', d.data ->> 'requester', d.data ->> 'host', d.data ->> 'unit', (d.data ->> 'amount')::numeric
      FROM unnest(a_cmd, a_kind) WITH ORDINALITY t(cmd, kind, i), LATERAL (SELECT a_data -> (t.i - 1)::integer AS data) d
     WHERE results[t.cmd] = 'ok' AND t.kind = 'request'
    RETURNING workspace_id, approval_id
  )
  SELECT changed || array_agg(asked.workspace_id || ',' || asked.approval_id) INTO changed FROM asked;
  -- Whoever looks at approvals is told, at most once per hundred: a payload stays below 8,000 bytes.
  PERFORM pg_notify('purser_approvals', array_to_string(changed[n : n + 99], ',')) FROM generate_series(1, coalesce(cardinality(changed), 0), 100) n;
END $function$;
GRANT EXECUTE ON FUNCTION purser_write_approvals TO purser_writer;

CREATE OR REPLACE FUNCTION public.purser_write_blobs(c_ws uuid[], c_op uuid[], b_cmd integer[], b_kind text[], b_sealed bytea[], b_meta jsonb, b_ttl bigint[], results text[])
 RETURNS void
 LANGUAGE sql
AS $function$
  INSERT INTO blob (workspace_id, operation_id, kind, sealed, meta, expires_at)
  SELECT c_ws[x.cmd], c_op[x.cmd], x.kind, x.sealed, b_meta -> (x.i - 1)::integer, clock_timestamp() + make_interval(secs => x.ttl / 1000.0)
    FROM unnest(b_cmd, b_kind, b_sealed, b_ttl) WITH ORDINALITY x(cmd, kind, sealed, ttl, i)
   WHERE results[x.cmd] = 'ok'
      ON CONFLICT (workspace_id, operation_id, kind) DO UPDATE SET sealed = excluded.sealed, meta = excluded.meta, expires_at = excluded.expires_at
$function$;
GRANT EXECUTE ON FUNCTION purser_write_blobs TO purser_writer;

CREATE OR REPLACE FUNCTION public.purser_write_charges(n_ws uuid[], n_id uuid[], n_unit text[], n_row budget_node[], n_held numeric[], n_count integer[], n_dirty boolean[], capture_k integer[], capture_at timestamp with time zone[], capture_amount numeric[], at timestamp with time zone)
 RETURNS void
 LANGUAGE plpgsql
AS $function$
DECLARE
  this_hour constant timestamptz := date_trunc('hour', at, 'UTC');
  today constant date := (at AT TIME ZONE 'UTC')::date;
  this_month constant date := date_trunc('month', today)::date;
BEGIN
  UPDATE budget_node b
     SET held = x.held, held_count = x.held_count, lifetime_spent = b.lifetime_spent + coalesce(c.spent, 0), lifetime_count = b.lifetime_count + coalesce(c.count, 0),
         hour = greatest(b.hour, this_hour), hour_spent = CASE WHEN b.hour < this_hour THEN 0 ELSE b.hour_spent END + coalesce(c.hour_spent, 0),
         hour_count = CASE WHEN b.hour < this_hour THEN 0 ELSE b.hour_count END + coalesce(c.hour_count, 0),
         day = greatest(b.day, today), day_spent = CASE WHEN b.day < today THEN 0 ELSE b.day_spent END + coalesce(c.day_spent, 0),
         day_count = CASE WHEN b.day < today THEN 0 ELSE b.day_count END + coalesce(c.day_count, 0),
         month = greatest(b.month, this_month), month_spent = CASE WHEN b.month < this_month THEN 0 ELSE b.month_spent END + coalesce(c.month_spent, 0),
         month_count = CASE WHEN b.month < this_month THEN 0 ELSE b.month_count END + coalesce(c.month_count, 0),
         rolling_24h_spent = b.rolling_24h_spent + coalesce(c.spent_24h, 0), rolling_24h_count = b.rolling_24h_count + coalesce(c.count_24h, 0),
         rolling_30d_spent = b.rolling_30d_spent + coalesce(c.spent_30d, 0), rolling_30d_count = b.rolling_30d_count + coalesce(c.count_30d, 0)
    FROM unnest(n_ws, n_id, n_unit, n_held, n_count, n_dirty) WITH ORDINALITY x(ws, id, unit, held, held_count, dirty, k)
    LEFT JOIN (SELECT u.k, sum(u.amount) AS spent, count(*) AS count,
                      sum(u.amount) FILTER (WHERE u.at >= this_hour) AS hour_spent, count(*) FILTER (WHERE u.at >= this_hour) AS hour_count,
                      sum(u.amount) FILTER (WHERE u.at >= today::timestamp AT TIME ZONE 'UTC') AS day_spent,
                      count(*) FILTER (WHERE u.at >= today::timestamp AT TIME ZONE 'UTC') AS day_count,
                      sum(u.amount) FILTER (WHERE u.at >= this_month::timestamp AT TIME ZONE 'UTC') AS month_spent,
                      count(*) FILTER (WHERE u.at >= this_month::timestamp AT TIME ZONE 'UTC') AS month_count,
                      sum(u.amount) FILTER (WHERE u.at >= (n_row[u.k]).rolling_24h_from) AS spent_24h, count(*) FILTER (WHERE u.at >= (n_row[u.k]).rolling_24h_from) AS count_24h,
                      sum(u.amount) FILTER (WHERE u.at >= (n_row[u.k]).rolling_30d_from) AS spent_30d, count(*) FILTER (WHERE u.at >= (n_row[u.k]).rolling_30d_from) AS count_30d
                 FROM unnest(capture_k, capture_at, capture_amount) u(k, at, amount) GROUP BY u.k) c ON c.k = x.k
   WHERE x.dirty AND b.workspace_id = x.ws AND b.node_id = x.id AND b.unit = x.unit AND b.layer = 'payments';
  INSERT INTO budget_minute AS m (workspace_id, node_id, unit, layer, minute, spent, count)
  SELECT n_ws[x.k], n_id[x.k], n_unit[x.k], 'payments', date_trunc('minute', x.at), sum(x.amount), count(*)
    FROM unnest(capture_k, capture_at, capture_amount) x(k, at, amount) GROUP BY x.k, date_trunc('minute', x.at)
      ON CONFLICT (workspace_id, node_id, unit, layer, minute) DO UPDATE SET spent = m.spent + excluded.spent, count = m.count + excluded.count;
END $function$;
GRANT EXECUTE ON FUNCTION purser_write_charges TO purser_writer;

CREATE OR REPLACE FUNCTION public.purser_write_history(c_ws uuid[], c_op uuid[], c_agent uuid[], c_month date[], c_version integer[], c_hash bytea[], c_status text[], c_answerable boolean[], c_next bigint[], c_release boolean[], c_fence bigint[], c_opened bigint[], c_now bigint[], c_actor jsonb, c_kind text[], c_key text[], c_fingerprint text[], e_cmd integer[], e_version integer[], e_type text[], e_schema integer[], e_prev bytea[], e_hash bytea[], e_data jsonb, results text[])
 RETURNS void
 LANGUAGE plpgsql
AS $function$
DECLARE
  this_life integer;
BEGIN
  SELECT epoch INTO this_life FROM cluster;
  INSERT INTO events (workspace_id, opened_month, operation_id, version, type, schema, data, actor, occurred_at_ms, prev_hash, hash, cluster_epoch)
  SELECT c_ws[x.cmd], c_month[x.cmd], c_op[x.cmd], x.version, x.type, x.schema, e_data -> (x.i - 1)::integer, c_actor -> (x.cmd - 1), c_now[x.cmd], x.prev, x.hash, this_life
    FROM unnest(e_cmd, e_version, e_type, e_schema, e_prev, e_hash) WITH ORDINALITY x(cmd, version, type, schema, prev, hash, i)
   WHERE results[x.cmd] = 'ok';

  IF num_nonnulls(VARIADIC c_kind) > 0 THEN
    INSERT INTO operations (workspace_id, operation_id, agent_id, kind, status, answerable, version, last_hash, opened_at_ms, idempotency_key_hash, fingerprint, next_attempt_at)
    SELECT x.ws, x.op, x.agent, x.kind, x.status, x.answerable, x.version, x.hash, x.opened, x.key, x.fingerprint, to_timestamp(x.next / 1000.0)
      FROM unnest(c_ws, c_op, c_agent, c_kind, c_status, c_answerable, c_version, c_hash, c_opened, c_key, c_fingerprint, c_next, results)
           x(ws, op, agent, kind, status, answerable, version, hash, opened, key, fingerprint, next, result)
     WHERE x.kind IS NOT NULL AND x.result = 'ok';
  END IF;
  IF num_nulls(VARIADIC c_kind) > 0 THEN
    -- While somebody holds the lease, its end is when somebody else must look. Who holds it and goes on changes nothing about that: the indexed time
    -- stays as it is, so that the row is rewritten in its page and no index hears of it.
    UPDATE operations o
       SET status = x.status, answerable = x.answerable, version = x.version, last_hash = x.hash, attempts = 0, updated_at = clock_timestamp(),
           next_attempt_at = CASE WHEN x.fence IS NOT NULL AND NOT x.release THEN coalesce(o.next_attempt_at, o.lease_until)
                                  ELSE coalesce(to_timestamp(x.next / 1000.0), CASE WHEN NOT x.release THEN o.lease_until END) END,
           lease_owner = CASE WHEN NOT x.release THEN o.lease_owner END, lease_until = CASE WHEN NOT x.release THEN o.lease_until END
      FROM unnest(c_ws, c_op, c_kind, c_status, c_answerable, c_version, c_hash, c_next, c_release, c_fence, results)
           x(ws, op, kind, status, answerable, version, hash, next, release, fence, result)
     WHERE x.kind IS NULL AND x.result = 'ok' AND o.workspace_id = x.ws AND o.operation_id = x.op;
  END IF;
END $function$;
GRANT EXECUTE ON FUNCTION purser_write_history TO purser_writer;
