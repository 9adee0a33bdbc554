// Workspaces with everything in them, made over HTTP as their owners would make it: callers of every role, and an object of every kind for the
// paths that name one. What stands before `{id}` in a path says which kind it is.
import { randomUUID } from 'node:crypto';
import { ROLES } from '../../apps/api/src/http/access.js';
import type { Role } from '#engine';
import { TOKEN, NETWORK } from './builders.js';
import type { PostgresApi } from './postgres-api.js';
import { aStamper } from './stamping.js';

export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  /** As it came. */
  readonly text: string;
  // oxlint-disable-next-line typescript/no-explicit-any -- answers of many shapes, each test names what it reads
  readonly body: any;
}

export interface Ask {
  readonly method: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

export type Caller = (ask: Ask) => Promise<Reply>;

export interface Tenant {
  readonly workspaceId: string;
  readonly agentId: string;
  readonly keys: Readonly<Record<Role, string>>;
}

/** The key of each tenant's first operation. */
export const FIRST_KEY = 'first';

export class Household {
  constructor(
    private readonly api: PostgresApi,
    private readonly call: Caller,
    private readonly operatorKey: string,
  ) {}

  /** A workspace with an agent that may pay once a person has approved. */
  async tenant(): Promise<Tenant> {
    const made = await this.must(this.operatorKey, 'POST', '/workspaces', {
      name: 'tenant',
      admin_person: 'admin@example.com',
    });
    const admin = made.secret as string;
    const agent = await this.must(admin, 'POST', '/agents', { name: 'shopper' });
    const keys: Record<string, string> = { admin };
    for (const role of ROLES) {
      if (role === 'admin') continue;
      const of = role === 'agent' ? { agent_id: agent.agent_id as string } : {};
      const key = await this.must(admin, 'POST', '/keys', { role, person: `${role}@example.com`, ...of });
      keys[role] = key.secret as string;
    }
    const wallet = await this.must(admin, 'POST', '/wallets', { agent_id: agent.agent_id });
    await this.must(admin, 'POST', `/wallets/${wallet.wallet_id}/confirm-backup`);
    await this.api.owner.query(
      `INSERT INTO wallet_asset (workspace_id, wallet_id, network, token, balance, balance_block) VALUES ($1, $2, $3, $4, 1e15, 1)
        ON CONFLICT (workspace_id, wallet_id, network, token) DO UPDATE SET balance = 1e15, balance_block = 1`,
      [made.workspace.workspace_id, wallet.wallet_id, NETWORK, TOKEN],
    );
    const limits = { per_payment: '1000000', month: '1000000000' };
    await this.must(admin, 'PUT', `/agents/${agent.agent_id}/budgets`, { limits });
    await this.must(admin, 'PUT', '/workspace/policy', { approval_threshold: '0' });
    const tenant = {
      workspaceId: made.workspace.workspace_id as string,
      agentId: agent.agent_id as string,
      keys: keys as Record<Role, string>,
    };
    await this.waiting(tenant, FIRST_KEY);
    return tenant;
  }

  /** A new object of the tenant's, of the kind that the path up to its `{id}` names. @throws for a kind nobody has told how to make */
  async object(path: readonly string[], tenant: Tenant): Promise<string> {
    const kind = path.at(-1) ?? '';
    const make = this.kinds[path.slice(-2).join('/')] ?? this.kinds[kind];
    if (!make)
      throw new Error(`the fixture cannot make what stands behind /${kind}/{id}: add it to household.ts`);
    return make(tenant);
  }

