import { existsSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { LOCAL_TOKEN } from '../chain.js';
import { projectRoot } from '../project.js';
import { LOCAL_CHAIN_ID } from '../services/index.js';
import type { IssuerSettings } from '../issuer/settings.js';
import { Supervisor } from '../supervisor.js';
import { prepareDatabase, type DatabaseUrls } from './database.js';
import { fundBroadcastAccounts } from './broadcast-accounts.js';
import { processEnvironment, publicUrlOf } from './environment.js';
import { choosePorts, loadSecrets, StackFolder } from './folder.js';
import type { StackOptions } from './options.js';
import { answersOk, startProcess } from './process.js';
import { sellersOf, startSellers, startServices, type Place, type ServiceUrls } from './services.js';
import type { Credentials, StackFile } from './stack-file.js';
import { setUpWorkspace } from './workspace.js';

export interface Stack {
  readonly file: StackFile;
  readonly folder: StackFolder;
  /** Stops every process, the newest first, and keeps their data. */
  readonly stop: () => Promise<void>;
}

/** Starts everything, waits until it can be used, and keeps it running. On failure nothing is left behind. */
export async function startStack(options: StackOptions, log: (line: string) => void): Promise<Stack> {
  const folder = new StackFolder(projectRoot);
  folder.lock();
  let publish: (() => void) | undefined;
  const supervisor = new Supervisor({ changed: () => publish?.(), log });
  const stop = async (): Promise<void> => {
    await supervisor.stop();
    rmSync(folder.stackFile, { force: true });
    folder.unlock();
  };
  try {
    if (options.reset || halfIsMissing(folder)) {
      folder.reset();
      folder.lock();
    }
    const secrets = loadSecrets(folder);
    const ports = await choosePorts(folder, options.apis, options.workers);
    const place: Place = { folder, secrets, ports };
    const urls = await startServices(supervisor, place, options);
    const databases = await prepareDatabase(urls.postgresUrl, place);
    // The signer first: the others are not ready without it.
    await startSigner(supervisor, place, { urls, databases });
    await fundBroadcastAccounts(place, urls.rpcUrl);
    await Promise.all([
      startSellers(supervisor, place, { rpcUrl: urls.rpcUrl }),
      startWorkers(supervisor, place, { urls, databases }),
      startApis(supervisor, place, { urls, databases }),
      startIssuer(supervisor, place, databases),
    ]);
    const credentials = await setUpWorkspace(place, { rpcUrl: urls.rpcUrl, systemUrl: databases.system });
    const facilitator = {
      url: `http://127.0.0.1:${ports.api[0] ?? 0}/facilitator`,
      key: credentials.sellerKey,
    };
    await startSellers(supervisor, place, { rpcUrl: urls.rpcUrl, facilitator });
    const current = (): StackFile => describe({ place, urls, databases, credentials, supervisor });
    publish = () => folder.write(folder.stackFile, current());
    publish();
    return { file: current(), folder, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

interface Reached {
  readonly urls: ServiceUrls;
  readonly databases: DatabaseUrls;
}

async function startApis(supervisor: Supervisor, place: Place, reached: Reached): Promise<void> {
  await Promise.all(
    place.ports.api.map((port, index) =>
      supervisor.run('api', () =>
        startProcess({
          entry: 'apps/api/src/main.js',
          env: processEnvironment('api', { ...reached, place, port }),
          logFile: place.folder.log(`api-${index + 1}`),
          url: `http://127.0.0.1:${port}`,
          ready: answersOk(`http://127.0.0.1:${port}/health/ready`),
        }),
      ),
    ),
  );
}

/** OAuth for this stack alone: callers reach it through the API. */
async function startIssuer(
  supervisor: Supervisor,
  { folder, ports, secrets }: Place,
  databases: DatabaseUrls,
): Promise<void> {
  const url = `http://127.0.0.1:${ports.issuer}`;
  const settings: IssuerSettings = {
    publicUrl: publicUrlOf(ports),
    apiUrl: publicUrlOf(ports),
    apiSecret: secrets.issuerSecret,
    port: ports.issuer,
    databaseUrl: databases.issuer,
    keystore: folder.within('keystore'),
    passphrase: secrets.issuerPassphrase,
    registration: true,
  };
  await supervisor.run('issuer', () =>
    startProcess({
      entry: 'apps/local/src/issuer/main.js',
      env: { ISSUER: JSON.stringify(settings) },
      logFile: folder.log('issuer'),
      url,
      ready: answersOk(`${url}/health`),
      stopTimeoutMs: 5_000,
    }),
  );
}

async function startWorkers(supervisor: Supervisor, place: Place, reached: Reached): Promise<void> {
  await Promise.all(
    place.ports.workers.map((port, index) =>
      supervisor.run('worker', () =>
        startProcess({
          entry: 'apps/worker/src/main.js',
          env: processEnvironment('worker', { ...reached, place, port }),
          logFile: place.folder.log(`worker-${index + 1}`),
          url: `http://127.0.0.1:${port}`,
          ready: answersOk(`http://127.0.0.1:${port}/health/live`),
        }),
      ),
    ),
  );
}

async function startSigner(supervisor: Supervisor, place: Place, reached: Reached): Promise<void> {
  const socket = place.folder.signerSocket;
  await supervisor.run('signer', () => {
    // A killed signer leaves its socket's name behind.
    rmSync(socket, { force: true });
    return startProcess({
      entry: 'apps/signer/src/main.js',
      env: processEnvironment('signer', { ...reached, place, port: 0 }),
      logFile: place.folder.log('signer'),
      url: socket,
      ready: () => accepts(socket),
    });
  });
}

function accepts(socket: string): Promise<boolean> {
  return new Promise((resolve) => {
    const connection = connect(socket);
    connection.once('connect', () => {
      connection.destroy();
      resolve(true);
    });
    connection.once('error', () => resolve(false));
  });
}

/** The database may lie in the system's temporary folder, which a reboot empties; it and the secrets are worthless without each other. */
function halfIsMissing(folder: StackFolder): boolean {
  return existsSync(folder.within('secrets.json')) !== existsSync(join(folder.postgresData, 'PG_VERSION'));
}

function describe(known: {
  place: Place;
  urls: ServiceUrls;
  databases: DatabaseUrls;
  credentials: Credentials;
  supervisor: Supervisor;
}): StackFile {
  const { place, urls, databases, credentials, supervisor } = known;
  const apiUrls = place.ports.api.map((port) => `http://127.0.0.1:${port}`);
  return {
    apiUrl: apiUrls[0] ?? '',
    apiUrls,
    ...credentials,
    rpcUrl: urls.rpcUrl,
    chainId: LOCAL_CHAIN_ID,
    token: LOCAL_TOKEN,
    databaseUrl: databases.checker,
    redisUrl: urls.redisUrl,
    sellers: sellersOf(place),
    supervisorPid: process.pid,
    pids: supervisor.pids(),
  };
}
