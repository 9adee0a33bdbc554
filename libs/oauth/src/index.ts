export { fetchKeys } from './fetch-keys.js';
export { createTokenCheck, type TokenCheckDeps } from './token-check.js';
export { createTokenVerifier, type Issuer, type TokenVerifierOptions } from './token-verifier.js';
export { IssuerKeys, type FetchKeys, type IssuerKeysDeps } from './issuer-keys.js';
export { ALGORITHMS, type Algorithm } from './algorithms.js';