  private readonly kinds: Readonly<Record<string, (tenant: Tenant) => Promise<string>>> = {
    operations: async (tenant) => (await this.waiting(tenant)).operation_id as string,
    approvals: async (tenant) => (await this.waiting(tenant)).approval.approval_id as string,
    agents: (tenant) => Promise.resolve(tenant.agentId),
    keys: async ({ keys }) => {
      const body = { role: 'auditor', person: 'auditor@example.com' };
      return (await this.must(keys.admin, 'POST', '/keys', body)).key.key_id as string;
    },
    wallets: async ({ keys, agentId }) => {
      const { items } = await this.must(keys.admin, 'GET', '/wallets');
      const own = (items as readonly { wallet_id: string; agent_id: string }[]).find(
        (it) => it.agent_id === agentId,
      );
      return own?.wallet_id ?? '';
    },
    stops: async ({ keys }) => {
      const body = { host: `${randomUUID()}.example` };
      return (await this.must(keys.admin, 'POST', '/stops', body)).stop_id as string;
    },
    'system/stops': async () => {
      const body = { host: `${randomUUID()}.example` };
      return (await this.must(this.operatorKey, 'POST', '/system/stops', body)).stop_id as string;
    },
    grants: async ({ keys, agentId }) => {
      const body = { client_id: 'app', client_name: 'App', agent_id: agentId, scopes: ['agent:read'] };
      return (await this.must(keys.admin, 'POST', '/oauth/grants', body)).grant_id as string;
    },
    delegations: async ({ keys }) => {
      const ends_at = new Date(Date.now() + 3_600_000).toISOString();
      const body = { delegate: `${randomUUID()}@example.com`, ends_at };
      return (await this.must(keys.approver, 'POST', '/delegations', body)).delegation_id as string;
    },
    teams: async ({ keys }) =>
      (await this.must(keys.admin, 'POST', '/teams', { name: randomUUID() })).team_id as string,
    tags: () => Promise.resolve('category'),
    'tags/category': async ({ keys }) => {
      await this.must(keys.admin, 'PUT', '/tags/category/research');
      return 'research';
    },
    'approver-groups': () => Promise.resolve('reviewers'),
    'approver-keys': async ({ keys }) => {
      const key = aStamper();
      const prepared = await this.must(keys.approver, 'POST', '/approver-keys/prepare', {
        public_key: key.publicKey,
      });
      const { stampHeaderName, stampHeaderValue } = key.stamp(prepared.body as string);
      const stamp = { header_name: stampHeaderName, header_value: stampHeaderValue };
      const body = { activity_id: prepared.activity_id, stamp };
      return (await this.must(keys.approver, 'POST', '/approver-keys', body)).approver_key_id as string;
    },
  };

  /** An operation that waits for a person. */
  private async waiting({ keys }: Tenant, key: string = randomUUID()): Promise<Reply['body']> {
    const opened = await this.call({
      method: 'POST',
      path: '/purser/v1/operations',
      headers: { authorization: `Bearer ${keys.agent}`, 'idempotency-key': key },
      body: { kind: 'purchase', url: 'https://shop.example/item', max_amount: '20000' },
    });
    await this.api.idle();
    const found = await this.must(keys.agent, 'GET', `/operations/${opened.body.operation_id}`);
    if (found.status === 'awaiting_approval') return found;
    throw new Error(`no approval is asked for: ${JSON.stringify(found)} ${JSON.stringify(this.api.logged)}`);
  }

  private async must(key: string, method: string, path: string, body?: unknown): Promise<Reply['body']> {
    const reply = await this.call({
      method,
      path: `/purser/v1${path}`,
      headers: { authorization: `Bearer ${key}` },
      ...(body === undefined ? {} : { body }),
    });
    if (reply.status >= 300) throw new Error(`${method} ${path}: ${reply.status} ${reply.text}`);
    return reply.body;
  }
}

/** The credentials that a route's dialect reads, for a key. `security` as the description has it. */
export function credentialsFor(
  security: readonly Readonly<Record<string, unknown>>[],
  { agentId, key }: { readonly agentId: string; readonly key: string },
): Record<string, string> {
  const headers: Readonly<Record<string, Record<string, string>>> = {
    agentId: { 'x-agent-id': agentId },
    apiKey: { 'x-api-key': key },
    bearer: { authorization: `Bearer ${key}` },
    authorization: { authorization: `ApiKey ${key}` },
  };
  const way = security.find((it) => Object.keys(it).every((name) => name in headers));
  if (!way)
    throw new Error(`no known way to prove a key among ${JSON.stringify(security)}: add it to household.ts`);
  return Object.assign({}, ...Object.keys(way).map((name) => headers[name])) as Record<string, string>;
}
