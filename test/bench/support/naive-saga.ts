// The baseline of bench `saga`: the same four durable steps as one would write them first. Each step is one BullMQ job and one
// transaction that locks, guards, writes its rows and an event; signing is viem's. Its tables mirror ours, without the hash chain.
import { randomBytes, randomUUID } from 'node:crypto';
import { Queue, Worker, type Job } from 'bullmq';
import { Pool, type PoolClient } from 'pg';
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts';
import { LOCAL_CHAIN_ID } from '../../../apps/local/src/services/index.js';
import { LOCAL_TOKEN } from '../../../apps/local/src/chain.js';
import { PAYEE } from './challenge.js';

const SCHEMA = `
DROP SCHEMA IF EXISTS naive CASCADE;
CREATE SCHEMA naive;
CREATE TABLE naive.idempotency (agent_id uuid, key text, operation_id uuid NOT NULL, PRIMARY KEY (agent_id, key));
CREATE TABLE naive.operation (id uuid PRIMARY KEY, agent_id uuid NOT NULL, status text NOT NULL, version integer NOT NULL, amount numeric(78,0) NOT NULL,
  updated_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE naive.event (operation_id uuid, version integer, type text NOT NULL, data jsonb NOT NULL, at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (operation_id, version));
CREATE TABLE naive.budget (node text PRIMARY KEY, day_limit numeric(78,0) NOT NULL, held numeric(78,0) NOT NULL DEFAULT 0);
CREATE TABLE naive.reservation (operation_id uuid PRIMARY KEY, amount numeric(78,0) NOT NULL, state text NOT NULL);
CREATE TABLE naive.wallet (id text PRIMARY KEY, balance numeric(78,0) NOT NULL, committed numeric(78,0) NOT NULL DEFAULT 0);
CREATE TABLE naive.authorization_ledger (operation_id uuid PRIMARY KEY, nonce text NOT NULL UNIQUE, data jsonb NOT NULL, signature text);
CREATE TABLE naive.control (scope text PRIMARY KEY, paused boolean NOT NULL);
INSERT INTO naive.budget (node, day_limit) VALUES ('workspace', 1000000000), ('agent', 1000000000);
INSERT INTO naive.wallet (id, balance) VALUES ('wallet', 1000000000);
INSERT INTO naive.control VALUES ('global', false), ('workspace', false);`;

const TYPES = {
  TransferWithAuthorization: [
    { name: 'from', type: 'address' },
    { name: 'to', type: 'address' },
    { name: 'value', type: 'uint256' },
    { name: 'validAfter', type: 'uint256' },
    { name: 'validBefore', type: 'uint256' },
    { name: 'nonce', type: 'bytes32' },
  ],
} as const;
const DOMAIN = {
  name: 'USDC',
  version: '2',
  chainId: LOCAL_CHAIN_ID,
  verifyingContract: LOCAL_TOKEN,
} as const;
const AGENT = randomUUID();
/** The best of 4, 8 and 16 connections, and of 8, 16, 32 and 64 jobs at once. */
const CONNECTIONS = 16;
const JOBS_AT_ONCE = 32;

interface StepJob {
  readonly id: string;
}

export class NaiveSaga {
  private readonly account = privateKeyToAccount(generatePrivateKey());
  private readonly signed = new Map<string, () => void>();

  private constructor(
    private readonly pool: Pool,
    private readonly queue: Queue<StepJob>,
    private readonly connection: { readonly url: string },
  ) {}

  static async start(
    postgresUrl: string,
    redisUrl: string,
  ): Promise<{ saga: NaiveSaga; close: () => Promise<void> }> {
    const pool = new Pool({ connectionString: postgresUrl, max: CONNECTIONS });
    pool.on('error', () => undefined);
    await pool.query(SCHEMA);
    const connection = { url: redisUrl };
    const saga = new NaiveSaga(pool, new Queue<StepJob>('naive', { connection }), connection);
    const worker = saga.work();
    const close = async (): Promise<void> => {
      await worker.close();
      await saga.queue.close();
      await pool.end();
    };
    return { saga, close };
  }

  /** Resolves when the operation is signed. */
  async run(): Promise<void> {
    const id = randomUUID();
    const signed = new Promise<void>((resolve) => this.signed.set(id, resolve));
    await this.next('accept', id);
    await signed;
  }

  private work(): Worker<StepJob> {
    const steps: Readonly<Record<string, (id: string) => Promise<void>>> = {
      accept: (id) => this.accept(id),
      reserve: (id) => this.reserve(id),
      prepare: (id) => this.prepare(id),
      sign: (id) => this.sign(id),
    };
    return new Worker<StepJob>(
      'naive',
      (job: Job<StepJob>) => steps[job.name]?.(job.data.id) ?? Promise.resolve(),
      {
        connection: this.connection,
        concurrency: JOBS_AT_ONCE,
      },
    );
  }

  private async next(step: string, id: string): Promise<void> {
    await this.queue.add(step, { id }, { removeOnComplete: true, removeOnFail: true });
  }

