// The one place where ports meet adapters. The API and the worker call it; tests pass their own parts over it.
import { hostname } from 'node:os';
import type { Caip2, EvmAddress } from '#domain';
import {
  Broadcaster,
  byKind,
  ChainWatcher,
  type ActivityPorts,
  type Administration,
  type Authenticator,
  type Logger,
  type Ports,
  type RateCounters,
  type ReadStore,
  type UsageLedger,
  type WalletKeys,
} from '#engine';
import {
  createAssetRegistry,
  createBroadcastChain,
  createChainReader,
  createChainSource,
  createEvmRpc,
  createRpcPanel,
  rememberContracts,
  REGISTERED_ASSETS,
  verifyNetwork,
  verifyTokens,
  type EvmAsset,
  type EvmRpc,
  type RpcPanel,
} from '#evm';
import { createFacilitatorClient, createGuardedFetch, createSeller } from '#http';
import { createRateCounters, createRelay } from '#redis';
import { headerCodec } from '#x402';
import { systemClock } from './clock.js';
import type { Config, NetworkConfig } from './config.js';
import { connectDatabase, type Stores } from './database.js';
import { createDerivation } from './derivation.js';
import { composeFacilitator, type Facilitator, type Settling } from './facilitator.js';
import { hashing } from './hashing.js';
import { health, type Health } from './health.js';
import { createIds } from './ids.js';
import { fingerprintsOf, openDerivationKeys } from './keystore/derivation-keys.js';
import { createLogger } from './logger.js';
import type { RateLimitTable } from './rate-limits.js';
import { createMetrics, type RuntimeMetrics } from './metrics.js';
import { createSignerClient, WalletRefusedError, type SignerClient } from './signer/signer-client.js';
import { stampVerifier } from './stamps.js';
import { composeOAuth, composeTokenCheck, type OAuth } from './oauth.js';
import { createVault } from './vault.js';

/** Everything an API or worker process needs, and one `close` for all of it. */
export interface Core {
  readonly ports: Ports;
  readonly admin: Administration;
  /** Keys that people sign with, and what they are asked to sign. */
  readonly signing: ActivityPorts;
  readonly approvalNews: Stores['approvalNews'];
  readonly reads: ReadStore;
  readonly usage: UsageLedger;
  readonly authenticator: Authenticator;
  readonly walletKeys: WalletKeys;
  readonly signer: SignerClient;
  readonly watchers: readonly ChainWatcher[];
  /** One per network, none where no account broadcasts. */
  readonly broadcasters: readonly Broadcaster[];
  readonly onWaitingTransfers: Stores['onWaitingTransfers'];
  /** Calls back with the network of which an RPC over a WebSocket announces a block: a hint, nothing more. Returns what ends it. */
  onNewHead(heard: (network: Caip2) => void): () => void;
  readonly projections: Stores['projections'];
  readonly logger: Logger;
  readonly metrics: RuntimeMetrics;
  readonly metricsFor: Config['telemetry']['metrics'];
  readonly limits: { readonly counters: RateCounters; readonly table: RateLimitTable };
  readonly trustedProxies: readonly string[];
  readonly dialects: Config['dialects'];
  /** Null: no access token is good here. */
  readonly oauth: OAuth | null;
  readonly agnicHosts: readonly string[];
  /** Null: none is served here. */
  readonly facilitator: Facilitator | null;
  health(): Promise<Health>;
  purgeExpiredBlobs(): Promise<number>;
  close(): Promise<void>;
}

