/** Signatures with public keys alone: whoever can read the issuer's key set must not be able to sign with what stands there. */
export const ALGORITHMS = ['ES256', 'EdDSA', 'RS256'] as const;
export type Algorithm = (typeof ALGORITHMS)[number];
