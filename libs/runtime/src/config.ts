// The only reader of process.env. Each process gets what it needs and nothing more, or an error that names every problem at once,
// by key and rule, never by value: values are secrets.
import 'reflect-metadata';
import { createHmac } from 'node:crypto';
import { plainToInstance } from 'class-transformer';
import { validateSync } from 'class-validator';
import type { Caip2 } from '#domain';
import { networkProfile, type NetworkProfile } from '#evm';
import type { FacilitatorEndpoint } from '#http';
import {
  DIALECTS,
  Environment,
  WORKER_ROLES,
  type DialectName,
  type FacilitatorAccess,
  type WorkerRole,
} from './environment.js';
import type { LogLevel } from './logger.js';
import { rateLimitsOf, type RateLimitTable } from './rate-limits.js';
import { oauthOf, type OAuthConfig } from './oauth-settings.js';
import { settleFacilitatorsOf } from './settle-facilitators.js';

export const PROCESSES = ['api', 'worker', 'signer', 'migrate'] as const;
/** Which program reads the settings. `migrate` also stands for bootstrap, backup and restore. */
export type ProcessName = (typeof PROCESSES)[number];
export const DATABASE_ROLES = ['owner', 'writer', 'system', 'reader', 'signer'] as const;
export type DatabaseRole = (typeof DATABASE_ROLES)[number];

export interface NetworkConfig {
  readonly profile: NetworkProfile;
  readonly network: Caip2;
  readonly rpcUrls: readonly string[];
}

export interface Config {
  readonly process: ProcessName;
  /** URL per database role; null where this process has no business with the role. */
  readonly database: Readonly<Record<DatabaseRole, string | null>>;
  /** What `migrate` gives the roles to log in with, by role name; empty without PURSER_DB_PASSWORD and in every other process. */
  readonly rolePasswords: Readonly<Record<string, string>>;
  readonly redis: { readonly url: string | null };
  readonly networks: readonly NetworkConfig[];
  readonly http: {
    readonly host: string;
    readonly port: number;
    /** Names that AgnicPay's clients reach us by. */
    readonly agnicHosts: readonly string[];
    /** Whose word for the caller's address is taken (X-Forwarded-For). */
    readonly trustedProxies: readonly string[];
    readonly rateLimits: RateLimitTable;
  };
  readonly signer: {
    readonly socketPath: string;
    /** Base units. Hard limits of the signer's own, whatever budgets say. */
    readonly maxPerSignature: bigint;
    readonly maxPerWalletHour: bigint;
    /** Wei: per unit of gas, and per transaction as gas limit times that. Broadcast accounts pay no more, whatever the chain asks. */
    readonly maxFeePerGas: bigint;
    readonly maxGasCost: bigint;
  };
  readonly keystore: {
    readonly folder: string;
    readonly passphrase: string | null;
    readonly derivationPassphrase: string | null;
  };
  readonly broadcast: {
    /** Accounts per network that send transactions of ours; 0: this installation settles nothing itself. */
    readonly accounts: number;
    /** Wei below which a broadcast account raises the alarm. */
    readonly lowBalance: bigint;
  };
  /** Facilitators that may bring our payments on chain (settle mode F). Tokens for the worker alone. */
  readonly settleFacilitators: readonly FacilitatorEndpoint[];
  /** Whose access tokens are good; null: nobody's. Of the API alone. */
  readonly oauth: OAuthConfig | null;
  /** `host:port` that may be reached although private, and over plain http when loopback. */
  readonly egress: { readonly allow: readonly string[] };
  readonly worker: {
    readonly roles: readonly WorkerRole[];
    readonly concurrency: number;
    /** Paid requests in flight per seller. */
    readonly perSeller: number;
    /** Port for metrics and health of the worker; 0: any free one. */
    readonly port: number;
  };
  readonly facilitator: {
    /** Who may ask: nobody, keys of sellers and admins, or everybody. */
    readonly access: FacilitatorAccess;
    readonly settleWithinMs: number;
  };
  /** The vendors' APIs that are served beside the native one. */
  readonly dialects: readonly DialectName[];
  readonly retention: { readonly bodyTtlSec: number };
  readonly telemetry: {
    readonly logLevel: LogLevel;
    /** Who may read the API's /metrics: its figures are sums over all workspaces. */
    readonly metrics: 'on' | 'loopback' | 'off';
    readonly otlpEndpoint: string | null;
  };
}

type Key = keyof Environment;

const GWEI = 1_000_000_000n;

