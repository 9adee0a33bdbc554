// Puts the signer together and refuses to start when anything it relies on is not as it must be.
import { readFile } from 'node:fs/promises';
import pg from 'pg';
import type { Json } from '#domain';
import type { PolicyStore } from '#engine';
import { assertNativeSigning } from '#evm';
import {
  createDerivation,
  fingerprintsOf,
  openDerivationKeys,
  type Config,
  type DerivationKeys,
  type RuntimeLogger,
} from '#runtime';
import { Authorizer } from './authorizer.js';
import { BroadcastKeys } from './broadcast-keys.js';
import { Broadcasts } from './broadcasts.js';
import { Cancellations } from './cancellations.js';
import { SignerDatabase } from './database.js';
import { HighWater } from './high-water.js';
import { Keystore } from './keystore.js';
import { Lane } from './lane.js';
import { LedgerMark } from './ledger-mark.js';
import { listen } from './server.js';
import { WalletLimits } from './wallet-limits.js';
import { Wallets } from './wallets.js';

export interface SignerOptions {
  readonly config: Config;
  readonly log: RuntimeLogger;
  readonly policies: (pool: pg.Pool) => Pick<PolicyStore, 'policiesFor'>;
  /** For tests: a cheaper key derivation when the keystore is made. */
  readonly scryptN?: number;
}

export interface RunningSigner {
  /** Answers what it has, then ends. */
  close(): Promise<void>;
}

/** The database was set up with other keys: operation ids and nonces would not be those of the operations in it (ruling 9). */
export class KeyMismatchError extends Error {
  override readonly name = 'KeyMismatchError';
}

export async function startSigner(options: SignerOptions): Promise<RunningSigner> {
  const { config, log } = options;
  assertNativeSigning();
  await warnAboutCoreDumps(log);
  const { folder, passphrase, derivationPassphrase } = config.keystore;
  const scrypt = options.scryptN === undefined ? {} : { scryptN: options.scryptN };
  const keys = await openDerivationKeys(folder, derivationPassphrase ?? '', scrypt);
  const keystore = await Keystore.open(folder, passphrase ?? '', scrypt);
  const broadcastKeys = await BroadcastKeys.open(keystore);
  const wallets = await Wallets.open(keystore, (address) => broadcastKeys.has(address));
  const ledger = await LedgerMark.open(folder);
  // Two connections: policies are read beside the batch. More would only let batches overtake each other.
  const pool = new pg.Pool({
    connectionString: config.database.signer ?? '',
    max: 2,
    application_name: 'purser-signer',
    connectionTimeoutMillis: 5_000,
    query_timeout: 8_000,
    keepAlive: true,
    // Plans are kept per connection: one made while a table was empty must not read all of it later. Every look-up is by key, so no plan
    // depends on the values; planning anew for each batch took longer than reading it.
    options: '-c enable_seqscan=off -c jit=off -c plan_cache_mode=force_generic_plan',
  });
  const db = new SignerDatabase(pool);
  const highWater = new HighWater(db, ledger, log);
  pool.on('error', (error) => {
    highWater.connectionLost();
    log.warn({ error }, 'database connection lost');
  });
  const release = async (): Promise<void> => {
    await pool.end();
    await ledger.close();
    wallets.close();
    broadcastKeys.close();
    keystore.close();
  };
  try {
    await db.assertSafeRole();
    assertSameKeys(await db.genesis(), keys);
    const limits = await limitsWithHistory(db, config.signer.maxPerWalletHour);
    const networks = new Set(config.networks.map((it) => it.network));
    const lane = new Lane();
    const derivation = createDerivation(keys);
    const { maxFeePerGas, maxGasCost, maxPerSignature } = config.signer;
    const authorizer = new Authorizer({
      db,
      wallets,
      highWater,
      lane,
      limits,
      log,
      policies: options.policies(pool),
      derivation,
      networks,
      maxPerSignature,
    });
    const cancellations = new Cancellations({ db, wallets, derivation, highWater, lane, networks, log });
    const broadcasts = new Broadcasts({
      db,
      keys: broadcastKeys,
      highWater,
      lane,
      networks,
      limits: { maxFeePerGas, maxGasCost },
      log,
    });
    await highWater.allows();
    const status = () => ({
      ledgerCount: ledger.mark?.count ?? 0,
      wallets: wallets.size,
      quarantine: ledger.quarantine ?? null,
    });
    const server = await listen(config.signer.socketPath, {
      authorizer,
      broadcasts,
      cancellations,
      wallets,
      status,
      log,
    });
    log.info({ ...status(), networks: [...networks] }, 'signer is ready');
    return {
      async close() {
        await server.close();
        await authorizer.idle();
        await release();
      },
    };
  } catch (error) {
    await release();
    throw error;
  }
}

function assertSameKeys(genesis: Json, keys: DerivationKeys): void {
  const stored = (genesis as { keys?: Readonly<Record<string, string>> } | null)?.keys;
  if (stored === undefined) return;
  const own: Readonly<Record<string, string>> = fingerprintsOf(keys);
  const different = Object.keys(own).filter(
    (name) => stored[name] !== undefined && stored[name] !== own[name],
  );
  if (different.length > 0)
    throw new KeyMismatchError(`The database belongs to other derivation keys: ${different.join(', ')}.`);
}

async function limitsWithHistory(db: SignerDatabase, maxPerHour: bigint): Promise<WalletLimits> {
  const limits = new WalletLimits(maxPerHour);
  for (const { walletId, value, atMs } of await db.signedWithinTheHour()) limits.count(walletId, value, atMs);
  return limits;
}

/** A core dump would hold every key (T38). Node cannot forbid it; whoever starts us can: `ulimit -c 0`, LimitCORE=0. */
async function warnAboutCoreDumps(log: RuntimeLogger): Promise<void> {
  const limits = await readFile('/proc/self/limits', 'utf8').catch(() => '');
  const [, soft] = /^Max core file size\s+(\S+)/m.exec(limits) ?? [];
  if (soft !== undefined && soft !== '0')
    log.warn({ coreLimit: soft }, 'core dumps are on: start the signer with ulimit -c 0');
}
