export {
  createAssetRegistry,
  findAsset,
  hasherFor,
  hasherOf,
  REGISTERED_ASSETS,
  type EvmAsset,
  type NonceModel,
  type SignableTuple,
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
  findForkPoint,
  scanRange,
  type BlockRange,
  type StoredBlock,
  type WatchedSet,
} from './chain-watcher.js';
export {
  createEip3009Hasher,
  openAuthorizationKey,
  SignatureCheckFailedError,
  type AuthorizationKey,
  type CancelTuple,
  type Eip3009Hasher,
  type SignedDigest,
  type TokenDomain,
  type TransferTuple,
} from './eip3009.js';
export { createBroadcastChain, FILL_GAS, type BroadcastChainOptions } from './broadcast-chain.js';
export { rememberContracts } from './contract-cache.js';
export { createChainSource, type ChainSourceOptions } from './chain-source.js';
export { createChainReader } from './chain-reader.js';
export { finalityWitnesses, finalizedBlock, verifyNetwork } from './finality.js';
export { RpcError, type JsonRpcOptions, type RpcFault } from './json-rpc.js';
export { keccak256, keccak256OfText, toHex } from './keccak.js';
export {
  bitOf,
  createPermitHasher,
  EXACT_PROXY,
  PERMIT2,
  PROXY_OF,
  UPTO_PROXY,
  type PermitHasher,
  type PermitMethod,
  type PermitTuple,
} from './permit2.js';
export { createPaymentChecks, type PaymentChecksOptions } from './payment-checks.js';
export {
  createEvmRpc,
  type BlockHeader,
  type BlockRef,
  type BlockTag,
  type EvmRpc,
  type LogFilter,
  type RawLog,
  type Receipt,
} from './rpc.js';
export { TokenMismatchError, verifyTokens } from './token-check.js';
export { createRpcPanel, type RpcPanel, type RpcPanelOptions } from './rpc-panel.js';
export {
  addressOfPrivateKey,
  assertNativeSigning,
  checksumAddress,
  decodePrivateKey,
  encodePrivateKey,
  InvalidKeyMaterialError,
  NativeSigningUnavailableError,
  parseSignature,
  recoverAddress,
  signDigest,
} from './secp256k1.js';
export {
  decodeTokenEvent,
  decodeTokenEvents,
  fateInLogs,
  fateOf,
  indexTokenEvents,
  TOPICS,
  type LogPosition,
  type NonceEvent,
  type NonceUse,
  type TokenEvent,
  type TokenEventIndex,
  type TransferEvent,
} from './settlement-logs.js';
export {
  identityHash,
  InvalidTransactionError,
  openBroadcastKey,
  unsignedHash,
  type BroadcastKey,
  type SignedTransaction,
} from './transaction.js';
export { MULTICALL3 } from './multicall3.js';
export { decodeTransfers, encodeTransfers, type EncodedCall } from './transfer-calls.js';
export type { TransferCall } from './methods/method.js';
export { InvalidAuthorizationError } from './words.js';
