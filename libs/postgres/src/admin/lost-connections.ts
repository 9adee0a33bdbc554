import type pg from 'pg';

const watched = new WeakSet<pg.Pool>();

/**
 * A connection that the server drops while it is checked out, but between two queries, tells of it by an `error` event, and an event nobody
 * listens to ends the process. The next query on it fails anyway, and the pool replaces it: there is nothing else to do.
 */
export function surviveLostConnections(pool: pg.Pool): pg.Pool {
  if (watched.has(pool)) return pool;
  watched.add(pool);
  pool.on('error', () => undefined);
  pool.on('connect', (client) => void client.on('error', () => undefined));
  return pool;
}