/** Everything wrong with the environment, one line per problem. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  constructor(readonly problems: readonly string[]) {
    super(`The configuration is not usable:\n${problems.map((problem) => `- ${problem}`).join('\n')}`);
  }
}

/** Database roles per process: the fewer a process can log in as, the less its compromise is worth. */
const ROLES_OF: Readonly<Record<ProcessName, readonly DatabaseRole[]>> = {
  api: ['writer', 'system', 'reader'],
  worker: ['writer', 'system', 'reader'],
  signer: ['signer'],
  migrate: ['owner'],
};
const REQUIRED: Readonly<Record<ProcessName, readonly Key[]>> = {
  api: ['REDIS_URL', 'PURSER_DERIVATION_PASSPHRASE'],
  worker: ['REDIS_URL', 'PURSER_DERIVATION_PASSPHRASE'],
  signer: ['PURSER_DERIVATION_PASSPHRASE', 'PURSER_KEYSTORE_PASSPHRASE'],
  migrate: [],
};
const URL_KEY: Readonly<Record<DatabaseRole, Key>> = {
  owner: 'PURSER_DB_OWNER_URL',
  writer: 'PURSER_DB_WRITER_URL',
  system: 'PURSER_DB_SYSTEM_URL',
  reader: 'PURSER_DB_READER_URL',
  signer: 'PURSER_DB_SIGNER_URL',
};

/** @throws ConfigError naming every problem. */
export function loadConfig(process: ProcessName, env: NodeJS.ProcessEnv = globalThis.process.env): Config {
  const known = Object.entries(env).filter(([, value]) => value !== undefined && value !== '');
  const settings = plainToInstance(Environment, Object.fromEntries(known));
  const problems = validateSync(settings, { skipMissingProperties: true }).flatMap((error) =>
    Object.values(error.constraints ?? {}).map(
      (rule) => `${error.property}: ${withoutName(rule, error.property)}`,
    ),
  );
  for (const key of REQUIRED[process]) if (settings[key] === undefined) problems.push(`${key}: is missing`);
  const networks = networksOf(settings, process, problems);
  const database = databaseOf(settings, process, problems);
  const endpoints = NEEDS_RPC.has(process)
    ? settleFacilitatorsOf(settings, { withTokens: process === 'worker', problems })
    : [];
  rateLimitsOf(settings.PURSER_RATE_LIMITS, problems);
  const oauth = process === 'api' ? oauthOf(settings, problems) : null;
  if (problems.length > 0) throw new ConfigError([...new Set(problems)]);
  const built = build(process, settings, networks, database);
  return deepFreeze({ ...built, settleFacilitators: endpoints, oauth });
}

function build(
  process: ProcessName,
  settings: Environment,
  networks: readonly NetworkConfig[],
  database: Config['database'],
): Omit<Config, 'settleFacilitators' | 'oauth'> {
  const folder = settings.PURSER_KEYSTORE_DIR ?? '.purser/keystore';
  return {
    process,
    database,
    rolePasswords: process === 'migrate' ? rolePasswords(settings.PURSER_DB_PASSWORD) : {},
    redis: { url: process === 'signer' ? null : (settings.REDIS_URL ?? null) },
    networks,
    http: {
      host: settings.HOST ?? '127.0.0.1',
      port: settings.PORT ?? 3000,
      agnicHosts: listOf(settings.PURSER_AGNICPAY_HOSTS),
      trustedProxies: listOf(settings.PURSER_TRUSTED_PROXIES),
      rateLimits: rateLimitsOf(settings.PURSER_RATE_LIMITS, []),
    },
    signer: {
      socketPath: settings.SIGNER_SOCKET ?? '.purser/run/signer.sock',
      maxPerSignature: BigInt(settings.PURSER_SIGNER_MAX_PER_SIGNATURE ?? '1000000000'),
      maxPerWalletHour: BigInt(settings.PURSER_SIGNER_MAX_PER_WALLET_HOUR ?? '10000000000'),
      maxFeePerGas: BigInt(settings.PURSER_SIGNER_MAX_FEE_PER_GAS ?? 500n * GWEI),
      maxGasCost: BigInt(settings.PURSER_SIGNER_MAX_GAS_COST ?? 500_000_000n * GWEI),
    },
    keystore: {
      folder,
      passphrase: process === 'signer' ? (settings.PURSER_KEYSTORE_PASSPHRASE ?? null) : null,
      derivationPassphrase: settings.PURSER_DERIVATION_PASSPHRASE ?? null,
    },
    broadcast: {
      accounts: settings.PURSER_BROADCAST_ACCOUNTS ?? 1,
      lowBalance: BigInt(settings.PURSER_BROADCAST_LOW_BALANCE ?? '5000000000000000'),
    },
    egress: { allow: listOf(settings.PURSER_EGRESS_ALLOW) },
    worker: {
      roles: (settings.PURSER_WORKER_ROLES?.split(',') ?? WORKER_ROLES) as readonly WorkerRole[],
      concurrency: settings.PURSER_WORKER_CONCURRENCY ?? 256,
      perSeller: settings.PURSER_SELLER_CONCURRENCY ?? 16,
      port: settings.PURSER_WORKER_PORT ?? 0,
    },
    facilitator: {
      access: (settings.PURSER_FACILITATOR ?? 'keys') as FacilitatorAccess,
      settleWithinMs: (settings.PURSER_FACILITATOR_WAIT_SEC ?? 30) * 1000,
    },
    dialects: (settings.PURSER_DIALECTS?.split(',') ?? DIALECTS) as readonly DialectName[],
    retention: { bodyTtlSec: settings.PURSER_BODY_TTL_SEC ?? 7 * 24 * 3600 },
    telemetry: {
      logLevel: (settings.LOG_LEVEL ?? 'info') as LogLevel,
      metrics: (settings.METRICS ?? 'loopback') as 'on' | 'loopback' | 'off',
      otlpEndpoint: settings.OTEL_EXPORTER_OTLP_ENDPOINT ?? null,
    },
  };
}

