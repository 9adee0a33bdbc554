export {
  assetsOfChain,
  REGISTERED_ASSETS,
  registeredAsset,
  type NonceModel,
  type RegisteredAsset,
} from './assets.js';
export {
  caip2OfV1Name,
  networkProfile,
  PROFILE_NAMES,
  v1NameOfChain,
  type FinalityRule,
  type NetworkProfile,
  type ProfileName,
} from './chains.js';
export {
  createEip3009Hasher,
  InvalidAuthorizationError,
  openAuthorizationKey,
  SignatureCheckFailedError,
  type AuthorizationKey,
  type CancelAuthorization,
  type Eip3009Hasher,
  type SignedDigest,
  type TokenDomain,
  type TransferAuthorization,
} from './eip3009.js';
export { keccak256, keccak256OfText, toHex } from './keccak.js';
export {
  addressOfPrivateKey,
  assertNativeSigning,
  checksumAddress,
  decodePrivateKey,
  encodePrivateKey,
  InvalidKeyMaterialError,
  NativeSigningUnavailableError,
  recoverAddress,
  signDigest,
  type SignatureHex,
} from './secp256k1.js';
