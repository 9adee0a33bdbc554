// How a budget node is shown. The same arithmetic as the guard's: a held amount counts in every window, a counter of an older period is zero,
// a rolling window counts whole minutes on the careful side (ruling 15).
import { WINDOWS, type BudgetUnit, type BudgetView, type BudgetWindow } from '#domain';

/** Follow with `WHERE` and `ORDER BY`; the node is `n`. Amounts are text, so that no driver setting can round them. */
export const SELECT_BUDGETS = `SELECT n.node_id, n.unit, n.parent_id IS NULL AS is_workspace,
    n.limit_per_payment::text, n.limit_day::text, n.limit_month::text, n.limit_lifetime::text, n.limit_rolling_24h::text,
    n.held::text, n.held_count, n.lifetime_count::text, n.lifetime_spent::text,
    (CASE WHEN n.day = t.today THEN n.day_spent ELSE 0 END)::text AS day_spent,
    (CASE WHEN n.month = date_trunc('month', t.today::timestamp)::date THEN n.month_spent ELSE 0 END)::text AS month_spent,
    (SELECT coalesce(sum(m.spent), 0) FROM budget_minute m WHERE m.workspace_id = n.workspace_id AND m.node_id = n.node_id
       AND m.unit = n.unit AND m.layer = n.layer AND m.minute >= date_trunc('minute', t.now - interval '24 hours'))::text AS rolling_24h_spent,
    (extract(epoch FROM t.now) * 1000)::bigint::text AS now_ms
  FROM budget_node n, (SELECT now() AS now, (now() AT TIME ZONE 'UTC')::date AS today) t`;

export type BudgetRow = Readonly<Record<string, string | number | boolean | null>>;

export function toBudgetView(row: BudgetRow): BudgetView {
  const nowMs = Number(row['now_ms']);
  const held = amount(row['held']);
  const spent: Readonly<Record<BudgetWindow, bigint>> = {
    per_payment: 0n,
    day: amount(row['day_spent']),
    month: amount(row['month_spent']),
    lifetime: amount(row['lifetime_spent']),
    rolling_24h: amount(row['rolling_24h_spent']),
  };
  return {
    node: row['is_workspace'] === true ? 'workspace' : 'agent',
    nodeId: String(row['node_id']),
    unit: row['unit'] as BudgetUnit,
    held,
    heldCount: Number(row['held_count']),
    windows: WINDOWS.map((window) => {
      const text = row[`limit_${window}`];
      const limit = text === null ? null : amount(text);
      return {
        window,
        limit,
        spent: spent[window],
        remaining: limit === null ? null : remainingOf(window, { limit, spent: spent[window], held }),
        resetsAtMs: resetOf(window, nowMs),
      };
    }),
  };
}

/** What one more payment may cost at most; a limit below its usage leaves nothing, never less than nothing. */
function remainingOf(
  window: BudgetWindow,
  { limit, spent, held }: { limit: bigint; spent: bigint; held: bigint },
): bigint {
  if (window === 'per_payment') return limit;
  const left = limit - spent - held;
  return left > 0n ? left : 0n;
}

function resetOf(window: BudgetWindow, nowMs: number): number | null {
  const now = new Date(nowMs);
  const [year, month, day] = [now.getUTCFullYear(), now.getUTCMonth(), now.getUTCDate()];
  if (window === 'day') return Date.UTC(year, month, day + 1);
  return window === 'month' ? Date.UTC(year, month + 1, 1) : null;
}

function amount(text: string | number | boolean | null | undefined): bigint {
  return BigInt(String(text ?? '0'));
}
