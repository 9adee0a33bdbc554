/** Float policies: what an agent's wallet is kept filled to from the treasury (ADR 12). */
export const name = '20261121-51-2-float';
export const sql = `
CREATE TABLE wallet_float (
  workspace_id uuid NOT NULL,
  wallet_id text NOT NULL,
  network text NOT NULL,
  token text NOT NULL,
  enabled boolean NOT NULL,
  min numeric(78,0) NOT NULL CHECK (min > 0),
  target numeric(78,0) NOT NULL CHECK (target >= min),
  cap_per_day numeric(78,0) NOT NULL CHECK (cap_per_day > 0),
  person text NOT NULL, -- who set it, and so asks for each of its top-ups
  looked_at boolean NOT NULL DEFAULT false, -- since it was set
  day date NOT NULL DEFAULT 'epoch',
  day_sent numeric(78,0) NOT NULL DEFAULT 0 CHECK (day_sent >= 0),
  -- The top-up under way: amount null, there is none. Its operation's key is derived from the serial.
  serial bigint NOT NULL DEFAULT 0,
  amount numeric(78,0) CHECK (amount > 0),
  operation_id uuid,
  -- Balances read before this block do not show the last top-up.
  since_block bigint NOT NULL DEFAULT 0,
  last_operation_id uuid,
  problem text,
  not_before timestamptz NOT NULL DEFAULT '-infinity',
  PRIMARY KEY (workspace_id, wallet_id, network, token),
  CHECK (operation_id IS NULL OR amount IS NOT NULL)
);
CREATE INDEX wallet_float_by_wallet ON wallet_float (wallet_id) WHERE enabled;
CREATE INDEX wallet_float_under_way ON wallet_float (network) WHERE amount IS NOT NULL;
CREATE INDEX wallet_float_new ON wallet_float (network) WHERE NOT looked_at;

ALTER TABLE wallet_float ENABLE ROW LEVEL SECURITY;
ALTER TABLE wallet_float FORCE ROW LEVEL SECURITY;
CREATE POLICY own_workspace ON wallet_float FOR SELECT TO purser_reader
  USING (workspace_id = nullif(current_setting('purser.workspace_id', true), '')::uuid);
CREATE POLICY system ON wallet_float TO purser_system USING (true) WITH CHECK (true);
CREATE POLICY checker ON wallet_float FOR SELECT TO purser_checker USING (true);
GRANT SELECT ON wallet_float TO purser_reader, purser_checker;
GRANT SELECT, INSERT, UPDATE ON wallet_float TO purser_system;
`;
