import { LIMIT_NAMES } from '#runtime';
import { sellersOf, type Place, type ServiceUrls } from './services.js';
import type { DatabaseUrls } from './database.js';

/** The processes of Purser itself, as opposed to the services below them. */
export type ProcessKind = 'signer' | 'api' | 'worker';

/** The one place that says what our processes are configured with on a laptop; the names are those of `.env.example`. */
export function processEnvironment(
  kind: ProcessKind,
  {
    urls,
    databases,
    place,
    port,
  }: { urls: ServiceUrls; databases: DatabaseUrls; place: Place; port: number },
): Record<string, string> {
  const { folder, secrets } = place;
  const shared = {
    NODE_ENV: 'production',
    PURSER_NETWORKS: 'local',
    SIGNER_SOCKET: folder.signerSocket,
    PURSER_KEYSTORE_DIR: folder.within('keystore'),
    PURSER_DERIVATION_PASSPHRASE: secrets.derivationPassphrase,
    LOG_LEVEL: process.env['LOG_LEVEL'] ?? 'info',
  };
  if (kind === 'signer') {
    // The keys' passphrase goes to the one process that signs, and no RPC, Redis or other database role does.
    return {
      ...shared,
      PURSER_DB_SIGNER_URL: databases.signer,
      PURSER_KEYSTORE_PASSPHRASE: secrets.keystorePassphrase,
    };
  }
  const sellers = Object.values(sellersOf(place)).map((seller) => new URL(seller.url).host);
  return {
    ...shared,
    PURSER_DB_WRITER_URL: databases.writer,
    PURSER_DB_SYSTEM_URL: databases.system,
    PURSER_DB_READER_URL: databases.reader,
    REDIS_URL: urls.redisUrl,
    RPC_URL: urls.rpcUrl,
    HOST: '127.0.0.1',
    ...handedOn('PURSER_SETTLE_FACILITATORS'),
    ...(kind === 'worker' ? handedOn('PURSER_SETTLE_FACILITATOR_TOKENS') : {}),
    ...(kind === 'api' ? ofApi(place, port) : { PURSER_WORKER_PORT: String(port) }),
    // Loopback stays closed to buyers but for the demo sellers and what the user adds.
    PURSER_EGRESS_ALLOW: [
      ...sellers,
      `localhost:${place.ports.sellers.facilitated}`,
      ...given('PURSER_EGRESS_ALLOW'),
    ].join(','),
  };
}

/** Every copy passes the issuer's paths on; tokens are made for the first one's address. */
function ofApi({ ports, secrets }: Place, port: number): Record<string, string> {
  return {
    PORT: String(port),
    PURSER_RATE_LIMITS: UNHURRIED,
    ...handedOn('PURSER_RATE_LIMITS'),
    ...handedOn('PURSER_TRUSTED_PROXIES'),
    PURSER_PUBLIC_URL: publicUrlOf(ports),
    PURSER_OAUTH_EMBEDDED: `http://127.0.0.1:${ports.issuer}`,
    PURSER_OAUTH_EMBEDDED_SECRET: secrets.issuerSecret,
  };
}

export const publicUrlOf = ({ api }: Place['ports']): string => `http://127.0.0.1:${api[0] ?? 0}`;

/** A laptop is for trying things out, many at a time: the vendors' limits would be in the way. */
const UNHURRIED = LIMIT_NAMES.map((name) => `${name}=1000000000/1000000`).join(',');

/** As whoever starts the stack has set it. */
function handedOn(name: string): Record<string, string> {
  const value = process.env[name];
  return value === undefined || value === '' ? {} : { [name]: value };
}

function given(name: string): string[] {
  return (process.env[name] ?? '').split(',').filter((entry) => entry !== '');
}
