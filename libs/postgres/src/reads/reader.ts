// One read, one round trip, one workspace. BEGIN, the workspace setting, the query and COMMIT leave in one write on a pipelining connection
// (pg's `pipeline`); the server runs them in this order. The setting is local to the transaction, so a connection never carries one request's
// workspace into the next, and without it the policies show no rows at all.
import type { WorkspaceId } from '#domain';
import pg from 'pg';
import { surviveLostConnections } from '../admin/lost-connections.js';

export interface ReaderPoolOptions {
  /** Logs in as the reader role. */
  readonly connectionString: string;
  readonly max?: number;
}

/** Everything but the query itself is parsed once per connection. */
const BEGIN = 'BEGIN READ ONLY';
const BIND = {
  name: 'purser_bind_workspace',
  text: `SELECT set_config('purser.workspace_id', $1, true)`,
};
const STATEMENT_TIMEOUT_MS = 5_000;

export function createReaderPool({ connectionString, max = 10 }: ReaderPoolOptions): pg.Pool {
  const pool = new pg.Pool({
    connectionString,
    max,
    pipeline: true,
    statement_timeout: STATEMENT_TIMEOUT_MS,
    application_name: 'purser-reader',
    // A server that does not answer at all: give up rather than wait for ever.
    connectionTimeoutMillis: 3_000,
    query_timeout: 10_000,
    keepAlive: true,
  });
  return surviveLostConnections(pool);
}

export interface Query {
  /** Prepared under this name; leave it out for text that is put together per call. */
  readonly name?: string;
  readonly text: string;
  readonly values: readonly unknown[];
}

export type Read = <Row extends pg.QueryResultRow>(
  workspaceId: WorkspaceId,
  query: Query,
) => Promise<readonly Row[]>;

/** Works on any pool of the reader role; on one from `createReaderPool` it costs one round trip. */
export function createReader(pool: pg.Pool): Read {
  return async <Row extends pg.QueryResultRow>(workspaceId: WorkspaceId, query: Query) => {
    const client = await pool.connect();
    // No await in between: that is what makes it one write.
    const steps = Promise.allSettled([
      client.query(BEGIN),
      client.query({ ...BIND, values: [workspaceId] }),
      client.query<Row>({ ...query, values: [...query.values] }),
      client.query('COMMIT'),
    ]);
    const [begun, bound, answer, ended] = await steps;
    const failed = [begun, bound, answer, ended].find((it) => it.status === 'rejected');
    // After a failed query COMMIT rolls back and the connection is good; after a failed COMMIT nobody knows, so it is thrown away.
    client.release(ended.status === 'rejected');
    if (failed) throw failed.reason;
    if (answer.status === 'rejected') throw answer.reason;
    return answer.value.rows;
  };
}
