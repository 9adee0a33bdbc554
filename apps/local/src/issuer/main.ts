// The issuer of the local stack, as a process of its own on loopback; callers reach it through the API. Told by ISSUER (JSON) where it is.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import pg from 'pg';
import { createLogger } from '#runtime';
import { callerOf } from './caller.js';
import { Connect } from './connect.js';
import { openIssuerKeys } from './keys.js';
import { destinationOf, type Destination } from './paths.js';
import { createProvider } from './provider.js';
import { Purser } from './purser.js';
import { purgeExpiredRecords } from './records.js';
import type { IssuerSettings } from './settings.js';
import { Turnstile } from './turnstile.js';

/** Each leaves something to remember, before anybody has proven anything. */
const PER_MINUTE: Readonly<Partial<Record<Destination, Turnstile>>> = {
  registration: new Turnstile(10),
  authorization: new Turnstile(120),
};
const TOO_MANY = { error: 'too_many_requests', error_description: 'wait a minute' };
const NOTHING_THERE = { error: 'not_found', error_description: 'paths are taken to the letter' };
const PURGE_EVERY_MS = 10 * 60_000;

const settings = JSON.parse(process.env['ISSUER'] ?? '{}') as IssuerSettings;
delete process.env['ISSUER'];
const logger = createLogger({ name: 'issuer', level: 'info' });
const pool = new pg.Pool({ connectionString: settings.databaseUrl, max: 4 });
pool.on('error', (error) => logger.warn({ error }, 'a database connection was lost'));
const keys = await openIssuerKeys(settings.keystore, settings.passphrase);
const provider = createProvider({ settings, keys, pool });
provider.on('server_error', (_context, error) => logger.error({ error }, 'a request failed'));
const { publicUrl } = settings;
const connect = new Connect({ provider, purser: new Purser(settings), publicUrl });
const protocol = provider.callback();

const server = createServer((request, response) => {
  answer(request, response).catch((error: unknown) => {
    logger.error({ error }, 'a request failed');
    if (!response.headersSent) response.writeHead(500);
    response.end();
  });
});

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const destination = destinationOf(request.url ?? '');
  if (destination === undefined) return refuse(response, 404, NOTHING_THERE);
  if (destination === 'health') return void response.end('ok');
  if (destination === 'connect') return connect.handle(request, response);
  if (PER_MINUTE[destination]?.lets(callerOf(request)) === false) return refuse(response, 429, TOO_MANY);
  if (destination === 'authorization' || destination === 'resume') forgetSession(request);
  await protocol(request, response);
}

/** Nobody stays logged in: an authorization goes as if it were the first, whoever sat at this browser before. */
function forgetSession({ headers }: IncomingMessage): void {
  const kept = (headers.cookie ?? '').split(/; */).filter((it) => !/^_session(?:\.|=)/.test(it));
  headers.cookie = kept.join('; ');
}

function refuse(response: ServerResponse, status: number, body: object): void {
  const wait = status === 429 ? { 'retry-after': '60' } : {};
  response.writeHead(status, { 'content-type': 'application/json', ...wait });
  response.end(JSON.stringify(body));
}

const purging = setInterval(() => {
  purgeExpiredRecords(pool).catch((error: unknown) => logger.warn({ error }, 'old records were not deleted'));
}, PURGE_EVERY_MS);
server.listen(settings.port, '127.0.0.1', () => logger.info({}, 'issuer listens'));
process.once('SIGTERM', () => {
  clearInterval(purging);
  server.closeIdleConnections();
  server.close(() => void pool.end().then(() => process.exit(0)));
});
