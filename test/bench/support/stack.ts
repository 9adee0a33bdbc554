// The processes a benchmark needs, started one by one: a bench decides which of them run and with which settings, where the
// supervised stack always runs all. PostgreSQL keeps fsync on, as everywhere.
import { mkdtempSync, rmSync } from 'node:fs';
import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:net';
import { prepareDatabase, type DatabaseUrls } from '../../../apps/local/src/stack/database.js';
import { processEnvironment, type ProcessKind } from '../../../apps/local/src/stack/environment.js';
import { choosePorts, loadSecrets, StackFolder } from '../../../apps/local/src/stack/folder.js';
import type { StackOptions } from '../../../apps/local/src/stack/options.js';
import { answersOk, startProcess } from '../../../apps/local/src/stack/process.js';
import {
  sellersOf,
  startSellers,
  startServices,
  type Place,
  type Sellers,
  type ServiceUrls,
} from '../../../apps/local/src/stack/services.js';
import type { Credentials } from '../../../apps/local/src/stack/stack-file.js';
import { setUpWorkspace } from '../../../apps/local/src/stack/workspace.js';
import type { Service } from '../../../apps/local/src/services/child.js';
import { Supervisor } from '../../../apps/local/src/supervisor.js';

export class BenchStack {
  private readonly running = new Set<Service>();
  private credentialsOrNone: Credentials | undefined;

  private constructor(
    readonly place: Place,
    readonly urls: ServiceUrls,
    readonly databases: DatabaseUrls,
    private readonly supervisor: Supervisor,
  ) {}

  /** Services below Purser, migrated, with a workspace set up through an API that is stopped again. */
  static async start(
    options: { readonly sellers?: boolean } & Partial<Pick<StackOptions, 'mining' | 'blockGas'>> = {},
  ): Promise<BenchStack> {
    const home = mkdtempSync(join(tmpdir(), 'purser-bench-'));
    process.env['PURSER_HOME'] = home;
    const folder = new StackFolder(home);
    const place: Place = { folder, secrets: loadSecrets(folder), ports: await choosePorts(folder, 1, 1) };
    const supervisor = new Supervisor({ changed: () => undefined, log: () => undefined });
    const { mining = 'automine', blockGas } = options;
    const settings = {
      apis: 1,
      workers: 1,
      mining,
      reset: false,
      once: false,
      ...(blockGas && { blockGas }),
    };
    const urls = await startServices(supervisor, place, settings);
    const stack = new BenchStack(place, urls, await prepareDatabase(urls.postgresUrl, place), supervisor);
    try {
      if (options.sellers === true) await startSellers(supervisor, place, { rpcUrl: urls.rpcUrl });
      const signer = await stack.startSigner();
      // Sees the wallet's funds; whoever buys before is told that it is empty.
      const watcher = await stack.startWorker({ PURSER_WORKER_ROLES: 'watch' });
      const api = await stack.startApi();
      stack.credentialsOrNone = await setUpWorkspace(place, {
        rpcUrl: urls.rpcUrl,
        systemUrl: stack.databases.system,
      });
      for (const process of [api, watcher, signer]) await stack.stopProcess(process);
      return stack;
    } catch (error) {
      await stack.stop();
      throw error;
    }
  }

  get credentials(): Credentials {
    if (this.credentialsOrNone === undefined) throw new Error('the bench stack is not set up yet');
    return this.credentialsOrNone;
  }

  get sellers(): Sellers {
    return sellersOf(this.place);
  }

  get apiUrl(): string {
    return `http://127.0.0.1:${this.place.ports.api[0]}`;
  }

  startApi(): Promise<Service> {
    const url = this.apiUrl;
    return this.startOurs('api', url, answersOk(`${url}/health/ready`));
  }

  startWorker(env: Readonly<Record<string, string>> = {}): Promise<Service> {
    const url = `http://127.0.0.1:${this.place.ports.workers[0]}`;
    return this.startOurs('worker', url, answersOk(`${url}/health/live`), env);
  }

  startSigner(): Promise<Service> {
    const socket = this.place.folder.signerSocket;
    rmSync(socket, { force: true });
    return this.startOurs('signer', socket, () => accepts(socket));
  }

  /** What a process of this kind would find in its environment; for a core composed in the bench itself. */
  environment(kind: ProcessKind): Record<string, string> {
    const { urls, databases, place } = this;
    return {
      ...processEnvironment(kind, { urls, databases, place, port: this.portOf(kind) }),
      LOG_LEVEL: 'warn',
    };
  }

  async stopProcess(service: Service): Promise<void> {
    this.running.delete(service);
    await service.stop();
  }

  async stop(): Promise<void> {
    for (const service of [...this.running].reverse()) await service.stop();
    await this.supervisor.stop();
    const { folder } = this.place;
    rmSync(folder.postgresData, { recursive: true, force: true });
    rmSync(folder.path, { recursive: true, force: true });
  }

  private portOf(kind: ProcessKind): number {
    if (kind === 'signer') return 0;
    return (kind === 'api' ? this.place.ports.api[0] : this.place.ports.workers[0]) ?? 0;
  }

  private async startOurs(
    kind: ProcessKind,
    url: string,
    ready: () => Promise<boolean>,
    env: Readonly<Record<string, string>> = {},
  ): Promise<Service> {
    const logFile = this.place.folder.log(kind);
    const service = await startProcess({
      entry: `apps/${kind}/src/main.js`,
      env: { ...this.environment(kind), ...env },
      logFile,
      url,
      ready,
    });
    this.running.add(service);
    return service;
  }
}

/** Resident memory of a process, MiB. */
export function residentMiB({ pid }: Service): number {
  const [, kib] = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kib) / 1024;
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
