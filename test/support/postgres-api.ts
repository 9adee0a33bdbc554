// The HTTP application as it is served, on a PostgreSQL of its own and under the roles it runs with. Sellers, signer and chain are in memory, as
// in memory-api.ts, and workers run in this process.
import { randomUUID } from 'node:crypto';
import pg from 'pg';
import type { OperationId } from '#domain';
import { byKind, drive, type Ports } from '#engine';
import { createIds, stampVerifier, systemClock, type Config } from '#runtime';
import type { ApiCore } from '../../apps/api/src/core.js';
import { connectDatabase, type Stores } from '../../libs/runtime/src/database.js';
import { address } from './builders.js';
import { createDatabase, type TestDatabase } from './database.js';
import { MemoryApi } from './memory-api.js';
import { memoryVault, silentLogger } from './memory-basics.js';

export class PostgresApi {
  /** What the API logged as errors. */
  readonly logged: Record<string, unknown>[] = [];
  /** No worker runs while true. */
  workersOff = false;
  private readonly working = new Set<Promise<unknown>>();

  private constructor(
    readonly database: TestDatabase,
    /** Superuser connections, for looking and for meddling. */
    readonly owner: pg.Pool,
    private readonly stores: Stores,
  ) {}

  /** Its HTTP side; assigned before anybody gets hold of this. */
  http!: MemoryApi;

  static async start(): Promise<PostgresApi> {
    const database = await createDatabase();
    const urlAs = (role: string): string => {
      const url = new URL(database.url);
      url.username = role;
      return url.href;
    };
    const config = {
      process: 'api',
      networks: [],
      database: {
        writer: urlAs('purser_writer'),
        system: urlAs('purser_system'),
        reader: urlAs('purser_reader'),
      },
    };
    const stores = await connectDatabase(config as unknown as Config, {
      logger: silentLogger,
      owner: 'test',
      vault: memoryVault,
      keyFingerprints: {},
      throwaway: true,
    });
    const owner = new pg.Pool({ connectionString: database.url, max: 4 });
    const api = new PostgresApi(database, owner, stores);
    api.http = await MemoryApi.start((core) => api.core(core));
    return api;
  }

  /** The first workspace, whose admins are the operators; its admin's key. */
  async operatorKey(): Promise<string> {
    const by = { type: 'system', id: 'test' } as const;
    const { workspaces, keys } = this.stores.admin;
    const { workspaceId } = await workspaces.create({ name: 'operator', dualControl: false }, by);
    const input = {
      role: 'admin',
      agentId: null,
      person: 'operator',
      label: '',
      expiresInSec: null,
    } as const;
    return (await keys.create(workspaceId, input, by)).secret;
  }

  /** Ends when no worker has anything left to do. */
  async idle(): Promise<void> {
    while (this.working.size > 0) await Promise.all(this.working);
  }

  async close(): Promise<void> {
    await this.idle();
    await this.http.close();
    await this.stores.close();
    await this.owner.end();
    await this.database.drop();
  }

  /** Every table by name, as one hash over its rows. When a credential was last used is no effect of a call. */
  async contents(): Promise<Readonly<Record<string, string>>> {
    const { rows: tables } = await this.owner.query<{ name: string }>(
      `SELECT relname AS name FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' ORDER BY 1`,
    );
    const counted = tables.map(({ name }) => {
      const row = `(to_jsonb(t) - 'last_used_at')::text`;
      return `SELECT '${name}' AS name, count(*) || ' rows ' || coalesce(md5(string_agg(${row}, ',' ORDER BY ${row})), '') AS hash FROM "${name}" t`;
    });
    const { rows } = await this.owner.query<{ name: string; hash: string }>(counted.join(' UNION ALL '));
    return Object.fromEntries(rows.map(({ name, hash }) => [name, hash]));
  }

  private core(core: ApiCore): ApiCore {
    const { stores } = this;
    const { credentials } = stores;
    const ports: Ports = {
      ...core.ports,
      clock: systemClock,
      ids: createIds(systemClock),
      operations: stores.operations,
      policies: stores.policies,
      settlements: stores.settlements,
      answers: stores.answers,
      adoption: stores.adoption,
      signer: {
        sign: () => Promise.resolve({ kind: 'signed', signature: new Uint8Array(65).fill(27) }),
        cancel: () => Promise.resolve({ kind: 'signed', signature: new Uint8Array(65).fill(28) }),
      },
      waker: { wake: (ids) => ids.forEach((id) => this.work(ports, id)) },
      logger: { ...silentLogger, error: (fields) => void this.logged.push(fields) },
    };
    return {
      ...core,
      ports,
      admin: stores.admin,
      signing: { ...stores.signing, stamps: stampVerifier },
      reads: stores.reads,
      authenticator: byKind({
        key: (presented, facts) => credentials.key(presented, facts),
        hmac: (presented, facts) => credentials.hmac(presented, facts),
        bearer: () => Promise.resolve({ ok: false, code: 'authentication_failed' }),
        useOnce: (...use) => credentials.useOnce(...use),
      }),
      oauth: {
        publicUrl: 'https://purser.example',
        issuers: ['https://purser.example'],
        embedded: { url: 'http://127.0.0.1:9', secret: randomUUID(), grants: stores.grants },
      },
      walletKeys: {
        createKey: () => Promise.resolve(someAddress()),
        importKey: () => Promise.resolve(someAddress()),
        retireKey: () => Promise.resolve(),
      },
      logger: ports.logger,
    };
  }

  private work(ports: Ports, id: OperationId): void {
    if (this.workersOff) return;
    const options = { owner: randomUUID(), signal: new AbortController().signal };
    const run = drive(ports, id, options)
      .catch((error: unknown) => void this.logged.push({ error }))
      .finally(() => this.working.delete(run));
    this.working.add(run);
  }
}

let addresses = 0x1000;
const someAddress = () => address((addresses += 1));
