// A signer of one's own on a database of one's own, and operations written straight into the tables: what the signer refuses must not
// depend on a store that would have refused it before.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import {
  DEFAULT_POLICY,
  parseEvmAddress,
  parseHex32,
  parseOperationId,
  parseWorkspaceId,
  allowanceNonce,
  allowanceResource,
  type AuthorizationMethod,
  type ApprovalRule,
  type BudgetUnit,
  type Terms,
} from '#domain';
import { approvalDigest, termsDigest } from '#engine';
import { hasherFor, REGISTERED_ASSETS, toHex } from '#evm';
import { createPolicyStore } from '#postgres';
import {
  createDerivation,
  createIds,
  createLogger,
  createSignerClient,
  hashing,
  loadConfig,
  openDerivationKeys,
  type SignerClient,
} from '#runtime';
import { startSigner, type RunningSigner } from '../../apps/signer/src/signer.js';
import { createDatabase, type TestDatabase } from './database.js';
import { NETWORK, SELLER, someTerms } from './builders.js';
import { seedApprovals, type SeededApproval } from './signer-approval.js';

const QUICK = 2 ** 15;
const asset = REGISTERED_ASSETS.find((it) => it.network === NETWORK);
if (asset === undefined) throw new Error('the local token is not registered');
export const TOKEN = asset.token;

export interface SeededOperation {
  readonly workspaceId: ReturnType<typeof parseWorkspaceId>;
  readonly operationId: ReturnType<typeof parseOperationId>;
  readonly digest: `0x${string}`;
}

/** What differs from an operation that may be signed. */
export interface Seed {
  readonly kind?: 'authorize' | 'top_up' | 'allowance';
  readonly unit?: BudgetUnit;
  readonly value?: bigint;
  readonly to?: string;
  readonly nonce?: string;
  readonly digest?: string;
  readonly status?: string;
  readonly reservation?: 'held' | 'released' | 'none';
  readonly reserved?: bigint;
  readonly validForSec?: number;
  readonly needsApproval?: boolean;
  readonly approval?: SeededApproval;
  /** What the verdict says of approvers; absent: any one. */
  readonly rules?: readonly ApprovalRule[];
  readonly judgedAmount?: bigint;
  readonly method?: AuthorizationMethod;
  readonly facilitator?: string;
  readonly judgedTerms?: Partial<Terms>;
}

export class SignerStage {
  readonly folder = mkdtempSync(join(tmpdir(), 'psg-'));
  readonly socketPath = join(this.folder, 'run', 's.sock');
  readonly workspaceId = parseWorkspaceId(createIds().uuid());
  readonly agentId = createIds().uuid();
  readonly walletId = createIds().walletId();
  client!: SignerClient;
  running: RunningSigner | undefined;
  payer = '';
  #derivation!: ReturnType<typeof createDerivation>;

  private constructor(
    readonly database: TestDatabase,
    readonly sql: Client,
  ) {}

