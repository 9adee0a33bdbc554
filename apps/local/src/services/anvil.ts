import { existsSync, mkdirSync } from 'node:fs';
import { rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { projectRoot } from '../project.js';
import { startChild, waitUntilReady, type Service } from './child.js';
import { freePort } from './ports.js';

export interface AnvilOptions {
  readonly port?: number;
  /** Seconds between blocks, or a block per transaction. 1 if not given. */
  readonly mining?: number | 'automine';
  /** The finalized block is twice this many blocks behind the latest. 1 if not given. */
  readonly slotsInAnEpoch?: number;
  /** Gas of a block; anvil's own 30 million if not given. */
  readonly blockGas?: number;
  /** The chain is saved here and restored on start, so that a killed node keeps its blocks. */
  readonly stateFile?: string;
  readonly saveEveryMs?: number;
  readonly logFile?: string;
}

/** Base Sepolia's, so that v1 sellers (which name networks) and the known USDC domain both work. */
export const LOCAL_CHAIN_ID = 84532;

/** Starts a local EVM node on chain id 84532. */
export async function startAnvil(options: AnvilOptions = {}): Promise<Service> {
  const port = options.port ?? (await freePort());
  const url = `http://127.0.0.1:${port}`;
  let output = '';
  const child = startChild({
    command: anvilProgram(),
    args: anvilArguments(port, options),
    stopSignal: 'SIGTERM',
    ...(options.logFile === undefined ? undefined : { logFile: options.logFile }),
    onOutput: (text) => {
      output = (output + text).slice(-2_000);
    },
  });
  const answers = async (): Promise<boolean> =>
    rpc(url, 'eth_chainId').then(
      (chainId) => BigInt(String(chainId)) === BigInt(LOCAL_CHAIN_ID),
      () => false,
    );
  await waitUntilReady(child, answers, { describe: () => 'anvil' }).catch(async (error: unknown) => {
    await child.stop();
    throw new Error(`anvil did not start: ${output.trim()}`, { cause: error });
  });
  const saver = options.stateFile === undefined ? undefined : keepSaving(url, options.stateFile, options);
  void child.exited.then(() => saver?.end());
  const stop = async (): Promise<void> => {
    if (!child.isAlive()) return;
    // A node that no longer answers has nothing to save; the last periodic copy stands.
    await saver?.saveNow().catch(() => undefined);
    saver?.end();
    await child.stop();
  };
  return { url, pid: child.pid, exited: child.exited, stop };
}

function anvilProgram(): string {
  const architecture = process.arch === 'x64' ? 'amd64' : process.arch;
  const path = join(
    projectRoot,
    `node_modules/@foundry-rs/anvil-${process.platform}-${architecture}/bin/anvil`,
  );
  if (!existsSync(path))
    throw new Error(`no anvil for ${process.platform}-${process.arch}; set RPC_URL instead`);
  return path;
}

function anvilArguments(port: number, options: AnvilOptions): string[] {
  const mining = options.mining ?? 1;
  const restore = options.stateFile !== undefined && existsSync(options.stateFile);
  const flags = {
    '--host': '127.0.0.1',
    '--port': String(port),
    // The state file does not hold the chain id.
    '--chain-id': String(LOCAL_CHAIN_ID),
    '--slots-in-an-epoch': String(options.slotsInAnEpoch ?? 1),
    ...(mining === 'automine' ? undefined : { '--block-time': String(mining) }),
    ...(options.blockGas === undefined ? undefined : { '--gas-limit': String(options.blockGas) }),
    ...(restore ? { '--load-state': options.stateFile } : undefined),
  };
  return ['--quiet', '--no-cors', ...Object.entries(flags).flat()];
}

/**
 * Saves through the RPC rather than by anvil's own option: a kill during anvil's write would leave half a file,
 * ours is replaced whole. The pause grows with the cost of a save, so that a long chain does not spend its time on it.
 */
function keepSaving(
  url: string,
  stateFile: string,
  { saveEveryMs = 1_000 }: AnvilOptions,
): { saveNow: () => Promise<void>; end: () => void } {
  mkdirSync(dirname(stateFile), { recursive: true, mode: 0o700 });
  let lastSaved: unknown;
  let timer: NodeJS.Timeout | undefined;
  let ended = false;
  const saveNow = async (): Promise<void> => {
    const height = await rpc(url, 'eth_blockNumber');
    if (height === lastSaved) return;
    const dump = String(await rpc(url, 'anvil_dumpState'));
    const state = await promisify(gunzip)(Buffer.from(dump.slice(2), 'hex'));
    await writeFile(`${stateFile}.new`, state, { mode: 0o600 });
    await rename(`${stateFile}.new`, stateFile);
    lastSaved = height;
  };
  const schedule = (delayMs: number): void => {
    if (ended) return;
    timer = setTimeout(() => {
      const began = performance.now();
      saveNow()
        .catch(() => undefined)
        .finally(() => schedule(Math.max(saveEveryMs, 20 * (performance.now() - began))));
    }, delayMs);
    timer.unref();
  };
  schedule(saveEveryMs);
  return {
    saveNow,
    end: () => {
      ended = true;
      clearTimeout(timer);
    },
  };
}

/** One JSON-RPC call; throws on a transport error and on the node's own. */
export async function rpc(url: string, method: string, params: readonly unknown[] = []): Promise<unknown> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
  });
  const answer = (await response.json()) as { result?: unknown; error?: { message: string } };
  if (answer.error !== undefined) throw new Error(`${method}: ${answer.error.message}`);
  return answer.result;
}
