// The Postgres side of the composition: one pool per database role, and every store on the role it is meant for (ruling 21).
import type {
  ActivityPorts,
  Administration,
  Adoption,
  AnswerRights,
  Answers,
  Approvers,
  Logger,
  OperationStore,
  PolicyStore,
  ReadStore,
  SettlementDesk,
  BroadcastStore,
  Vault,
  FloatStore,
  GrantStore,
  TokenStandings,
  UsageLedger,
  WatchStore,
} from '#engine';
import {
  ANSWERABLE_SQL,
  APPROVALS_CHANNEL,
  CHANGED_APPROVALS_SQL,
  bindInstallation,
  createAdoption,
  createAdministration,
  createAnswerRights,
  createGrantStore,
  createTokenStandings,
  createAnswers,
  createCredentialChecks,
  createApprovers,
  createBroadcastStore,
  createOperationStore,
  createPolicyStore,
  createReaderPool,
  createReadStore,
  createSettlementDesk,
  createSigningStores,
  createFloatStore,
  createWatchStore,
  createPool,
  createUsageLedger,
  ENDED_SQL,
  Listener,
  Projector,
  purgeExpiredBlobs,
  readFigures,
  runStartupChecks,
  SETTLED_CHANNEL,
  WAITING_CHANNEL,
  type CredentialChecks,
} from '#postgres';
import type { Caip2 } from '#domain';
import { systemClock } from './clock.js';
import type { Config } from './config.js';
import type { StoredFigures } from './metrics.js';

export interface Stores {
  readonly operations: OperationStore;
  readonly policies: PolicyStore;
  readonly approvers: Approvers;
  readonly answers: Answers;
  readonly approvalNews: { changed(workspaceId: string, deadlineMs: number): Promise<void> };
  readonly answerRights: AnswerRights;
  readonly adoption: Adoption;
  readonly admin: Administration;
  readonly signing: Omit<ActivityPorts, 'stamps'>;
  readonly reads: ReadStore;
  readonly usage: UsageLedger;
  readonly grants: GrantStore;
  readonly tokenStandings: TokenStandings;
  readonly credentials: Omit<CredentialChecks, 'close'>;
  readonly watch: WatchStore;
  readonly floats: FloatStore;
  readonly settlements: SettlementDesk;
  readonly broadcasts: BroadcastStore;
  /** Calls back with the network on which a transfer begins to wait, or null when some may have been missed. */
  onWaitingTransfers(heard: (network: Caip2 | null) => void): { close(): Promise<void> };
  readonly projections: Pick<Projector, 'start' | 'stop' | 'wake'>;
  figures(): Promise<StoredFigures>;
  purgeExpiredBlobs(): Promise<number>;
  ping(): Promise<void>;
  close(): Promise<void>;
}

export interface DatabaseOptions {
  readonly logger: Logger;
  readonly owner: string;
  /** Seals what must not lie in the database in the clear. */
  readonly vault: Vault;
  /** What the database must remember of the derivation keys; another set of keys would derive other payments (ruling 9). */
  readonly keyFingerprints: Readonly<Record<string, string>>;
  /** The server may lose what it was given: for tests alone. */
  readonly throwaway?: boolean;
}

/** @throws when the database is not safe to hold money (safety.md d.2) or belongs to other keys. */
export async function connectDatabase(
  config: Config,
  { logger, owner, vault, keyFingerprints, throwaway = false }: DatabaseOptions,
): Promise<Stores> {
  const { writer, system, reader } = config.database;
  if (writer === null || system === null || reader === null)
    throw new Error('not a process that uses these roles');
  const writerPool = createPool(writer, { name: `purser-${config.process}-writer`, max: 6 });
  const systemPool = createPool(system, { name: `purser-${config.process}-system`, max: 10 });
  const readerPool = createReaderPool({ connectionString: reader });
  const clock = { nowMs: () => systemClock.nowMs() };
  await Promise.all(
    [writerPool, systemPool, readerPool].map((pool) => runStartupChecks(pool, { ...clock, throwaway })),
  );
  await bindInstallation(systemPool, keyFingerprints);
  const answers = createAnswers({
    connectionString: system,
    logger,
    poll: async (operationIds) => {
      const { rows } = await systemPool.query<{ operation_id: (typeof operationIds)[number] }>(
        ANSWERABLE_SQL,
        [operationIds],
      );
      return rows.map((row) => row.operation_id);
    },
  });
  const endings = createAnswers<string>({
    connectionString: system,
    channel: SETTLED_CHANNEL,
    logger,
    poll: async (settlementIds) => {
      const { rows } = await systemPool.query<{ id: string }>(ENDED_SQL, [settlementIds]);
      return rows.map((row) => row.id);
    },
  });
  const keyEnvironment = config.networks.every((it) => it.profile.testnet) ? 'test' : 'live';
  const credentials = createCredentialChecks(systemPool, { keyEnvironment, vault });
  const approvalNews = createAnswers<string>({
    connectionString: system,
    channel: APPROVALS_CHANNEL,
    logger,
    poll: async (workspaceIds) => {
      const { rows } = await systemPool.query<{ id: string }>(CHANGED_APPROVALS_SQL, [workspaceIds]);
      return rows.map((row) => row.id);
    },
  });
  const projector = new Projector({ pool: systemPool, owner, logger });
  return {
    operations: createOperationStore({
      writer: writerPool, // Behind HTTP row-level security binds every read to the caller's workspace (ruling 21).
      reads: config.process === 'api' ? readerPool : systemPool,
      leases: systemPool,
    }),
    policies: createPolicyStore(systemPool),
    approvers: createApprovers(systemPool),
    answers,
    approvalNews,
    grants: createGrantStore(systemPool),
    tokenStandings: createTokenStandings(systemPool),
    answerRights: createAnswerRights(systemPool),
    adoption: createAdoption(systemPool),
    admin: createAdministration(systemPool, { keyEnvironment, vault }),
    signing: createSigningStores(systemPool),
    reads: createReadStore(readerPool),
    usage: createUsageLedger(writerPool),
    credentials,
    watch: createWatchStore(systemPool),
    floats: createFloatStore(systemPool),
    settlements: createSettlementDesk({ pool: systemPool, vault, clock, endings }),
    broadcasts: createBroadcastStore(systemPool, vault),
    onWaitingTransfers(heard) {
      const listener = new Listener({
        connectionString: system,
        channel: WAITING_CHANNEL,
        name: 'purser-broadcaster',
        logger,
        heard: (network) => heard(network as Caip2),
        connected: () => heard(null),
      });
      listener.start();
      return listener;
    },
    projections: projector,
    figures: async () => ({ ...(await readFigures(systemPool)), projectionLagSec: await lagOf(projector) }),
    purgeExpiredBlobs: () => purgeExpiredBlobs(systemPool),
    async ping() {
      await systemPool.query('SELECT 1');
    },
    async close() {
      await projector.stop();
      await Promise.all([answers.close(), approvalNews.close(), endings.close(), credentials.close()]);
      await Promise.all([writerPool.end(), systemPool.end(), readerPool.end()]);
    },
  };
}

async function lagOf(projector: Projector): Promise<Record<string, number>> {
  const lags = await projector.lag();
  return Object.fromEntries(lags.map(({ name, lagMs }) => [name, lagMs / 1000]));
}
