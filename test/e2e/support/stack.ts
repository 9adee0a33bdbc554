// A whole stack in a folder of its own, run as a stranger would run it: `npm run stack` as a child process.
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { postgresDataDir } from '../../../apps/local/src/services/index.js';
import { runChecker, type BooksReport } from '../../checker/main.js';

export const ROOT = resolve(import.meta.dirname, '../../..').replace(/\/dist$/, '');
/** `npm run test:full` raises every size to the one the issue asks for. */
export const FULL = process.env['PURSER_SCALE'] === 'full';

export interface StackFile {
  readonly apiUrl: string;
  readonly apiUrls: readonly string[];
  readonly workspaceId: string;
  readonly adminKey: string;
  readonly agent: { readonly id: string; readonly apiKey: string };
  readonly approver: { readonly token: string };
  readonly sellerKey: string;
  readonly walletAddress: `0x${string}`;
  readonly rpcUrl: string;
  readonly chainId: number;
  readonly token: `0x${string}`;
  readonly databaseUrl: string;
  readonly redisUrl: string;
  readonly sellers: { readonly [name: string]: { readonly url: string; readonly payTo: string } };
  readonly pids: { readonly [role: string]: readonly number[] | undefined };
}

export interface StackOptions {
  readonly apis?: number;
  readonly workers?: number;
  /** Seconds between blocks; 0 for a block per transaction. */
  readonly blockTime?: number;
  /** `host:port` of test sellers that may be bought from. */
  readonly allow?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Of a stack that was stopped with its data kept. */
  readonly home?: string;
}

export class TestStack {
  private constructor(
    readonly home: string,
    private readonly child: ChildProcess,
    private readonly output: () => string,
  ) {}

  static async start(options: StackOptions = {}): Promise<TestStack> {
    const home = options.home ?? mkdtempSync(join(tmpdir(), 'purser-e2e-'));
    const args = [
      'stack',
      '--apis',
      String(options.apis ?? 1),
      '--workers',
      String(options.workers ?? 1),
      '--block-time',
      String(options.blockTime ?? 0),
    ];
    const child = spawn(process.execPath, [join(ROOT, 'dist/apps/local/src/main.js'), ...args], {
      cwd: ROOT,
      env: {
        ...process.env,
        PURSER_HOME: home,
        PURSER_EGRESS_ALLOW: (options.allow ?? []).join(','),
        ...options.env,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const lines: string[] = [];
    const keep = (chunk: Buffer): void => {
      lines.push(chunk.toString());
      if (lines.length > 400) lines.shift();
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    const stack = new TestStack(home, child, () => lines.join(''));
    await stack.ready();
    return stack;
  }

  /** As it is now; pids change when a process was restarted. */
  get file(): StackFile {
    return JSON.parse(readFileSync(join(this.home, 'stack.json'), 'utf8')) as StackFile;
  }

  /** SIGKILL to one process of a role; its supervisor starts it again. Returns false when there is none right now. */
  kill(role: string, signal: NodeJS.Signals = 'SIGKILL'): boolean {
    const pids = this.file.pids[role] ?? [];
    const pid = pids[Math.floor(Math.random() * pids.length)];
    if (pid === undefined) return false;
    try {
      return process.kill(pid, signal);
    } catch {
      return false;
    }
  }

  /** The independent checker over this stack. */
  check(historyFile?: string): Promise<BooksReport> {
    return runChecker(this.file, historyFile);
  }

  /** A command of ours against this stack, as an operator types it; what it said, or thrown when it failed. */
  command(...args: readonly string[]): Promise<string> {
    return runCommand(this.home, args);
  }

  async stop({ keep = false } = {}): Promise<void> {
    if (this.child.exitCode === null) {
      const gone = new Promise((done) => this.child.once('exit', done));
      this.child.kill('SIGTERM');
      await gone;
    }
    if (keep) return;
    rmSync(this.home, { recursive: true, force: true });
    rmSync(postgresDataDir(`${this.home}-postgres`), { recursive: true, force: true });
  }

  private async ready(): Promise<void> {
    await until(() => {
      if (this.child.exitCode !== null) throw new Error(`the stack ended: ${this.output()}`);
      return Promise.resolve(existsSync(join(this.home, 'stack.json')));
    }, 120_000).catch((error: unknown) => {
      this.child.kill('SIGTERM');
      throw error;
    });
  }
}

export async function runCommand(home: string, args: readonly string[]): Promise<string> {
  const program = join(ROOT, 'dist/apps/local/src/commands/main.js');
  const env = { ...process.env, PURSER_HOME: home };
  const { stdout } = await promisify(execFile)(process.execPath, [program, ...args], { cwd: ROOT, env });
  return stdout;
}

/** Waits until the condition holds. @throws after the deadline, with what was waited for. */
export async function until(
  holds: () => Promise<boolean>,
  withinMs: number,
  what = 'condition',
): Promise<void> {
  const deadline = Date.now() + withinMs;
  for (;;) {
    if (await holds()) return;
    if (Date.now() > deadline) throw new Error(`${what} did not come true within ${withinMs} ms`);
    await new Promise((done) => setTimeout(done, 50));
  }
}
