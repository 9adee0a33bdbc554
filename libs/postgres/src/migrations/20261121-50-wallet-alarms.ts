/** When a wallet is low, and that its row says what is live by the name callers are told. */
export const name = '20261121-50-wallet-alarms';
export const sql = `
-- low_below: an admin is told when less than this is available; null: nobody asked. low: they have been told, and it has not been enough since.
ALTER TABLE wallet_asset ADD COLUMN low_below numeric(78,0) CHECK (low_below >= 0), ADD COLUMN low boolean NOT NULL DEFAULT false;
CREATE INDEX wallet_asset_alarms ON wallet_asset (network) WHERE low_below IS NOT NULL;
GRANT UPDATE (low_below, low) ON wallet_asset TO purser_system;
`;
