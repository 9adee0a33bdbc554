import pg from 'pg';

export interface PoolOptions {
  readonly name: string;
  readonly max?: number;
}

/** A pool that gives up rather than wait for ever on a database that does not answer. The caller ends it. */
export function createPool(connectionString: string, { name, max = 8 }: PoolOptions): pg.Pool {
  const pool = new pg.Pool({
    connectionString,
    application_name: name,
    max,
    connectionTimeoutMillis: 3_000,
    query_timeout: 10_000,
    keepAlive: true,
    allowExitOnIdle: true,
  });
  // An idle connection that breaks is replaced at its next use; without a listener it would end the process.
  pool.on('error', () => undefined);
  return pool;
}

const ELSEWHERE = new Set(['40001', '40P01']);
const NOT_NOW = new Set(['55P03', '57014', '53300', '25006']);

/** `again`: rolled back for the sake of another transaction. `unavailable`: the outcome is unknown or must wait. `refused`: the statement is at fault. */
export function faultOf(error: unknown): 'again' | 'unavailable' | 'refused' {
  const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
  if (code === undefined) {
    // The driver speaks without a code; anything else is a bug of ours and must stay visible.
    const message = error instanceof Error ? error.message : '';
    return /connect|timeout|terminated|not queryable|pool/i.test(message) ? 'unavailable' : 'refused';
  }
  if (!/^[0-9A-Z]{5}$/.test(code)) return 'unavailable'; // The socket: ECONNRESET and its like.
  if (ELSEWHERE.has(code)) return 'again';
  return NOT_NOW.has(code) || /^(08|57P|58|53)/.test(code) ? 'unavailable' : 'refused';
}

/** Once more where it was rolled back for the sake of another transaction: nothing of it has happened. */
export async function retried<T>(run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    if (faultOf(error) !== 'again') throw error;
    return run();
  }
}
