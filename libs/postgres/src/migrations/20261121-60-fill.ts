/** An account nonce whose call the signer will never sign can become a fill, so that what is behind it goes on: before anything was signed for it, and never back. */
export const name = '20261121-60-fill';
export const sql = `
GRANT UPDATE (kind, target, call_hash, call_sealed, gas_limit) ON broadcast TO purser_system;

CREATE FUNCTION purser_broadcast_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.kind = 'fill' AND OLD.kind = 'transfers' AND NEW.target = NEW.sender AND NOT EXISTS (
    SELECT FROM broadcast_attempt a WHERE a.network = NEW.network AND a.sender = NEW.sender AND a.account_nonce = NEW.account_nonce)
  THEN RETURN NEW; END IF;
  RAISE EXCEPTION 'the call of an account nonce is kept' USING ERRCODE = 'integrity_constraint_violation';
END $$;
REVOKE ALL ON FUNCTION purser_broadcast_kept() FROM PUBLIC;
CREATE TRIGGER call_kept BEFORE UPDATE OF kind, target, call_hash, call_sealed, gas_limit ON broadcast
  FOR EACH ROW EXECUTE FUNCTION purser_broadcast_kept();
`;
