// Every setting there is, as text from the environment. `.env.example` lists the same keys; a test holds them equal.
import { Transform } from 'class-transformer';
import {
  IsIn,
  IsInt,
  IsOptional,
  IsString,
  Length,
  Matches,
  Max,
  Min,
  MinLength,
  ValidateBy,
  type ValidationOptions,
} from 'class-validator';
import { ALGORITHMS } from '#oauth';
import { LOG_LEVELS } from './logger.js';
import { RATE_LIMITS_PATTERN } from './rate-limits.js';

const POSTGRES_URL = /^postgres(?:ql)?:\/\/\S+$/;
const REDIS_URL = /^rediss?:\/\/\S+$/;
const HTTP_URL = /^https?:\/\/\S+$/;
const RPC_URL = /^(?:https?|wss?):\/\/[^\s,]+(?:,(?:https?|wss?):\/\/[^\s,]+)*$/;
const RPC_URLS =
  /^[a-z0-9:-]+=(?:https?|wss?):\/\/[^\s,;]+(?:,(?:https?|wss?):\/\/[^\s,;]+)*(?:;[a-z0-9:-]+=(?:https?|wss?):\/\/[^\s,;]+(?:,(?:https?|wss?):\/\/[^\s,;]+)*)*$/;
const FACILITATORS =
  /^[a-z0-9:-]+=https?:\/\/[^\s,;]+(?:,https?:\/\/[^\s,;]+)*(?:;[a-z0-9:-]+=https?:\/\/[^\s,;]+(?:,https?:\/\/[^\s,;]+)*)*$/;
const HOST_TOKENS =
  /^(?:[A-Za-z0-9.-]+|\[[0-9a-fA-F:]+\])(?::[0-9]{1,5})?=[\x21-\x3a\x3c-\x7e]+(?:;(?:[A-Za-z0-9.-]+|\[[0-9a-fA-F:]+\])(?::[0-9]{1,5})?=[\x21-\x3a\x3c-\x7e]+)*$/;
