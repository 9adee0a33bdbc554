// Balances, budgets and usage come from the rows that guard them, so they are exact; spend over time comes from a projection.
import {
  parseAgentId,
  type AgentId,
  type BudgetUnit,
  type BudgetView,
  type Caip2,
  type EvmAddress,
  type OperationId,
  type WalletId,
  type WorkspaceId,
} from '#domain';
import type { BalancesView, SelfUsage, SpendRow } from '#engine';
import { SELECT_BUDGETS, toBudgetView, type BudgetRow } from '../admin/budget-view.js';
import type { Read } from './reader.js';

const BUDGETS = `${SELECT_BUDGETS} WHERE n.workspace_id = $1
   AND (n.node_id = ANY ($2::uuid[]) OR n.kind = 'team' AND n.node_id = ANY (SELECT unnest(a.path) FROM budget_node a
     WHERE a.workspace_id = $1 AND a.node_id = ANY ($2::uuid[]) AND a.kind = 'agent' AND a.unit = 'USD6' AND a.layer = 'payments'))
 ORDER BY array_position('{workspace,team,agent}', n.kind), n.depth, n.layer = 'payments' DESC, n.layer, n.unit DESC`;

const BALANCES = `SELECT
  (SELECT json_agg(json_build_object('wallet_id', w.wallet_id, 'agent_id', w.agent_id, 'address', w.address, 'network', b.network,
      'token', b.token, 'balance', b.balance::text, 'block', b.balance_block::text, 'committed', b.committed::text,
      'low_below', b.low_below::text, 'permit2_allowance', b.permit2_allowance::text)
      ORDER BY w.wallet_id, b.network, b.token)
    FROM wallet w JOIN wallet_asset b ON b.workspace_id = w.workspace_id AND b.wallet_id = w.wallet_id
    WHERE w.workspace_id = $1 AND ($2::uuid IS NULL OR w.agent_id = $2 OR w.agent_id IS NULL AND w.role = 'payments')
      AND ($3::text IS NULL OR w.wallet_id = $3)) AS wallets,
  (SELECT json_agg(json_build_object('wallet_id', f.wallet_id, 'network', f.network, 'token', f.token, 'enabled', f.enabled::text, 'min', f.min::text,
      'target', f.target::text, 'cap', f.cap_per_day::text, 'operation_id', (SELECT o.operation_id FROM operations o WHERE o.workspace_id = f.workspace_id AND o.operation_id = f.operation_id), 'last_operation_id', f.last_operation_id, 'problem', f.problem,
      'sent', (CASE WHEN f.day = (now() AT TIME ZONE 'UTC')::date THEN f.day_sent ELSE 0 END)::text) ORDER BY f.wallet_id, f.network, f.token)
    FROM wallet_float f JOIN wallet w ON w.workspace_id = f.workspace_id AND w.wallet_id = f.wallet_id
    WHERE f.workspace_id = $1 AND ($2::uuid IS NULL OR w.agent_id = $2) AND ($3::text IS NULL OR f.wallet_id = $3)) AS floats,
  (SELECT json_agg(json_build_object('agent_id', n.node_id, 'unit', n.unit, 'held', n.held::text, 'captured', n.lifetime_spent::text)
      ORDER BY n.node_id, n.unit DESC)
    FROM budget_node n WHERE n.workspace_id = $1 AND n.kind = 'agent' AND n.layer = 'payments' AND n.unit IN ('USD6', 'EUR6')
      AND ($2::uuid IS NULL OR n.node_id = $2)) AS funds`;

const SPEND = `SELECT s.day::text AS day_text, s.agent_id, s.host, s.unit, s.amount::text AS amount_text, s.payments::text AS payments_text
  FROM projection_spend s WHERE s.workspace_id = $1 AND s.day BETWEEN $2::date AND $3::date AND ($4::uuid IS NULL OR s.agent_id = $4)
  ORDER BY s.day, s.agent_id, s.host, s.unit`;

type Text = Readonly<Record<string, string | null>>;

export async function readBudgets(
  read: Read,
  workspaceId: WorkspaceId,
  agentId?: AgentId,
): Promise<readonly BudgetView[]> {
  return (await budgetRows(read, workspaceId, agentId)).map(toBudgetView);
}

