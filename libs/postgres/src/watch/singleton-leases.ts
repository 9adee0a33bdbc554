// One row per singleton, in database time (ruling 20). Unlike an advisory lock it survives a dropped connection for its term and leaves a
// fencing epoch: whoever writes under the lease can prove that nobody took it meanwhile.
import type pg from 'pg';

export interface SingletonLeases {
  /** Takes the lease when it is free or expired, or renews it; the fencing epoch, or null when another owner holds it. */
  hold(name: string, owner: string, seconds: number): Promise<number | null>;
  /** Gives it back early, so that a successor need not wait for the term. */
  release(name: string, owner: string): Promise<void>;
}

// The epoch rises whenever the holder may have been without the lease, also when the same owner takes it again too late.
const HOLD = `INSERT INTO singleton_lease AS held (name, owner, epoch, until)
  VALUES ($1, $2, 1, clock_timestamp() + $3 * interval '1 second')
  ON CONFLICT (name) DO UPDATE SET owner = excluded.owner, until = clock_timestamp() + $3 * interval '1 second',
    epoch = held.epoch + (held.owner IS DISTINCT FROM excluded.owner OR held.until IS NULL OR held.until <= clock_timestamp())::int
  WHERE held.owner = excluded.owner OR held.owner IS NULL OR held.until IS NULL OR held.until <= clock_timestamp()
  RETURNING held.epoch::text AS epoch`;
const RELEASE = 'UPDATE singleton_lease SET owner = NULL, until = NULL WHERE name = $1 AND owner = $2';

export function createSingletonLeases(pool: pg.Pool): SingletonLeases {
  return {
    async hold(name, owner, seconds) {
      const { rows } = await pool.query<{ epoch: string }>(HOLD, [name, owner, seconds]);
      return rows[0] ? Number(rows[0].epoch) : null;
    },
    async release(name, owner) {
      await pool.query(RELEASE, [name, owner]);
    },
  };
}