/** @throws when keys, database or a chain are not the ones this installation belongs to: nothing is served then. */
export async function createCore(config: Config): Promise<Core> {
  if (config.keystore.derivationPassphrase === null || config.redis.url === null)
    throw new Error('not a process that composes the core');
  const logger = createLogger({ name: config.process, level: config.telemetry.logLevel });
  const keys = await openDerivationKeys(config.keystore.folder, config.keystore.derivationPassphrase);
  const owner = `${hostname()}:${config.process}:${process.pid}`;
  const vault = createVault(keys.blob);
  const stores = await connectDatabase(config, {
    logger,
    owner,
    vault,
    keyFingerprints: fingerprintsOf(keys),
  });
  const rpcs = connectChains(config.networks);
  if (config.process === 'worker') await checkChains(config.networks, rpcs);
  const metrics = createMetrics({ process: config.process, readStored: () => stores.figures() });
  const relay = createRelay({ url: config.redis.url, logger });
  const counters = createRateCounters({ url: config.redis.url, logger, clock: systemClock });
  const signer = createSignerClient({ socketPath: config.signer.socketPath });
  const http = createGuardedFetch({ allow: config.egress.allow });
  const assets = createAssetRegistry(
    config.networks.map((it) => it.network),
    isServed(config.networks),
  );
  const ids = createIds(systemClock);
  const panels = panelsOf(config.networks, rpcs, logger);
  const ports: Ports = {
    clock: systemClock,
    ids,
    hashing,
    derivation: createDerivation(keys),
    vault,
    operations: stores.operations,
    policies: stores.policies,
    approvers: stores.approvers,
    assets,
    signer,
    seller: createSeller({ http, assets }),
    headers: headerCodec,
    chain: rememberContracts(createChainReader(panels), systemClock),
    settlements: stores.settlements,
    broadcasts: config.broadcast.accounts > 0,
    facilitators: createFacilitatorClient({ http, endpoints: config.settleFacilitators }),
    waker: relay,
    answers: stores.answers,
    adoption: stores.adoption,
    logger,
    metrics,
  };
  const watchers = config.networks.map((network) => {
    const tokens = assets.all().flatMap((asset) => (asset.network === network.network ? [asset.token] : []));
    const source = createChainSource({
      profile: network.profile,
      panel: panelOf(panels, network),
      tokens,
    });
    return new ChainWatcher({ ports, source, store: stores.watch, floats: stores.floats, owner, tokens });
  });
  const broadcasters = config.networks.map(
    (network) =>
      new Broadcaster({
        chain: createBroadcastChain({
          panel: panelOf(panels, network),
          finality: network.profile.finality,
        }),
        store: stores.broadcasts,
        signer,
        clock: systemClock,
        logger,
        owner,
        accounts: config.broadcast.accounts,
        feeCap: config.signer.maxFeePerGas,
        costCap: config.signer.maxGasCost,
        lowBalance: config.broadcast.lowBalance,
      }),
  );
  return {
    ports,
    broadcasters: config.broadcast.accounts > 0 ? broadcasters : [],
    onWaitingTransfers: (heard) => stores.onWaitingTransfers(heard),
    onNewHead(heard) {
      const ends = [...rpcs].flatMap(([network, some]) =>
        some.map((rpc) => rpc.onNewHead(() => heard(network))),
      );
      return () => {
        for (const end of ends) end();
      };
    },
    admin: stores.admin,
    signing: { ...stores.signing, stamps: stampVerifier },
    approvalNews: stores.approvalNews,
    reads: stores.reads,
    usage: stores.usage,
    authenticator: byKind({
      key: (presented, facts) => stores.credentials.key(presented, facts),
      hmac: (presented, facts) => stores.credentials.hmac(presented, facts),
      useOnce: (principal, signed) => stores.credentials.useOnce(principal, signed),
      bearer: composeTokenCheck(config.oauth, stores),
    }),
    walletKeys: walletKeysOf(signer),
    signer,
    watchers,
    projections: stores.projections,
    logger,
    metrics,
    metricsFor: config.telemetry.metrics,
    limits: { counters, table: config.http.rateLimits },
    trustedProxies: config.http.trustedProxies,
    dialects: config.dialects,
    oauth: composeOAuth(config.oauth, stores),
    agnicHosts: config.http.agnicHosts,
    facilitator: composeFacilitator(config, ports, {
      panels,
      rights: stores.answerRights,
      settling: settlingOf(config, stores, signer),
    }),
    health: () => health(stores, signer, relay),
    purgeExpiredBlobs: () => stores.purgeExpiredBlobs(),
    async close() {
      await relay.close();
      counters.close();
      await stores.close();
      signer.close();
      for (const rpc of [...rpcs.values()].flat()) rpc.close();
      await http.close();
    },
  };
}

/** Null where no account of ours broadcasts. The accounts are always the same ones, so they are asked for once. */
function settlingOf(config: Config, stores: Stores, signer: SignerClient): Settling | null {
  const { accounts } = config.broadcast;
  if (accounts === 0) return null;
  const known = new Map<Caip2, readonly EvmAddress[]>();
  return {
    desk: stores.settlements,
    accounts: async (network) => {
      const found = known.get(network) ?? (await signer.broadcastAccounts(network, accounts));
      known.set(network, found);
      return found;
    },
  };
}

function connectChains(networks: readonly NetworkConfig[]): ReadonlyMap<Caip2, readonly EvmRpc[]> {
  return new Map(
    networks.map(({ network, profile, rpcUrls }) => [
      network,
      rpcUrls.map((url) => createEvmRpc({ url, chainId: profile.chainId })),
    ]),
  );
}

function isServed(networks: readonly NetworkConfig[]): (asset: EvmAsset) => boolean {
  const profiles = new Map(networks.map(({ network, profile }) => [network, profile]));
  return ({ network, symbol }) => profiles.get(network)?.tokens?.includes(symbol) ?? true;
}

async function checkChains(
  networks: readonly NetworkConfig[],
  rpcs: ReadonlyMap<Caip2, readonly EvmRpc[]>,
): Promise<void> {
  await Promise.all(
    networks.flatMap(({ network, profile }) =>
      (rpcs.get(network) ?? []).map(async (rpc) => {
        await verifyNetwork(rpc, profile);
        await verifyTokens(
          rpc,
          REGISTERED_ASSETS.filter((it) => it.network === network && isServed(networks)(it)),
        );
      }),
    ),
  );
}

function panelsOf(
  networks: readonly NetworkConfig[],
  rpcs: ReadonlyMap<Caip2, readonly EvmRpc[]>,
  logger: Logger,
): ReadonlyMap<Caip2, RpcPanel> {
  return new Map(
    networks.map(({ network, profile: { genesisHash } }) => [
      network,
      createRpcPanel({ network, rpcs: rpcs.get(network) ?? [], genesisHash, clock: systemClock, logger }),
    ]),
  );
}

function panelOf(panels: ReadonlyMap<Caip2, RpcPanel>, { network }: NetworkConfig): RpcPanel {
  const panel = panels.get(network);
  if (panel === undefined) throw new Error(`no RPC for ${network}`);
  return panel;
}

function walletKeysOf(signer: SignerClient): WalletKeys {
  return {
    createKey: async (workspaceId, walletId) => (await signer.createWallet(workspaceId, walletId)).address,
    importKey: async (workspaceId, walletId, privateKey) =>
      (await signer.importWallet(workspaceId, walletId, privateKey)).address,
    retireKey: async (workspaceId, walletId) => {
      try {
        await signer.retireWallet(workspaceId, walletId);
      } catch (error) {
        if (!(error instanceof WalletRefusedError) || error.reason !== 'unknown_wallet') throw error;
      }
    },
  };
}
