export { createCore, type Core } from './compose.js';
export type { Health } from './health.js';
export { systemClock } from './clock.js';
export {
  ConfigError,
  DATABASE_ROLES,
  loadConfig,
  PROCESSES,
  rolePassword,
  rolePasswords,
  roleUrl,
  type Config,
  type DatabaseRole,
  type NetworkConfig,
  type ProcessName,
} from './config.js';
export { LIMIT_NAMES, networkOf, rateLimitsOf, type LimitName, type RateLimitTable } from './rate-limits.js';
export { createDerivation } from './derivation.js';
export { DIALECTS, WORKER_ROLES, type DialectName, type WorkerRole } from './environment.js';
export { hashing } from './hashing.js';
export { ISSUER_HEADERS, type OAuth } from './oauth.js';
export { createIds, type RuntimeIds } from './ids.js';
export {
  fingerprintsOf,
  openDerivationKeys,
  type DerivationKeyName,
  type DerivationKeys,
} from './keystore/derivation-keys.js';
export {
  assertPrivate,
  deriveKey,
  KeystoreError,
  newKdf,
  privateFolder,
  readPrivate,
  seal,
  syncFolder,
  unseal,
  writePrivate,
  type KdfParameters,
} from './keystore/sealed-file.js';
export {
  acceptCorrelationId,
  createLogger,
  type LoggerOptions,
  type LogLevel,
  type RuntimeLogger,
} from './logger.js';
export { createMetrics, type MetricsOptions, type RuntimeMetrics, type StoredFigures } from './metrics.js';
export { sanitize, sanitizeError, sanitizeText, type LoggedError } from './sanitize.js';
export { readBroadcastMessage } from './signer/broadcast-message.js';
export { FrameReader, FrameWriter } from './signer/frames.js';
export type {
  AuthorizeReply,
  CancelReply,
  BroadcastAccountsRefusal,
  BroadcastReply,
  Replies,
  SignerCall,
  SignerRequest,
  SignerResponse,
  SignerStatus,
  WalletInfo,
  WalletRefusal,
} from './signer/messages.js';
export {
  createSignerClient,
  SignerRefusedError,
  SignerUnavailableError,
  WalletRefusedError,
  type SignerClient,
  type SignerClientOptions,
} from './signer/signer-client.js';
export { stampVerifier } from './stamps.js';
export { createTracer, type SpanAttributes, type Tracer, type TracerOptions } from './tracing.js';
export { createVault } from './vault.js';
