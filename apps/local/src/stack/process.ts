import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { NODE_FLAGS, projectRoot } from '../project.js';
import { startChild, waitUntilReady, type Service } from '../services/child.js';

export interface ProcessOptions {
  /** Below dist/, as compiled. */
  readonly entry: string;
  readonly env: Readonly<Record<string, string>>;
  readonly logFile: string;
  /** What others reach it by; empty when nobody calls it. */
  readonly url: string;
  readonly ready: () => Promise<boolean>;
  readonly stopTimeoutMs?: number;
  /** `NODE_FLAGS` unless given. */
  readonly nodeFlags?: readonly string[];
}

/** What a process of ours inherits from us: enough to run, nothing to be configured by accident. */
const INHERITED = ['PATH', 'HOME', 'TMPDIR', 'TZ', 'LANG', 'NODE_OPTIONS', 'NODE_ENV'];

/** Starts one of our own programs and waits until it says it is ready. */
export async function startProcess(options: ProcessOptions): Promise<Service> {
  const file = join(projectRoot, 'dist', options.entry);
  if (!existsSync(file)) throw new Error(`${options.entry} is not built; run npm run build`);
  let output = '';
  const inherited = INHERITED.flatMap((name) => {
    const value = process.env[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  const child = startChild({
    command: process.execPath,
    args: [...(options.nodeFlags ?? NODE_FLAGS), file],
    cwd: projectRoot,
    env: { ...Object.fromEntries(inherited), ...options.env },
    stopSignal: 'SIGTERM',
    // Longer than the processes' own limit for finishing what they hold.
    stopTimeoutMs: options.stopTimeoutMs ?? 28_000,
    logFile: options.logFile,
    onOutput: (text) => {
      output = (output + text).slice(-4_000);
    },
  });
  try {
    await waitUntilReady(child, options.ready, { timeoutMs: 60_000, describe: () => options.entry });
  } catch (error) {
    await child.stop();
    throw new Error(`${options.entry} did not start; the end of its log:\n${output.trim()}`, {
      cause: error,
    });
  }
  return { url: options.url, pid: child.pid, exited: child.exited, stop: child.stop };
}

/** A readiness probe: the URL answers with a success. */
export const answersOk = (url: string) => (): Promise<boolean> =>
  fetch(url, { signal: AbortSignal.timeout(2_000) }).then(
    async (response) => {
      await response.arrayBuffer();
      return response.ok;
    },
    () => false,
  );
