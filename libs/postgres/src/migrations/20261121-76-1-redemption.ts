/**
 * What a payment that one of our operations settled before it was shown is redeemed by: the payment-identifier in its header, which no transaction
 * carries. Null: it is redeemed by nobody.
 */
export const name = '20261121-76-1-redemption';
export const sql = `
ALTER TABLE settlement ADD COLUMN redemption text;
GRANT UPDATE (redemption) ON settlement TO purser_system;
`;