  private async accept(id: string): Promise<void> {
    await this.transaction(async (client) => {
      await query(client, 'INSERT INTO naive.idempotency VALUES ($1, $2, $3)', [AGENT, id, id]);
      await query(client, "INSERT INTO naive.operation VALUES ($1, $2, 'opened', 1, 1)", [id, AGENT]);
      await this.append(
        client,
        { id, version: 1, type: 'OperationOpened' },
        {
          url: 'https://shop.example/report',
          max_amount: '1',
        },
      );
    });
    await this.next('reserve', id);
  }

  private async reserve(id: string): Promise<void> {
    await this.transaction(async (client) => {
      await query(client, 'SELECT status FROM naive.operation WHERE id = $1 FOR UPDATE', [id]);
      await query(client, "INSERT INTO naive.reservation VALUES ($1, 1, 'held')", [id]);
      await this.append(client, { id, version: 2, type: 'BudgetReserved' }, { amount: '1', unit: 'USD6' });
      await this.moveOn(client, id, 'reserved', 2);
      // The contended rows last, so that they are locked for one commit and not for the whole transaction.
      for (const node of ['workspace', 'agent']) {
        await guarded(
          client,
          'UPDATE naive.budget SET held = held + 1 WHERE node = $1 AND held + 1 <= day_limit',
          [node],
        );
      }
    });
    await this.next('prepare', id);
  }

  private async prepare(id: string): Promise<void> {
    const nonce = `0x${randomBytes(32).toString('hex')}`;
    const now = Math.floor(Date.now() / 1000);
    const tuple = {
      from: this.account.address,
      to: PAYEE,
      value: '1',
      validAfter: '0',
      validBefore: String(now + 300),
      nonce,
    };
    await this.transaction(async (client) => {
      await query(client, 'SELECT status FROM naive.operation WHERE id = $1 FOR UPDATE', [id]);
      await query(client, 'SELECT paused FROM naive.control ORDER BY scope FOR SHARE', []);
      await query(client, 'INSERT INTO naive.authorization_ledger VALUES ($1, $2, $3)', [
        id,
        nonce,
        JSON.stringify(tuple),
      ]);
      await this.append(client, { id, version: 3, type: 'AuthorizationPrepared' }, tuple);
      await this.moveOn(client, id, 'authorized', 3);
      await guarded(
        client,
        "UPDATE naive.wallet SET committed = committed + 1 WHERE id = 'wallet' AND committed + 1 <= balance",
        [],
      );
    });
    await this.next('sign', id);
  }

  private async sign(id: string): Promise<void> {
    await this.transaction(async (client) => {
      const { rows } = await query(
        client,
        'SELECT data FROM naive.authorization_ledger WHERE operation_id = $1 FOR UPDATE',
        [id],
      );
      const signature = await this.signature((rows[0] as { data: Record<string, string> }).data);
      await query(client, 'UPDATE naive.authorization_ledger SET signature = $2 WHERE operation_id = $1', [
        id,
        signature,
      ]);
      await this.append(client, { id, version: 4, type: 'AuthorizationSigned' }, {});
      await this.moveOn(client, id, 'signed', 4);
    });
    this.signed.get(id)?.();
    this.signed.delete(id);
  }

  private signature(tuple: Record<string, string>): Promise<string> {
    const { from, to, value, validAfter, validBefore, nonce } = tuple;
    return this.account.signTypedData({
      domain: DOMAIN,
      types: TYPES,
      primaryType: 'TransferWithAuthorization',
      message: {
        from: from as `0x${string}`,
        to: to as `0x${string}`,
        value: BigInt(value ?? 0),
        validAfter: BigInt(validAfter ?? 0),
        validBefore: BigInt(validBefore ?? 0),
        nonce: nonce as `0x${string}`,
      },
    });
  }

  private async append(
    client: PoolClient,
    { id, version, type }: { readonly id: string; readonly version: number; readonly type: string },
    data: object,
  ): Promise<void> {
    await query(client, 'INSERT INTO naive.event VALUES ($1, $2, $3, $4)', [
      id,
      version,
      type,
      JSON.stringify(data),
    ]);
  }

  private async moveOn(client: PoolClient, id: string, status: string, version: number): Promise<void> {
    await guarded(
      client,
      'UPDATE naive.operation SET status = $2, version = $3, updated_at = now() WHERE id = $1 AND version = $3 - 1',
      [id, status, version],
    );
  }

  private async transaction(work: (client: PoolClient) => Promise<void>): Promise<void> {
    const client = await this.pool.connect();
    try {
      await client.query('BEGIN');
      await work(client);
      await client.query('COMMIT');
    } catch (error) {
      await client.query('ROLLBACK');
      throw error;
    } finally {
      client.release();
    }
  }
}

/** Prepared once per connection: the text is its own name. */
function query(client: PoolClient, text: string, values: readonly unknown[]) {
  return client.query({ name: text.slice(0, 63), text, values: [...values] });
}

async function guarded(client: PoolClient, text: string, values: readonly unknown[]): Promise<void> {
  const { rowCount } = await query(client, text, values);
  if (rowCount !== 1) throw new Error('a guard refused');
}
