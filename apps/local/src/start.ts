// `npm start`: api, worker and signer against the PostgreSQL, Redis and chain that the environment names, for one machine without
// containers. Brings the schema and the roles' passwords up to date first; `migrate` as the only argument does that and ends.
import { existsSync } from 'node:fs';
import { connect } from 'node:net';
import { join, resolve } from 'node:path';
import { migrate } from '#postgres';
import { loadConfig, type Config } from '#runtime';
import { untilInterrupted } from './interrupted.js';
import { NODE_FLAGS, projectRoot } from './project.js';
import { startChild, waitUntilReady, type Service } from './services/child.js';
import { freePort } from './services/ports.js';
import { answersOk } from './stack/process.js';
import { Supervisor } from './supervisor.js';

type Program = 'signer' | 'api' | 'worker';

/** Longer than the processes' own limit for finishing what they hold. */
const STOP_TIMEOUT_MS = 28_000;

/** Secrets of one process that the others must not even have in their environment. */
const PRIVATE_TO: Readonly<Record<string, Program | 'migrate'>> = {
  PURSER_KEYSTORE_PASSPHRASE: 'signer',
  PURSER_DB_SIGNER_URL: 'signer',
  PURSER_DB_OWNER_URL: 'migrate',
};

function environmentOf(program: Program, extra: Readonly<Record<string, string>>): NodeJS.ProcessEnv {
  const env: NodeJS.ProcessEnv = { ...process.env, ...extra };
  for (const [name, owner] of Object.entries(PRIVATE_TO)) if (owner !== program) delete env[name];
  const { DATABASE_URL: url } = env;
  // The others need the server and database of it, and log in as their own roles.
  if (url !== undefined && URL.canParse(url)) env['DATABASE_URL'] = withoutPassword(url);
  return env;
}

function withoutPassword(databaseUrl: string): string {
  const url = new URL(databaseUrl);
  url.password = '';
  return url.href;
}

async function startProgram(
  program: Program,
  extra: Readonly<Record<string, string>>,
  ready: () => Promise<boolean>,
): Promise<Service> {
  const entry = join(projectRoot, 'dist/apps', program, 'src/main.js');
  const child = startChild({
    command: process.execPath,
    args: [...NODE_FLAGS, entry],
    cwd: projectRoot,
    env: environmentOf(program, extra),
    stopSignal: 'SIGTERM',
    stopTimeoutMs: STOP_TIMEOUT_MS,
    onOutput: (text) => void process.stdout.write(text),
  });
  try {
    await waitUntilReady(child, ready, { timeoutMs: 60_000, describe: () => program });
  } catch (error) {
    await child.stop();
    throw error;
  }
  return { url: '', pid: child.pid, exited: child.exited, stop: child.stop };
}

function accepts(socketPath: string): Promise<boolean> {
  return new Promise((answer) => {
    const socket = connect(socketPath);
    socket.once('connect', () => {
      socket.destroy();
      answer(true);
    });
    socket.once('error', () => answer(false));
  });
}

async function startAll(supervisor: Supervisor): Promise<void> {
  const api = loadConfig('api');
  const workerPort = loadConfig('worker').worker.port || (await freePort());
  const { socketPath } = loadConfig('signer').signer;
  await supervisor.run('signer', () =>
    startProgram('signer', {}, () => accepts(resolve(projectRoot, socketPath))),
  );
  const { host, port } = api.http;
  // A server on all addresses is asked at loopback.
  const probed = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host;
  await Promise.all([
    supervisor.run('api', () =>
      startProgram('api', {}, answersOk(`http://${bracketed(probed)}:${port}/health/ready`)),
    ),
    supervisor.run('worker', () =>
      startProgram(
        'worker',
        { PURSER_WORKER_PORT: String(workerPort) },
        answersOk(`http://127.0.0.1:${workerPort}/health/ready`),
      ),
    ),
  ]);
  console.log(`Purser listens on http://${bracketed(host)}:${port}`);
}

const bracketed = (host: string): string => (host.includes(':') ? `[${host}]` : host);

function ownerUrl(config: Config): string {
  const { owner } = config.database;
  if (owner === null) throw new Error('DATABASE_URL is missing');
  return owner;
}

async function main(argument: string | undefined): Promise<number> {
  if (argument !== undefined && argument !== 'migrate') {
    console.error('usage: npm start [migrate]');
    return 2;
  }
  const file = join(projectRoot, '.env');
  if (existsSync(file)) process.loadEnvFile(file);
  const config = loadConfig('migrate');
  await migrate(ownerUrl(config), { appPasswords: config.rolePasswords });
  if (argument === 'migrate') return 0;
  const supervisor = new Supervisor({
    changed: () => undefined,
    log: (line) => console.error(`[start] ${line}`),
  });
  const interrupted = untilInterrupted();
  try {
    await Promise.race([startAll(supervisor), interrupted]);
    await interrupted;
  } finally {
    await supervisor.stop();
  }
  return 0;
}

main(process.argv[2]).then(
  (status) => process.exit(status),
  (error: unknown) => {
    console.error(error instanceof Error ? error.message : 'Purser did not start');
    process.exit(1);
  },
);
