// Administration on a database of one's own, as the role it runs with.
import pg from 'pg';
import type { AgentId, WorkspaceId } from '#domain';
import type { Actor, Administration } from '#engine';
import { createAdministration } from '#postgres';
import { createDatabase } from './database.js';
import { memoryVault } from './memory-basics.js';

export const BY: Actor = { type: 'admin', id: 'key_test' };
export const ALL = { cursor: null, limit: 100 };

export interface AdminBench {
  /** Superuser connections, for looking and for meddling. */
  readonly owner: pg.Pool;
  readonly system: pg.Pool;
  readonly urlAs: (role: string) => string;
  /** A pool of one's own, to be ended by whoever asked for it. */
  readonly as: (role: string) => pg.Pool;
  readonly admin: Administration;
  /** A workspace with one agent. */
  readonly aWorkspace: () => Promise<{ readonly workspaceId: WorkspaceId; readonly agentId: AgentId }>;
  readonly close: () => Promise<void>;
}

export async function adminBench(): Promise<AdminBench> {
  const database = await createDatabase();
  const urlAs = (role: string): string => {
    const url = new URL(database.url);
    url.username = role;
    return url.href;
  };
  const as = (role: string): pg.Pool => new pg.Pool({ connectionString: urlAs(role) });
  const owner = new pg.Pool({ connectionString: database.url });
  const system = as('purser_system');
  const admin = createAdministration(system, { keyEnvironment: 'test', vault: memoryVault });
  return {
    owner,
    system,
    urlAs,
    as,
    admin,
    async aWorkspace() {
      const { workspaceId } = await admin.workspaces.create({ name: 'acme', dualControl: false }, BY);
      const { agentId } = await admin.agents.create(workspaceId, { name: 'buyer' }, BY);
      return { workspaceId, agentId };
    },
    async close() {
      await Promise.all([owner.end(), system.end()]);
      await database.drop();
    },
  };
}

export const newKey = (agentId: AgentId) =>
  ({ role: 'agent', agentId, person: 'alice', label: 'ci', expiresInSec: null }) as const;