const PUBLIC_URL = /^https?:\/\/[^\s/?#@]+$/;
const ISSUERS = /^https?:\/\/[^\s,;=]+=https?:\/\/[^\s,;]+(?:;https?:\/\/[^\s,;=]+=https?:\/\/[^\s,;]+)*$/;
const ISSUER_WORKSPACES =
  /^https?:\/\/[^\s,;=]+=[0-9a-f-]{36}(?:,[0-9a-f-]{36})*(?:;https?:\/\/[^\s,;=]+=[0-9a-f-]{36}(?:,[0-9a-f-]{36})*)*$/;
const NAMES = /^[a-z0-9-]+(?:,[a-z0-9-]+)*$/;
const HOST_NAMES = /^[a-z0-9.-]+(?:,[a-z0-9.-]+)*$/;
const HOST_PORTS =
  /^(?:[A-Za-z0-9.-]+|\[[0-9a-fA-F:]+\]):[0-9]{1,5}(?:,(?:[A-Za-z0-9.-]+|\[[0-9a-fA-F:]+\]):[0-9]{1,5})*$/;
const BASE_UNITS = /^[1-9][0-9]{0,30}$/;
const MIN_PASSPHRASE = 16;
/** sun_path of a unix socket holds 107 bytes. */
const MAX_SOCKET_PATH = 100;

const CIDRS = /^[0-9a-fA-F:.]+(?:\/[0-9]{1,3})?(?:,[0-9a-fA-F:.]+(?:\/[0-9]{1,3})?)*$/;

export const WORKER_ROLES = ['drive', 'sweep', 'watch', 'broadcast', 'project', 'webhooks'] as const;
export type WorkerRole = (typeof WORKER_ROLES)[number];
export const DIALECTS = ['agentpay', 'agnicpay', 'hightop', 'relayer'] as const;
/** A vendor's API as we serve it. */
export type DialectName = (typeof DIALECTS)[number];
export const FACILITATOR_ACCESS = ['off', 'keys', 'open'] as const;
export type FacilitatorAccess = (typeof FACILITATOR_ACCESS)[number];

const toInteger = Transform(({ value }: { value: unknown }) =>
  typeof value === 'string' && /^[0-9]{1,12}$/.test(value) ? Number(value) : value,
);

function Integer(min: number, max: number): PropertyDecorator {
  return (target, key) => {
    toInteger(target, key);
    IsOptional()(target, key);
    IsInt({ message: `must be a whole number from ${min} to ${max}` })(target, key);
    Min(min, { message: `must be at least ${min}` })(target, key);
    Max(max, { message: `must be at most ${max}` })(target, key);
  };
}

function Text(pattern: RegExp, says: string): PropertyDecorator {
  return (target, key) => {
    IsOptional()(target, key);
    Matches(pattern, { message: says })(target, key);
  };
}

function Passphrase(): PropertyDecorator {
  return (target, key) => {
    IsOptional()(target, key);
    MinLength(MIN_PASSPHRASE, { message: `must have at least ${MIN_PASSPHRASE} characters` })(target, key);
  };
}

function ListOf(words: readonly string[], options?: ValidationOptions): PropertyDecorator {
  const known = (value: unknown): boolean =>
    typeof value === 'string' && value.split(',').every((word) => words.includes(word));
  const message = `must be a comma-separated list of ${words.join(', ')}`;
  return ValidateBy({ name: 'listOf', validator: { validate: known } }, { message, ...options });
}

const POSTGRES_SAYS = 'must be a postgres:// URL';

export class Environment {
  @Text(POSTGRES_URL, POSTGRES_SAYS) DATABASE_URL?: string;
  @Passphrase() PURSER_DB_PASSWORD?: string;
  @Text(POSTGRES_URL, POSTGRES_SAYS) PURSER_DB_OWNER_URL?: string;
  @Text(POSTGRES_URL, POSTGRES_SAYS) PURSER_DB_WRITER_URL?: string;
  @Text(POSTGRES_URL, POSTGRES_SAYS) PURSER_DB_SYSTEM_URL?: string;
  @Text(POSTGRES_URL, POSTGRES_SAYS) PURSER_DB_READER_URL?: string;
  @Text(POSTGRES_URL, POSTGRES_SAYS) PURSER_DB_SIGNER_URL?: string;

  @Text(REDIS_URL, 'must be a redis:// URL') REDIS_URL?: string;

  @Text(NAMES, 'must be a comma-separated list of network profiles') PURSER_NETWORKS?: string;
  @Text(RPC_URL, 'must be http(s) or ws(s) URLs, separated by commas') RPC_URL?: string;
  @Text(RPC_URLS, 'must look like profile=url,url;profile=url,url') RPC_URLS?: string;

  @IsOptional() @IsString() @Length(1, 255) HOST?: string;
  @Integer(0, 65_535) PORT?: number;
  @Integer(0, 65_535) PURSER_WORKER_PORT?: number;
  @Text(CIDRS, 'must be a comma-separated list of addresses and CIDR blocks') PURSER_TRUSTED_PROXIES?: string;
  @Text(RATE_LIMITS_PATTERN, 'must look like class=calls/burst,class=calls/burst')
  PURSER_RATE_LIMITS?: string;

  @Text(PUBLIC_URL, 'must be http(s)://host or http(s)://host:port, nothing behind it')
  PURSER_PUBLIC_URL?: string;
  @Text(ISSUERS, 'must look like issuer=jwks-url;issuer=jwks-url') PURSER_OAUTH_ISSUERS?: string;
  @Text(ISSUER_WORKSPACES, 'must look like issuer=workspace,workspace;issuer=workspace')
  PURSER_OAUTH_WORKSPACES?: string;
  @IsOptional() @ListOf(ALGORITHMS) PURSER_OAUTH_ALGORITHMS?: string;
  @Text(PUBLIC_URL, 'must be http(s)://host:port, nothing behind it') PURSER_OAUTH_EMBEDDED?: string;
  @Passphrase() PURSER_OAUTH_EMBEDDED_SECRET?: string;

  @IsOptional()
  @Length(1, MAX_SOCKET_PATH, { message: `must have 1 to ${MAX_SOCKET_PATH} characters` })
  SIGNER_SOCKET?: string;
  @IsOptional() @Length(1, 4096) PURSER_KEYSTORE_DIR?: string;
  @Passphrase() PURSER_KEYSTORE_PASSPHRASE?: string;
  @Passphrase() PURSER_DERIVATION_PASSPHRASE?: string;
  @Text(BASE_UNITS, 'must be a whole number of base units') PURSER_SIGNER_MAX_PER_SIGNATURE?: string;
  @Text(BASE_UNITS, 'must be a whole number of base units') PURSER_SIGNER_MAX_PER_WALLET_HOUR?: string;
  @Text(BASE_UNITS, 'must be a whole number of wei') PURSER_SIGNER_MAX_FEE_PER_GAS?: string;
  @Text(BASE_UNITS, 'must be a whole number of wei') PURSER_SIGNER_MAX_GAS_COST?: string;

  @Integer(0, 16) PURSER_BROADCAST_ACCOUNTS?: number;
  @Text(BASE_UNITS, 'must be a whole number of wei') PURSER_BROADCAST_LOW_BALANCE?: string;

  @Text(FACILITATORS, 'must look like profile=url,url;profile=url,url') PURSER_SETTLE_FACILITATORS?: string;
  @Text(HOST_TOKENS, 'must look like host=token;host:port=token') PURSER_SETTLE_FACILITATOR_TOKENS?: string;

  @Text(HOST_PORTS, 'must be a comma-separated list of host:port') PURSER_EGRESS_ALLOW?: string;

  @IsOptional() @ListOf(WORKER_ROLES) PURSER_WORKER_ROLES?: string;
  @Integer(1, 4_096) PURSER_WORKER_CONCURRENCY?: number;
  @Integer(1, 64) PURSER_SELLER_CONCURRENCY?: number;

  @IsOptional()
  @IsIn(FACILITATOR_ACCESS, { message: `must be one of ${FACILITATOR_ACCESS.join(', ')}` })
  PURSER_FACILITATOR?: string;
  @Integer(1, 120) PURSER_FACILITATOR_WAIT_SEC?: number;

  @IsOptional() @ListOf(DIALECTS) PURSER_DIALECTS?: string;
  @Text(HOST_NAMES, 'must be a comma-separated list of host names') PURSER_AGNICPAY_HOSTS?: string;
  @Integer(60, 31_536_000) PURSER_BODY_TTL_SEC?: number;

  @IsOptional() @IsIn(LOG_LEVELS, { message: `must be one of ${LOG_LEVELS.join(', ')}` }) LOG_LEVEL?: string;
  @IsOptional() @IsIn(['on', 'loopback', 'off'], { message: 'must be on, loopback or off' }) METRICS?: string;
  @Text(HTTP_URL, 'must be an http(s) URL') OTEL_EXPORTER_OTLP_ENDPOINT?: string;
}
