/**
 * Credentials: keys narrowed to scopes and addresses, secrets that agents sign requests with, the role of a workspace's own server.
 * A secret has to be computed with, so it is sealed rather than hashed.
 */
export const name = '20261121-80-1-credentials';
export const sql = `
ALTER TABLE api_key DROP CONSTRAINT api_key_role_check;
ALTER TABLE api_key ADD CONSTRAINT api_key_role_check
  CHECK (role IN ('admin', 'agent', 'approver', 'auditor', 'backend', 'seller'));

ALTER TABLE api_key
  ADD COLUMN kind text NOT NULL DEFAULT 'key' CHECK (kind IN ('key', 'hmac')),
  ADD COLUMN sealed_secret bytea,
  ADD COLUMN scopes text[], -- null: what the role may by itself
  ADD COLUMN allowed_ips cidr[], -- null: from anywhere
  ALTER COLUMN secret_hash DROP NOT NULL,
  ADD CONSTRAINT api_key_hashed CHECK ((kind = 'key') = (secret_hash IS NOT NULL)),
  ADD CONSTRAINT api_key_sealed CHECK ((kind = 'hmac') = (sealed_secret IS NOT NULL)),
  ADD CONSTRAINT api_key_agents_sign CHECK (kind = 'key' OR role = 'agent');
CREATE INDEX api_key_secrets ON api_key (agent_id) WHERE kind = 'hmac' AND revoked_at IS NULL;
`;
