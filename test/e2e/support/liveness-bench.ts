// What the liveness suites stand on: a stack of three workers with a block every second, and sellers of three kinds.
import { readdirSync, readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { startHostileSeller, type HostileSeller } from '../../support/hostile-seller.js';
import { Admin, Agent, freshKey } from './client.js';
import { rows, workerPorts } from './measure.js';
import { TestStack, until } from './stack.js';

const TOKEN = '0x036CbD53842c5426634e7929541eC2318f3dCF7e';
/** Blocks come every second, and a payment is final two blocks later. */
export const FINALITY_LAG_MS = 4_000;
export const AT_ONCE = 16;
const ENDED = ['settled', 'refused', 'rejected', 'expired', 'cancelled', 'failed', 'needs_attention'];

export interface Row {
  readonly operation_id: string;
  readonly status: string;
  readonly version: number;
  readonly attempts: number;
  readonly lease_owner: string | null;
  /** Rises with every claim, also one that is over too soon to be seen. */
  readonly lease_epoch: number;
}

export class LivenessBench {
  private constructor(
    readonly stack: TestStack,
    readonly seller: HostileSeller,
    /** Takes payments and never settles one. */
    readonly keeper: HostileSeller,
    private readonly mute: Server,
  ) {}

  static async start(): Promise<LivenessBench> {
    const mute = createServer(() => undefined);
    await new Promise<void>((done) => mute.listen(0, '127.0.0.1', done));
    const muteUrl = urlOf(mute);
    let stack: TestStack | undefined;
    const seller = await startHostileSeller({ rpcUrl: () => stack?.file.rpcUrl ?? '', token: TOKEN });
    const keeper = await startHostileSeller({ rpcUrl: () => muteUrl, token: TOKEN, maxTimeoutSec: 30 });
    const allow = [seller.host, keeper.host, new URL(muteUrl).host];
    stack = await TestStack.start({ workers: 3, blockTime: 1, allow });
    return new LivenessBench(stack, seller, keeper, mute);
  }

  async stop(): Promise<void> {
    await this.stack.stop();
    await this.seller.close();
    await this.keeper.close();
    this.mute.closeAllConnections();
    this.mute.close();
  }

  /** Takes connections and never says anything. */
  get muteUrl(): string {
    return urlOf(this.mute);
  }

  get agent(): Agent {
    return new Agent(() => this.stack.file, this.stack.file.agent);
  }

  private get admin(): Admin {
    return new Admin(() => this.stack.file);
  }

  async hire(name: string, policy?: Readonly<Record<string, unknown>>): Promise<Agent> {
    const { agent_id: id } = await this.admin.must('POST', '/agents', { name });
    const person = `${name}@example.test`;
    const { secret } = await this.admin.must('POST', '/keys', { role: 'agent', agent_id: id, person });
    await this.admin.must('PUT', `/agents/${id}/budgets`, { limits: { day: '1000000000' } });
    if (policy) await this.admin.must('PUT', `/agents/${id}/policy`, policy);
    return new Agent(() => this.stack.file, { id, apiKey: secret });
  }

  /** Accepts and returns at once; the operation goes on by itself. */
  async submit(buyer: Agent, url: string, more: Readonly<Record<string, unknown>> = {}): Promise<string> {
    const body = { kind: 'purchase', url, max_amount: '1000', wait_ms: 0, ...more };
    const answer = await buyer.post('/purser/v1/operations', body, { 'idempotency-key': freshKey('live') });
    if (answer.status === null || answer.status >= 300)
      throw new Error(`not accepted: ${answer.status} ${JSON.stringify(answer.body)}`);
    return answer.body.operation_id as string;
  }

  operations(ids: readonly string[]): Promise<Row[]> {
    return rows<Row>(
      this.stack.file.databaseUrl,
      `SELECT operation_id, status, version, attempts, lease_owner, lease_epoch::int FROM operations WHERE operation_id = ANY ($1::uuid[])`,
      [ids],
    );
  }

  /** Base units held for the agent. */
  async heldOf(buyer: Agent): Promise<bigint> {
    const { items } = await this.admin.must('GET', `/agents/${buyer.credentials.id}/budgets`);
    return BigInt(items.find((it: { unit: string }) => it.unit === 'USD6').held);
  }

  /** Until every operation has at least the first commit of its drive. */
  allDriven(ids: readonly string[], withinMs: number): Promise<void> {
    return until(
      async () => (await this.operations(ids)).every((row) => row.version >= 2),
      withinMs,
      'every operation is driven',
    );
  }

  allEnd(ids: readonly string[], withinMs: number): Promise<void> {
    return until(async () => (await this.unfinished(ids)).length === 0, withinMs, 'every operation ends');
  }

  async unfinished(ids: readonly string[]): Promise<Row[]> {
    return (await this.operations(ids)).filter((row) => !ENDED.includes(row.status));
  }

  workerLogs(): string[] {
    const folder = join(this.stack.home, 'logs');
    const files = readdirSync(folder).filter((name) => name.startsWith('worker'));
    return files.flatMap((name) => readFileSync(join(folder, name), 'utf8').split('\n'));
  }

  /** The slowest projection's, as a worker tells whoever scrapes it. */
  async projectionLagSec(): Promise<number> {
    const [port] = workerPorts(this.stack);
    const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
    const found = [...text.matchAll(/^purser_projection_lag_seconds\{[^}]*\} (\S+)$/gm)];
    if (found.length === 0) throw new Error('the metrics name no projection');
    return Math.max(...found.map((it) => Number(it[1])));
  }
}

function urlOf(server: Server): string {
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
