import { Pool } from 'pg';
import type { WorkspaceId } from '#domain';
import type { Actor } from '#engine';
import { createAdministration } from '#postgres';

export interface FirstAdmin {
  readonly workspace: string;
  readonly person: string;
  /** The word in every key, so that a person sees which one they hold. */
  readonly keyEnvironment: 'test' | 'live';
  /** Who is recorded as having done it. */
  readonly by: string;
  /** Make a workspace and its admin even if there are some: an interrupted start may have lost the key of the last ones. */
  readonly another?: boolean;
}

/** Any number, the same everywhere: of two that come at once, one finds the other's admin. */
const LOCK = 7_040_403;

/**
 * Makes the first workspace and its first admin key, the only one that is made behind the API's back. Log in as the system role. Null: there
 * is an admin already, and nothing was changed.
 */
export async function makeFirstAdmin(
  systemUrl: string,
  { workspace, person, keyEnvironment, by, another = false }: FirstAdmin,
): Promise<{ readonly workspaceId: WorkspaceId; readonly adminKey: string } | null> {
  const pool = new Pool({ connectionString: systemUrl, max: 2 });
  const lock = await pool.connect();
  try {
    await lock.query('SELECT pg_advisory_lock($1)', [LOCK]);
    const { rows } = await lock.query<{ there: boolean }>(
      `SELECT EXISTS (SELECT FROM api_key WHERE role = 'admin') AS there`,
    );
    if (!another && rows[0]?.there !== false) return null;
    const administration = createAdministration(pool, { keyEnvironment });
    const actor: Actor = { type: 'system', id: by };
    const { workspaceId } = await administration.workspaces.create(
      { name: workspace, dualControl: false },
      actor,
    );
    const { secret } = await administration.keys.create(
      workspaceId,
      { role: 'admin', agentId: null, person, label: 'first admin', expiresInSec: null },
      actor,
    );
    return { workspaceId, adminKey: secret };
  } finally {
    // Closes the connection, and with it the lock.
    lock.release(true);
    await pool.end();
  }
}