/** A role's URL is its own setting or, where there is none, derived from DATABASE_URL and PURSER_DB_PASSWORD. */
function databaseOf(settings: Environment, process: ProcessName, problems: string[]): Config['database'] {
  const urls: Record<DatabaseRole, string | null> = {
    owner: null,
    writer: null,
    system: null,
    reader: null,
    signer: null,
  };
  const { DATABASE_URL: base, PURSER_DB_PASSWORD: password } = settings;
  for (const role of ROLES_OF[process]) {
    const own = settings[URL_KEY[role]];
    if (typeof own === 'string') urls[role] = own;
    else if (base !== undefined && role === 'owner') urls[role] = base;
    else if (base !== undefined && password !== undefined && URL.canParse(base))
      urls[role] = roleUrl(base, role, password);
    else problems.push(`${URL_KEY[role]}: is missing, and ${missingForDerivation(role)}`);
  }
  return urls;
}

const missingForDerivation = (role: DatabaseRole): string =>
  role === 'owner' ? 'so is DATABASE_URL' : 'cannot be derived without DATABASE_URL and PURSER_DB_PASSWORD';

/** `purser_<role>` on the same server and database. */
export function roleUrl(databaseUrl: string, role: DatabaseRole, password: string): string {
  const url = new URL(databaseUrl);
  url.username = `purser_${role}`;
  url.password = rolePassword(password, role);
  return url.href;
}

/** Each role's own password, so that a leaked one opens one role. Every migration sets the same on the roles. */
export function rolePassword(password: string, role: DatabaseRole): string {
  return createHmac('sha256', password).update(`purser/database-role/${role}`).digest('base64url');
}

/** By role name, for all roles but the owner, who exists before us. */
export function rolePasswords(password: string | undefined): Record<string, string> {
  if (password === undefined) return {};
  const roles = DATABASE_ROLES.filter((role) => role !== 'owner');
  return Object.fromEntries(roles.map((role) => [`purser_${role}`, rolePassword(password, role)]));
}

/** Only these processes talk to chains; the signer needs to know which chains there are, no more. */
const NEEDS_RPC: ReadonlySet<ProcessName> = new Set(['api', 'worker']);

function networksOf(settings: Environment, process: ProcessName, problems: string[]): NetworkConfig[] {
  const names = settings.PURSER_NETWORKS === undefined ? ['local'] : listOf(settings.PURSER_NETWORKS);
  const urls = rpcUrlsOf(settings, names, problems);
  const networks: NetworkConfig[] = [];
  for (const name of names) {
    const profile = networkProfile(name);
    if (profile === undefined) {
      problems.push(`PURSER_NETWORKS: "${name}" is not a network profile`);
      continue;
    }
    if (networks.some((it) => it.network === profile.network))
      problems.push(`PURSER_NETWORKS: "${name}" is on the same chain as another profile in the list`);
    const rpcUrls = [...new Set([...(urls.get(name) ?? []), ...(urls.get(profile.network) ?? [])])];
    // The WebSocket of an RPC is the same RPC.
    const different = new Set(rpcUrls.map((url) => url.replace(/^ws/, 'http')));
    if (NEEDS_RPC.has(process) && different.size < profile.minRpcUrls)
      problems.push(`RPC_URLS: "${name}" needs ${profile.minRpcUrls} different RPC URLs or more`);
    networks.push({ profile, network: profile.network, rpcUrls });
  }
  return networks;
}

function rpcUrlsOf(
  settings: Environment,
  names: readonly string[],
  problems: string[],
): Map<string, readonly string[]> {
  const urls = new Map<string, readonly string[]>();
  const [first] = names;
  if (first !== undefined && settings.RPC_URL !== undefined) urls.set(first, listOf(settings.RPC_URL));
  for (const entry of settings.RPC_URLS?.split(';') ?? []) {
    const at = entry.indexOf('=');
    const name = entry.slice(0, at);
    const known = names.some((it) => it === name || networkProfile(it)?.network === name);
    if (at > 0 && !known) problems.push(`RPC_URLS: "${name}" is not in PURSER_NETWORKS`);
    urls.set(name, [...(urls.get(name) ?? []), ...listOf(entry.slice(at + 1))]);
  }
  return urls;
}

const listOf = (text: string | undefined): readonly string[] =>
  text === undefined ? [] : text.split(',').map((item) => item.trim());

/** Some rules of class-validator begin with the property's name. */
function withoutName(rule: string, property: string): string {
  return rule.startsWith(`${property} `) ? rule.slice(property.length + 1) : rule;
}

function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  for (const item of Object.values(value)) deepFreeze(item);
  return Object.freeze(value);
}
