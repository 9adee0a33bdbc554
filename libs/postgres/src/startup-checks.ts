// What must hold before a process may serve money (safety.md d.2.1). All of it is checked, and every failure is named at once.
import pg from 'pg';

export interface StartupOptions {
  /** Unix ms by this process's clock. */
  readonly nowMs: () => number;
  /** Settings that trade durability for speed are accepted; for throwaway data only. */
  readonly throwaway?: boolean;
}

const MAX_SKEW_MS = 30_000;

const FACTS = `
SELECT current_setting('fsync') AS fsync, current_setting('full_page_writes') AS full_page_writes, current_setting('synchronous_commit') AS synchronous_commit,
  current_setting('data_sync_retry') AS data_sync_retry, current_setting('data_checksums') AS data_checksums, pg_is_in_recovery() AS replica,
  current_setting('server_version_num')::integer AS version, current_user::text AS role,
  (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) AS superuser, (SELECT rolbypassrls FROM pg_roles WHERE rolname = current_user) AS bypasses,
  (SELECT coalesce(array_agg(c.relname::text ORDER BY c.relname), '{}') FROM pg_class c
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND pg_has_role(current_user, c.relowner, 'MEMBER')) AS owned,
  (SELECT coalesce(array_agg(c.relname::text ORDER BY c.relname), '{}') FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'workspace_id' AND NOT a.attisdropped
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT (c.relrowsecurity AND c.relforcerowsecurity)) AS unsecured,
  (extract(epoch FROM clock_timestamp()) * 1000)::float8 AS now_ms`;

interface Facts {
  readonly fsync: string;
  readonly full_page_writes: string;
  readonly synchronous_commit: string;
  readonly data_sync_retry: string;
  readonly data_checksums: string;
  readonly replica: boolean;
  readonly version: number;
  readonly role: string;
  readonly superuser: boolean;
  readonly bypasses: boolean;
  readonly owned: readonly string[];
  readonly unsecured: readonly string[];
  readonly now_ms: number;
}

export class StartupChecksFailed extends Error {
  constructor(readonly failures: readonly string[]) {
    super(`the database is not fit to keep money:\n- ${failures.join('\n- ')}`);
    this.name = 'StartupChecksFailed';
  }
}

/** Checks the server and the role behind `pool`. @throws StartupChecksFailed with every failure. */
export async function runStartupChecks(pool: pg.Pool, options: StartupOptions): Promise<void> {
  const askedMs = options.nowMs();
  const { rows } = await pool.query<Facts>(FACTS);
  const facts = rows[0];
  if (!facts) throw new Error('the database told nothing about itself');
  // The database read its clock somewhere between question and answer.
  const skewMs = Math.max(askedMs - facts.now_ms, facts.now_ms - options.nowMs(), 0);
  const failures = [...(options.throwaway === true ? [] : durability(facts)), ...authority(facts)];
  if (facts.replica) failures.push('the server is a replica; decisions read and write the primary');
  if (facts.version < 150_000) failures.push(`PostgreSQL ${facts.version} is older than 15`);
  if (skewMs > MAX_SKEW_MS)
    failures.push(
      `clocks differ by ${Math.round(skewMs / 1000)} s; at most ${MAX_SKEW_MS / 1000} s are allowed`,
    );
  if (failures.length > 0) throw new StartupChecksFailed(failures);
}

function durability(facts: Facts): string[] {
  const failures: string[] = [];
  if (facts.fsync !== 'on') failures.push('fsync is off: a crash of the machine loses what was acknowledged');
  if (facts.full_page_writes !== 'on') failures.push('full_page_writes is off: a crash may tear pages');
  if (facts.synchronous_commit === 'off' || facts.synchronous_commit === 'local')
    failures.push(`synchronous_commit is ${facts.synchronous_commit}: an acknowledged commit may be lost`);
  if (facts.data_sync_retry !== 'off')
    failures.push('data_sync_retry is on: a failed fsync must stop the server');
  if (facts.data_checksums !== 'on') failures.push('data checksums are off: silent corruption stays silent');
  return failures;
}

function authority(facts: Facts): string[] {
  const failures: string[] = [];
  if (facts.superuser) failures.push(`role ${facts.role} is a superuser`);
  if (facts.bypasses) failures.push(`role ${facts.role} passes by row-level security`);
  // A superuser is a member of every role; one message is enough.
  if (!facts.superuser && facts.owned.length > 0)
    failures.push(`role ${facts.role} owns ${facts.owned.join(', ')}`);
  if (facts.unsecured.length > 0)
    failures.push(`row-level security is not forced on ${facts.unsecured.join(', ')}`);
  return failures;
}