export async function readSelfUsage(
  read: Read,
  workspaceId: WorkspaceId,
  { agentId, unit }: { readonly agentId: AgentId; readonly unit: BudgetUnit },
): Promise<SelfUsage> {
  const rows = await budgetRows(read, workspaceId, agentId);
  const own = rows.find(
    (row) => row['node_id'] === agentId && row['unit'] === unit && row['layer'] === 'payments',
  );
  return {
    budgets: rows.filter((row) => row['unit'] === unit).map(toBudgetView),
    payments: Number(own?.['lifetime_count'] ?? 0),
    spent: BigInt(String(own?.['lifetime_spent'] ?? '0')),
  };
}

function budgetRows(read: Read, workspaceId: WorkspaceId, agentId?: AgentId): Promise<readonly BudgetRow[]> {
  const nodes = agentId === undefined ? [workspaceId] : [workspaceId, agentId];
  return read<BudgetRow>(workspaceId, {
    name: 'purser_read_budgets',
    text: BUDGETS,
    values: [workspaceId, nodes],
  });
}

export async function readBalances(
  read: Read,
  workspaceId: WorkspaceId,
  { agentId, walletId }: { readonly agentId?: AgentId; readonly walletId?: WalletId } = {},
): Promise<BalancesView> {
  const [row] = await read<Record<'wallets' | 'floats' | 'funds', readonly Text[] | null>>(workspaceId, {
    name: 'purser_read_balances',
    text: BALANCES,
    values: [workspaceId, agentId ?? null, walletId ?? null],
  });
  return {
    wallets: (row?.wallets ?? []).map(toWallet),
    floats: (row?.floats ?? []).map(toFloat),
    funds: (row?.funds ?? []).map((it) => ({
      agentId: parseAgentId(it['agent_id']),
      unit: it['unit'] as BudgetUnit,
      held: BigInt(it['held'] ?? '0'),
      captured: BigInt(it['captured'] ?? '0'),
    })),
  };
}

function toFloat(row: Text): BalancesView['floats'][number] {
  const amount = (name: string): bigint => BigInt(row[name] ?? '0');
  return {
    walletId: row['wallet_id'] as WalletId,
    network: row['network'] as Caip2,
    token: row['token'] as EvmAddress,
    enabled: row['enabled'] === 'true',
    min: amount('min'),
    target: amount('target'),
    capPerDay: amount('cap'),
    sentToday: amount('sent'),
    operationId: (row['operation_id'] ?? null) as OperationId | null,
    lastOperationId: (row['last_operation_id'] ?? null) as OperationId | null,
    problem: row['problem'] ?? null,
  };
}

function toWallet(row: Text): BalancesView['wallets'][number] {
  const onChain = BigInt(row['balance'] ?? '0');
  const committed = BigInt(row['committed'] ?? '0');
  return {
    walletId: row['wallet_id'] as WalletId,
    agentId: row['agent_id'] as AgentId | null,
    address: row['address'] as EvmAddress,
    network: row['network'] as Caip2,
    token: row['token'] as EvmAddress,
    onChain,
    block: Number(row['block']),
    committed,
    available: onChain > committed ? onChain - committed : 0n,
    lowBelow: row['low_below'] == null ? null : BigInt(row['low_below']),
    permit2Allowance: row['permit2_allowance'] == null ? null : BigInt(row['permit2_allowance']),
  };
}

export async function readSpend(
  read: Read,
  workspaceId: WorkspaceId,
  range: { readonly fromDay: string; readonly toDay: string; readonly agentId?: AgentId },
): Promise<readonly SpendRow[]> {
  const rows = await read<Text>(workspaceId, {
    name: 'purser_read_spend',
    text: SPEND,
    values: [workspaceId, range.fromDay, range.toDay, range.agentId ?? null],
  });
  return rows.map((row) => ({
    day: row['day_text'] ?? '',
    agentId: parseAgentId(row['agent_id']),
    host: row['host'] ?? '',
    unit: row['unit'] as BudgetUnit,
    amount: BigInt(row['amount_text'] ?? '0'),
    count: Number(row['payments_text']),
  }));
}
