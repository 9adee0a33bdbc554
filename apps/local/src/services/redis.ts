import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { projectRoot } from '../project.js';
import { startChild, waitUntilReady, type Service } from './child.js';
import { freePort } from './ports.js';

export interface RedisOptions {
  /** Where the append-only file lives. */
  readonly dataDir: string;
  readonly port?: number;
  /** Keeps nothing on disk. */
  readonly throwaway?: boolean;
  readonly logFile?: string;
}

/** Starts Redis from the PATH, or the copy that setup unpacked. */
export async function startRedis(options: RedisOptions): Promise<Service> {
  const program = findRedis();
  mkdirSync(options.dataDir, { recursive: true, mode: 0o700 });
  const port = options.port ?? (await freePort());
  const flags = {
    '--bind': '127.0.0.1',
    '--port': String(port),
    '--dir': options.dataDir,
    '--save': '',
    '--appendonly': options.throwaway === true ? 'no' : 'yes',
    // A queue that forgets jobs under memory pressure would be worse than one that refuses them.
    '--maxmemory-policy': 'noeviction',
  };
  const child = startChild({
    command: program.command,
    args: Object.entries(flags).flat(),
    env: { ...process.env, ...program.env },
    stopSignal: 'SIGTERM',
    ...(options.logFile === undefined ? undefined : { logFile: options.logFile }),
  });
  await waitUntilReady(child, () => answersPing(port), { describe: () => 'Redis' }).catch(
    async (error: unknown) => {
      await child.stop();
      throw error;
    },
  );
  return { url: `redis://127.0.0.1:${port}`, pid: child.pid, exited: child.exited, stop: child.stop };
}

function findRedis(): { command: string; env: NodeJS.ProcessEnv } {
  const folders = (process.env['PATH'] ?? '').split(':').filter((folder) => folder !== '');
  const onPath = folders.map((folder) => join(folder, 'redis-server')).find((path) => existsSync(path));
  if (onPath !== undefined) return { command: onPath, env: {} };
  const unpacked = join(projectRoot, '.cache/redis/usr');
  const command = join(unpacked, 'bin/redis-server');
  if (!existsSync(command)) {
    throw new Error(
      'Redis was not found: run `node apps/local/setup.mjs`, install redis-server or set REDIS_URL',
    );
  }
  const libraries = join(unpacked, 'lib');
  const folderPerPlatform = existsSync(libraries)
    ? readdirSync(libraries).map((name) => join(libraries, name))
    : [];
  return { command, env: { LD_LIBRARY_PATH: [libraries, ...folderPerPlatform].join(':') } };
}

/** True once Redis has loaded its file and answers commands, not merely listens. */
function answersPing(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' }, () => socket.write('PING\r\n'));
    const finish = (ready: boolean): void => {
      socket.destroy();
      resolve(ready);
    };
    socket.setTimeout(1_000, () => finish(false));
    socket.once('data', (data) => finish(data.toString('utf8').startsWith('+PONG')));
    socket.once('error', () => finish(false));
  });
}
