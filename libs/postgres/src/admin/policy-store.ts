// The engine's view of policies and wallets. Read anew for every judgement, never cached: a policy that has been tightened binds from its
// commit on. Concurrent operations share one query, so a busy worker asks a few hundred times a second at most.
import {
  DEFAULT_POLICY,
  type AgentId,
  type ErrorDetails,
  type EvmAddress,
  type OperationId,
  type Policy,
  type PolicyScope,
  type Tag,
  type WalletId,
  type WorkspaceId,
} from '#domain';
import { coalesce, type Obstacle, type PolicyStore } from '#engine';
import type pg from 'pg';
import { tagNodeId } from '../tag-node.js';
import { SELECT_BUDGETS, toBudgetView, type BudgetRow } from './budget-view.js';
import { readDocument } from './policies.js';
import type { PolicyDocument } from './policy-document.js';

interface Scope {
  readonly workspaceId: WorkspaceId;
  readonly agentId: AgentId;
}

interface PolicyRow {
  readonly ordinal: number;
  readonly document: PolicyDocument | null;
  readonly document_hash: string | null;
}

interface WalletRow {
  readonly wallet_id: string | null;
  readonly address: string | null;
}

type Wallet = { readonly walletId: WalletId; readonly address: EvmAddress } | undefined;

// Two index look-ups per scope: the newest version of the workspace's and of the agent's policy.
const POLICIES = `SELECT asked.ordinal::int, newest.document, newest.document_hash
  FROM unnest($1::uuid[], $2::text[]) WITH ORDINALITY AS asked(workspace_id, scope, ordinal)
  LEFT JOIN LATERAL (SELECT p.document, p.document_hash FROM policy p
    WHERE p.workspace_id = asked.workspace_id AND p.scope = asked.scope ORDER BY p.version DESC LIMIT 1) newest ON true
  ORDER BY asked.ordinal`;
// The agent's own wallet before a shared one; the oldest first, so that a new, still empty wallet takes over only when the old one is retired.
const WALLETS = `SELECT w.wallet_id, w.address
  FROM unnest($1::uuid[], $2::uuid[]) WITH ORDINALITY AS asked(workspace_id, agent_id, ordinal)
  LEFT JOIN LATERAL (SELECT w.wallet_id, w.address FROM wallet w
    WHERE w.workspace_id = asked.workspace_id AND w.status = 'active' AND w.role = 'payments' AND (w.agent_id = asked.agent_id OR w.agent_id IS NULL)
    ORDER BY w.agent_id NULLS LAST, w.created_at, w.wallet_id LIMIT 1) w ON true
  ORDER BY asked.ordinal`;

const TREASURY = `SELECT wallet_id, address FROM wallet WHERE workspace_id = $1 AND role = 'treasury' AND status = 'active'`;
const OWNED = `SELECT FROM wallet WHERE workspace_id = $1 AND agent_id = $2 AND address = $3 AND role = 'payments' AND status = 'active'`;

// Rows of the ledger are written in the commits of intent and finality, so nothing lags: whoever finds no row asks a person, also when two
// find none at once. A payee once known stays known, and so nothing that is found can turn out to have been too much.
const KNOWN = `SELECT bool_or(l.agent_id = $3) AS to_agent, count(*) > 0 AS to_workspace FROM authorization_ledger l
  WHERE l.workspace_id = $1 AND l.to_address = $2 AND l.method <> 'allowance' AND (l.status = 'settled' OR EXISTS (
    SELECT FROM approval p WHERE p.workspace_id = l.workspace_id AND p.operation_id = l.operation_id AND p.status = 'approved'))`;
const BUDGETS = `${SELECT_BUDGETS} WHERE n.workspace_id = $1 AND n.unit = $3 AND n.layer = 'payments'
    AND (n.node_id IN ($1, $2) OR n.node_id = ANY ($4::uuid[]) OR n.node_id = ANY (SELECT unnest(a.path) FROM budget_node a
      WHERE a.workspace_id = $1 AND a.node_id = $2 AND a.unit = $3 AND a.layer = 'payments')) ORDER BY n.depth, n.node_id`;
const TAGS = `SELECT x.kind, x.name FROM unnest($2::text[], $3::text[]) x(kind, name) WHERE NOT EXISTS (SELECT FROM tag t
  WHERE t.workspace_id = $1 AND t.kind = x.kind AND t.name = x.name AND t.retired_at IS NULL)`;

