import { spawn } from 'node:child_process';
import { createWriteStream, existsSync, mkdirSync, type WriteStream } from 'node:fs';
import { dirname, join } from 'node:path';

/** A running service: where to reach it, its process, and how it ends. */
export interface Service {
  readonly url: string;
  readonly pid: number;
  /** Resolves when the process is gone, however that came about. */
  readonly exited: Promise<void>;
  /** Ends the process in its graceful way and waits for it; safe to call more than once. */
  readonly stop: () => Promise<void>;
}

export interface ChildOptions {
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  /** What asks this program to stop gracefully; also sent to it when our own process dies. */
  readonly stopSignal: 'SIGINT' | 'SIGTERM';
  /** Run as this numeric user and group (we must be root). */
  readonly runAs?: number;
  /** Both output streams are appended here. */
  readonly logFile?: string;
  readonly onOutput?: (text: string) => void;
  /** After this long a stopping process is killed. */
  readonly stopTimeoutMs?: number;
}

export interface Child {
  readonly pid: number;
  readonly exited: Promise<void>;
  /** False from the moment the process has ended. */
  readonly isAlive: () => boolean;
  readonly stop: () => Promise<void>;
}

const setpriv = (process.env['PATH'] ?? '')
  .split(':')
  .map((folder) => join(folder, 'setpriv'))
  .find((path) => process.platform === 'linux' && existsSync(path));

/**
 * Starts a program that dies with us. Where setpriv exists the kernel sees to that even when we are killed, and the
 * program leaves our terminal's group so that Ctrl-C reaches only us and we can stop things in order.
 */
export function startChild(options: ChildOptions): Child {
  const { command, args } = withParentDeathSignal(options);
  const child = spawn(command, args, {
    cwd: options.cwd,
    env: options.env ?? process.env,
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: setpriv !== undefined,
    ...(setpriv === undefined && options.runAs !== undefined
      ? { uid: options.runAs, gid: options.runAs }
      : undefined),
  });
  const log = options.logFile === undefined ? undefined : openLog(options.logFile);
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8');
    stream.on('data', (text: string) => {
      if (log?.writableEnded === false) log.write(text);
      options.onOutput?.(text);
    });
  }
  let alive = true;
  const exited = new Promise<void>((resolve) => {
    const end = (): void => {
      alive = false;
      resolve();
    };
    child.once('error', (error) => {
      options.onOutput?.(`${error.message}\n`);
      end();
    });
    child.once('exit', end);
  });
  // Not at its exit: processes it left behind may still write to the same pipe.
  child.once('close', () => log?.end());
  child.once('error', () => log?.end());
  const stop = async (): Promise<void> => {
    if (!alive) return;
    child.kill(options.stopSignal);
    const killer = setTimeout(() => child.kill('SIGKILL'), options.stopTimeoutMs ?? 10_000);
    await exited;
    clearTimeout(killer);
  };
  return { pid: child.pid ?? 0, exited, isAlive: () => alive, stop };
}

function withParentDeathSignal(options: ChildOptions): { command: string; args: readonly string[] } {
  if (setpriv === undefined) return options;
  const identity =
    options.runAs === undefined
      ? []
      : [`--reuid=${options.runAs}`, `--regid=${options.runAs}`, '--clear-groups'];
  const signal = options.stopSignal.slice('SIG'.length);
  return {
    command: setpriv,
    args: [`--pdeathsig=${signal}`, ...identity, '--', options.command, ...options.args],
  };
}

function openLog(path: string): WriteStream {
  mkdirSync(dirname(path), { recursive: true });
  // A full disk costs the log, not the supervisor.
  return createWriteStream(path, { flags: 'a', mode: 0o600 }).on('error', () => undefined);
}

/** Asks until `probe` says yes; throws with `describe()` when the process ends or the time is over. */
export async function waitUntilReady(
  child: Pick<Child, 'isAlive'>,
  probe: () => Promise<boolean>,
  { timeoutMs = 20_000, describe }: { timeoutMs?: number; describe: () => string },
): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!(await probe())) {
    if (!child.isAlive()) throw new Error(`${describe()} ended while starting`);
    if (Date.now() > deadline) throw new Error(`${describe()} was not ready after ${timeoutMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
