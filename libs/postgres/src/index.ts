export { createAdoption } from './adoption.js';
export {
  createAdministration,
  createGrantStore,
  createTokenStandings,
  createCredentialChecks,
  createApprovers,
  createPolicyStore,
  createSigningStores,
  newId,
  signatureMatches,
  signRequest,
  type AdministrationOptions,
  type AuthenticatorOptions,
  type CredentialChecks,
} from './admin/index.js';
export {
  ANSWERABLE_SQL,
  ANSWERS_CHANNEL,
  APPROVALS_CHANNEL,
  CHANGED_APPROVALS_SQL,
  createAnswers,
  type AnswersOptions,
  type ListeningAnswers,
} from './answers.js';
export {
  declareRestored,
  dumpDatabase,
  isDatabaseUsed,
  LONGEST_VALIDITY_SEC,
  restoreDatabase,
  type NextLife,
} from './backup.js';
export { eventHash, GENESIS_PREV_HASH, type HashedEvent } from './event-hash.js';
export { type GroupCommitOptions } from './group-commit.js';
export { migrate, type MigrateOptions } from './migrate.js';
export {
  createOperationStore,
  type OperationStoreOptions,
  type PostgresOperationStore,
} from './operation-store.js';
export { createPool, type PoolOptions } from './pool.js';
export { createUsageLedger } from './usage.js';
export { describeSchema } from './schema.js';
export { runStartupChecks, StartupChecksFailed, type StartupOptions } from './startup-checks.js';
export {
  PROJECTIONS,
  Projector,
  rebuildProjection,
  type Projection,
  type ProjectionLag,
  type ProjectorOptions,
  type Rebuilt,
} from './projections/index.js';
export {
  createFloatStore,
  createSingletonLeases,
  createWatchStore,
  type SingletonLeases,
} from './watch/index.js';
export {
  bindInstallation,
  purgeExpiredBlobs,
  readFigures,
  type InstallationFigures,
} from './installation.js';
export {
  createAnswerRights,
  createBroadcastStore,
  createSettlementDesk,
  ENDED_SQL,
  SETTLED_CHANNEL,
  WAITING_CHANNEL,
  type DeskOptions,
} from './settle/index.js';
export { Listener, type ListenerOptions } from './listener.js';
export { createReaderPool, createReadStore, type ReaderPoolOptions } from './reads/index.js';