/** The pool's role must be able to read policies and wallets of all workspaces: one query serves many of them. */
export function createPolicyStore(pool: pg.Pool): PolicyStore {
  const policies = coalesce(perScope((scopes) => loadPolicies(pool, scopes)));
  const wallets = coalesce(perScope((scopes) => loadWallets(pool, scopes)));
  return {
    policiesFor: (workspaceId, agentId) => policies({ workspaceId, agentId }),
    // One key signs on every EVM chain, so the network does not choose the wallet.
    walletFor: (workspaceId, agentId) => wallets({ workspaceId, agentId }),
    async treasuryOf(workspaceId) {
      const { rows } = await pool.query<WalletRow>(TREASURY, [workspaceId]);
      return rows[0] && toWallet(rows[0]);
    },
    async ownsWallet(workspaceId, agentId, address) {
      return (await pool.query(OWNED, [workspaceId, agentId, address])).rowCount === 1;
    },
    async payeeKnownTo({ workspaceId, agentId }, payee) {
      const { rows } = await pool.query<{ to_agent: boolean | null; to_workspace: boolean }>({
        name: 'purser_payee_known',
        text: KNOWN,
        values: [workspaceId, payee, agentId],
      });
      const known = rows[0];
      return [
        ...(known?.to_workspace === true ? ['workspace' as const] : []),
        ...(known?.to_agent === true ? ['agent' as const] : []),
      ];
    },
    async likeOf({ workspaceId, agentId }, { hash, withinSec, allow }, { openedAtMs, except }) {
      const { rows } = await pool.query<{ operation_id: OperationId | null }>({
        name: 'purser_like',
        text: `SELECT purser_like($1, $2, decode($3, 'hex'), $4, $5, $6, $7) AS operation_id`,
        values: [workspaceId, agentId, hash, except ?? null, openedAtMs, withinSec * 1000, allow ?? null],
      });
      return rows[0]?.operation_id ?? null;
    },
    async obstacleTo({ workspaceId, agentId }, { stops, hold, cover }) {
      const { rows } = await pool.query<{ guard: Obstacle['guard'] | null; details: ErrorDetails | null }>({
        name: 'purser_obstacle',
        text: `SELECT guard, details FROM purser_obstacle($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`,
        values: [
          workspaceId,
          agentId,
          stops !== null,
          ...[stops?.network, stops?.payee, stops?.host].map((it) => it ?? null),
          (hold?.tags ?? []).map((tag) => tagNodeId(workspaceId, tag)),
          hold?.unit ?? null,
          (hold ?? cover)?.amount.toString() ?? null,
          ...[cover?.walletId, cover?.network, cover?.token].map((it) => it ?? null),
        ],
      });
      const found = rows[0];
      return found?.guard ? { guard: found.guard, details: found.details ?? {} } : null;
    },
    async budgetsOf({ workspaceId, agentId }, unit, tags) {
      const { rows } = await pool.query<BudgetRow>({
        name: 'purser_judged_budgets',
        text: BUDGETS,
        values: [workspaceId, agentId, unit, tags.map((tag) => tagNodeId(workspaceId, tag))],
      });
      return rows.map(toBudgetView);
    },
    async unknownTags(workspaceId, tags) {
      const { rows } = await pool.query<Tag>({
        name: 'purser_unknown_tags',
        text: TAGS,
        values: [workspaceId, tags.map((tag) => tag.kind), tags.map((tag) => tag.name)],
      });
      return rows;
    },
  };
}

/** Operations of one agent that ask together share one row of the answer. */
function perScope<Value>(load: (scopes: readonly Scope[]) => Promise<readonly Value[]>) {
  return async (scopes: readonly Scope[]): Promise<Value[]> => {
    const keyOf = ({ workspaceId, agentId }: Scope): string => `${workspaceId}/${agentId}`;
    const distinct = new Map(scopes.map((scope) => [keyOf(scope), scope]));
    const values = await load([...distinct.values()]);
    const byKey = new Map([...distinct.keys()].map((key, index) => [key, values[index] as Value]));
    return scopes.map((scope) => byKey.get(keyOf(scope)) as Value);
  };
}

async function loadPolicies(
  pool: pg.Pool,
  scopes: readonly Scope[],
): Promise<readonly (readonly Policy[])[]> {
  const workspaceIds = scopes.flatMap(({ workspaceId }) => [workspaceId, workspaceId]);
  const names = scopes.flatMap(({ agentId }) => ['workspace', agentId]);
  const { rows } = await pool.query<PolicyRow>({
    name: 'purser_policies',
    text: POLICIES,
    values: [workspaceIds, names],
  });
  // Agents of one workspace share its document; each is hashed once per query.
  const seen = new Map<string, Policy>();
  const read = (row: PolicyRow | undefined, scope: PolicyScope): Policy | undefined => {
    if (!row || row.document === null || row.document_hash === null) return undefined;
    const policy =
      seen.get(`${scope} ${row.document_hash}`) ??
      readDocument({ document: row.document, document_hash: row.document_hash }, scope);
    seen.set(`${scope} ${row.document_hash}`, policy);
    return policy;
  };
  return scopes.map((_, index) => {
    const workspace = read(rows[index * 2], 'workspace') ?? DEFAULT_POLICY;
    const agent = read(rows[index * 2 + 1], 'agent');
    return agent ? [workspace, agent] : [workspace];
  });
}

async function loadWallets(pool: pg.Pool, scopes: readonly Scope[]): Promise<readonly Wallet[]> {
  const { rows } = await pool.query<WalletRow>({
    name: 'purser_wallets',
    text: WALLETS,
    values: [scopes.map((it) => it.workspaceId), scopes.map((it) => it.agentId)],
  });
  return rows.map(toWallet);
}

function toWallet(row: WalletRow): Wallet {
  return row.wallet_id === null
    ? undefined
    : { walletId: row.wallet_id as WalletId, address: row.address as EvmAddress };
}