  static async set(): Promise<SignerStage> {
    const database = await createDatabase();
    const sql = new Client({ connectionString: database.url });
    await sql.connect();
    const stage = new SignerStage(database, sql);
    stage.client = createSignerClient({ socketPath: stage.socketPath });
    await stage.start();
    stage.#derivation = createDerivation(
      await openDerivationKeys(
        join(stage.folder, 'keystore'),
        stage.environment().PURSER_DERIVATION_PASSPHRASE,
      ),
    );
    await stage.#openWorkspace();
    return stage;
  }

  environment() {
    return {
      PURSER_DB_SIGNER_URL: asRole(this.database.url, 'purser_signer'),
      PURSER_KEYSTORE_DIR: join(this.folder, 'keystore'),
      PURSER_KEYSTORE_PASSPHRASE: 'keystore passphrase of a test',
      PURSER_DERIVATION_PASSPHRASE: 'derivation passphrase of a test',
      SIGNER_SOCKET: this.socketPath,
      LOG_LEVEL: 'silent',
      PURSER_SIGNER_MAX_PER_SIGNATURE: '100000000',
      PURSER_SIGNER_MAX_PER_WALLET_HOUR: '1000000000000',
    };
  }

  async start(over: Record<string, string> = {}): Promise<void> {
    this.running = await startSigner({
      config: loadConfig('signer', { ...this.environment(), ...over }),
      log: createLogger({ name: 'signer', level: 'silent' }),
      policies: createPolicyStore,
      scryptN: QUICK,
    });
  }

  async stop(): Promise<void> {
    await this.running?.close();
    this.running = undefined;
  }

  async strike(): Promise<void> {
    this.client.close();
    await this.stop();
    await this.sql.end();
    await this.database.drop();
    rmSync(this.folder, { recursive: true, force: true });
  }

  async #openWorkspace(): Promise<void> {
    const { workspaceId, agentId, walletId } = this;
    this.payer = (await this.client.createWallet(workspaceId, walletId)).address;
    await this.sql.query('INSERT INTO workspace (workspace_id, name) VALUES ($1, $2)', [workspaceId, 'test']);
    await this.sql.query('INSERT INTO control (scope) VALUES ($1) ON CONFLICT DO NOTHING', [workspaceId]);
    await this.sql.query('INSERT INTO agent (workspace_id, agent_id, name) VALUES ($1, $2, $3)', [
      workspaceId,
      agentId,
      'buyer',
    ]);
    await this.sql.query(
      `INSERT INTO wallet (workspace_id, wallet_id, address, origin) VALUES ($1, $2, $3, 'created')`,
      [workspaceId, walletId, this.payer],
    );
  }

  /** An operation just after its intent, as the store leaves it. */
  async operation(seed: Seed = {}): Promise<SeededOperation> {
    const [made] = await this.operations(1, seed);
    return made as SeededOperation;
  }

  async operations(count: number, seed: Seed = {}): Promise<SeededOperation[]> {
    const validBeforeSec = Math.floor(Date.now() / 1000) + (seed.validForSec ?? 300);
    const made = Array.from({ length: count }, () => this.#compose(seed, validBeforeSec));
    const column = (name: string): unknown[] => made.map((it) => it.row[name]);
    const keys = [column('ws'), column('op'), column('agent')];
    const openedMs = Date.now();
    await this.sql.query('BEGIN');
    await this.sql.query(
      `INSERT INTO operations (workspace_id, operation_id, agent_id, kind, status, version, last_hash, opened_at_ms, idempotency_key_hash, fingerprint)
       SELECT t.*, $6, $4, 4, '\\x00', $5::bigint, t.op::text, '' FROM ${rowsOf('')}(ws, op, agent)`,
      [...keys, seed.status ?? 'authorized', openedMs, seed.kind ?? 'authorize'],
    );
    await this.sql.query(
      `INSERT INTO events (workspace_id, opened_month, operation_id, version, type, schema, data, actor, occurred_at_ms, prev_hash, hash, cluster_epoch)
       SELECT t.ws, date_trunc('month', to_timestamp($5::bigint / 1000.0) AT TIME ZONE 'UTC')::date, t.op, 2, 'TermsAccepted', 1, t.data, '{}', $5::bigint, '\\x00', '\\x01', 1
       FROM ${rowsOf(', $4::jsonb[]')}(ws, op, agent, data)`,
      [...keys, column('terms'), openedMs],
    );
    if (seed.reservation !== 'none') {
      await this.sql.query(
        `INSERT INTO reservation (workspace_id, operation_id, agent_id, unit, amount, state)
         SELECT t.*, 'USD6', $4::numeric, $5 FROM ${rowsOf('')}(ws, op, agent)`,
        [...keys, (seed.reserved ?? seed.value ?? 10_000n).toString(), seed.reservation ?? 'held'],
      );
    }
    await this.sql.query(
      `INSERT INTO authorization_ledger (workspace_id, operation_id, agent_id, wallet_id, network, token, from_address, to_address, value, valid_after, valid_before, nonce, digest, status, method, facilitator, allowance)
       SELECT t.ws, t.op, t.agent, $4, $5, $6, $7, $8, $9::numeric, 0, $10::bigint, t.nonce, t.digest, 'live', $13, $14, $15::numeric
       FROM ${rowsOf(', $11::text[], $12::text[]')}(ws, op, agent, nonce, digest)`,
      [
        ...keys,
        this.walletId,
        NETWORK,
        TOKEN,
        this.payer,
        seed.to ?? SELLER,
        seed.method === 'allowance' ? '0' : (seed.value ?? 10_000n).toString(),
        validBeforeSec,
        column('nonce'),
        column('digest'),
        seed.method ?? 'eip3009',
        seed.facilitator ?? null,
        seed.method === 'allowance' ? (seed.value ?? 10_000n).toString() : null,
      ],
    );
    if (seed.approval !== undefined)
      await seedApprovals(this.sql, seed.approval, { keys, digests: column('approval'), openedMs });
    await this.sql.query('COMMIT');
    return made.map(({ ref }) => ref);
  }

  #compose(seed: Seed, validBeforeSec: number) {
    const operationId = parseOperationId(createIds().uuid());
    const { workspaceId, agentId } = this;
    const value = seed.value ?? 10_000n;
    const to = parseEvmAddress(seed.to ?? SELLER);
    const method = seed.method ?? 'eip3009';
    const by = seed.facilitator === undefined ? {} : { facilitator: parseEvmAddress(seed.facilitator) };
    const terms = someTerms({
      token: TOKEN,
      amount: seed.judgedAmount ?? value,
      payTo: to,
      unit: seed.unit ?? 'USD6',
      ...(method === 'eip3009' ? {} : { transferMethod: method }),
      ...(method === 'allowance' ? { resourceUrl: allowanceResource(this.walletId) } : {}),
      ...by,
      ...seed.judgedTerms,
    });
    const derived = this.#derivation.authorizationNonce(workspaceId, operationId);
    const nonce = seed.nonce ?? (method === 'allowance' ? allowanceNonce(derived, 3n) : derived);
    const digest = toHex(
      hasherFor({ network: NETWORK, token: TOKEN, method })?.transferDigest({
        method,
        ...by,
        token: TOKEN,
        from: parseEvmAddress(this.payer),
        to,
        value,
        validAfterSec: 0,
        validBeforeSec,
        nonce: parseHex32(nonce),
      }) ?? new Uint8Array(),
    );
    const verdict = {
      policyVersion: DEFAULT_POLICY.version,
      needsApproval: seed.needsApproval ?? false,
      reasons: [],
      ...(seed.rules === undefined ? {} : { approval: seed.rules }),
    };
    const data = {
      terms: { ...terms, amount: terms.amount.toString() },
      verdict,
      termsDigest: termsDigest({ hashing }, terms),
    };
    return {
      ref: { workspaceId, operationId, digest },
      row: {
        ws: workspaceId,
        op: operationId,
        agent: agentId,
        nonce,
        digest: seed.digest ?? digest,
        terms: JSON.stringify(data),
        approval:
          seed.approval?.digest ?? approvalDigest({ hashing }, operationId, terms, verdict.policyVersion),
      } as Record<string, unknown>,
    };
  }
}

/** Workspaces, operations, agents and whatever arrays follow, as rows. */
function rowsOf(more: string): string {
  return `unnest($1::uuid[], $2::uuid[], $3::uuid[]${more}) AS t`;
}

/** The same database as another role; the test server trusts every local login. */
export function asRole(databaseUrl: string, role: string): string {
  const url = new URL(databaseUrl);
  url.username = role;
  url.password = '';
  return url.href;
}

export async function signatureOf(stage: SignerStage, operation: SeededOperation): Promise<string> {
  const outcome = await stage.client.sign(operation);
  if (outcome.kind !== 'signed') throw new Error(`${outcome.kind}: ${outcome.reason}`);
  return Buffer.from(outcome.signature).toString('hex');
}
