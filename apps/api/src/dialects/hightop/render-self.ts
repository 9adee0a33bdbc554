import { formatDecimal, type BudgetView, type BudgetWindow } from '#domain';
import type { AgentView, AssetRegistry, BalancesView, SelfUsage } from '#engine';
import type { Limits } from '../../http/limits.js';
import { renderRateLimits } from './render-account.js';
import { OPERATION_TYPES } from './render.js';

const usd = (atomic: bigint): string => formatDecimal('USD6', atomic);

interface Facts {
  readonly balances: BalancesView;
  readonly usage: SelfUsage;
  readonly limits: Pick<Limits, 'table'>;
}

export function renderSelf(agent: AgentView, { balances, usage, limits }: Facts): object {
  const own = balances.wallets.find((wallet) => wallet.agentId === agent.agentId) ?? balances.wallets[0];
  return {
    ok: true,
    agent: {
      id: agent.agentId,
      name: agent.name,
      enabled: agent.status === 'active' && !agent.paused,
      wallet_address: own?.address ?? null,
      manager_address: null,
      agent_wrapper_address: null,
      active_window: { starts_at: null, expires_at: null },
    },
    permissions: { operation_types: OPERATION_TYPES, webhook_event_types: [] },
    limits: renderRateLimits(limits),
    cannot: [],
    current_usage: usageOf(usage),
  };
}

export function renderLimits(usage: SelfUsage): object {
  const { budgets } = usage;
  return {
    ok: true,
    spend_limits: {
      per_tx_usd: tightest(budgets, 'per_payment'),
      per_period_usd:
        tightest(budgets, 'day') ?? tightest(budgets, 'rolling_24h') ?? tightest(budgets, 'month'),
      lifetime_usd: tightest(budgets, 'lifetime'),
      max_txs_per_period: null,
      tx_cooldown_blocks: null,
      fail_on_zero_price: false,
    },
    swap_limits: { max_slippage_bps: null, max_swaps_per_period: null },
    permissions: { operation_types: OPERATION_TYPES, cannot: [] },
    current_usage: usageOf(usage),
    windows: budgets.flatMap(windowsOf),
  };
}

function tightest(budgets: readonly BudgetView[], window: BudgetWindow): string | null {
  const limits = budgets
    .flatMap((budget) => budget.windows)
    .filter((it) => it.window === window)
    .flatMap(({ limit }) => (limit === null ? [] : [limit]));
  return limits.length === 0 ? null : usd(limits.reduce((least, limit) => (limit < least ? limit : least)));
}

function windowsOf(budget: BudgetView): object[] {
  return budget.windows.map(({ window, limit, spent, remaining, resetsAtMs }) => ({
    node: budget.node,
    window,
    limit_usd: limit === null ? null : usd(limit),
    spent_usd: usd(spent),
    held_usd: usd(budget.held),
    remaining_usd: remaining === null ? null : usd(remaining),
    resets_at: resetsAtMs === null ? null : new Date(resetsAtMs).toISOString(),
  }));
}

function usageOf({ budgets, payments, spent }: SelfUsage): object {
  const own = budgets.find((budget) => budget.node === 'agent');
  const day = own?.windows.find((it) => it.window === 'day');
  return {
    txs_in_period: null,
    spent_in_period_usd: day ? usd(day.spent) : null,
    swaps_in_period: 0,
    total_txs: payments,
    total_spent_usd: usd(spent),
  };
}

/** One item per asset over all wallets the agent pays from. */
export function renderBalances(assets: AssetRegistry, { wallets, funds }: BalancesView): object {
  const held = funds.reduce((sum, it) => (it.unit === 'USD6' ? sum + it.held : sum), 0n);
  const byAsset = new Map<string, { onChain: bigint; available: bigint; symbol: string; name: string }>();
  for (const wallet of wallets) {
    const asset = assets.find(wallet.network, wallet.token);
    if (!asset || asset.unit !== 'USD6') continue;
    const key = `${wallet.network}/${wallet.token}`;
    const sum = byAsset.get(key) ?? { onChain: 0n, available: 0n, symbol: asset.symbol, name: asset.name };
    byAsset.set(key, {
      ...sum,
      onChain: sum.onChain + wallet.onChain,
      available: sum.available + wallet.available,
    });
  }
  const items = [...byAsset].map(([asset, { onChain, available, symbol, name }]) => ({
    asset_symbol: symbol,
    asset_display_name: name,
    amount: usd(onChain),
    amount_usd: usd(onChain),
    category: 'cash',
    available: usd(available),
    held: usd(held),
    asset,
  }));
  return { ok: true, items, next_cursor: null, has_more: false };
}
