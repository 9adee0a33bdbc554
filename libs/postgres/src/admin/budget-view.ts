// How a budget node is shown. What is used comes from the guard's own function: a held amount counts in every window, a counter of an older period
// is zero, a rolling window counts whole minutes on the careful side (ruling 15).
import {
  LIMIT_NAMES,
  WINDOWS,
  type BudgetView,
  type BudgetWindow,
  type Layer,
  type LayerUnit,
  type NodeKind,
  type WindowView,
} from '#domain';

const LIMITS = LIMIT_NAMES.map((name) => `n.limit_${name}::text`).join(', ');

/** Follow with `WHERE` and `ORDER BY`; the node is `n`. Amounts are text, so that no driver setting can round them. */
export const SELECT_BUDGETS = `SELECT n.node_id, n.kind, n.unit, n.layer, ${LIMITS},
    n.held::text, n.held_count, n.lifetime_count::text, n.lifetime_spent::text,
    u.spent::text[] AS spent, u.counts::text[] AS counts, (extract(epoch FROM t.now) * 1000)::bigint::text AS now_ms
  FROM budget_node n, (SELECT now() AS now) t, LATERAL purser_budget_use(n, t.now) u`;

export type BudgetRow = Readonly<Record<string, string | number | boolean | readonly string[] | null>>;

export function toBudgetView(row: BudgetRow): BudgetView {
  const nowMs = Number(row['now_ms']);
  const spent = row['spent'] as readonly string[];
  const counts = row['counts'] as readonly string[];
  const held = amount(row['held']);
  const heldCount = Number(row['held_count']);
  const limitOf = (name: string): bigint | null => {
    const text = row[`limit_${name}`] ?? null;
    return text === null ? null : amount(text);
  };
  return {
    node: row['kind'] as NodeKind,
    nodeId: String(row['node_id']),
    layer: row['layer'] as Layer,
    unit: row['unit'] as LayerUnit,
    held,
    heldCount,
    windows: WINDOWS.map((window, at): WindowView => {
      const used = { limit: limitOf(window), spent: amount(spent[at]) };
      const resetsAtMs = resetOf(window, nowMs);
      if (window === 'per_payment')
        return { window, ...used, remaining: used.limit, ...UNCOUNTED, resetsAtMs };
      const countLimit = limitOf(`count_${window}`);
      const count = amount(counts[at]);
      return {
        window,
        ...used,
        remaining: left(used.limit, used.spent + held),
        count,
        countLimit,
        countRemaining: left(countLimit, count + BigInt(heldCount)),
        resetsAtMs,
      };
    }),
  };
}

const UNCOUNTED = { count: null, countLimit: null, countRemaining: null };

/** A limit below its usage leaves nothing, never less than nothing. */
function left(limit: bigint | null, used: bigint): bigint | null {
  if (limit === null) return null;
  return limit > used ? limit - used : 0n;
}

function resetOf(window: BudgetWindow, nowMs: number): number | null {
  const now = new Date(nowMs);
  const [year, month, day] = [now.getUTCFullYear(), now.getUTCMonth(), now.getUTCDate()];
  switch (window) {
    case 'hour':
      return Date.UTC(year, month, day, now.getUTCHours() + 1);
    case 'day':
      return Date.UTC(year, month, day + 1);
    case 'month':
      return Date.UTC(year, month + 1, 1);
    case 'per_payment':
    case 'lifetime':
    case 'rolling_24h':
    case 'rolling_30d':
      return null;
  }
}

function amount(text: BudgetRow[string] | undefined): bigint {
  return BigInt(String(text ?? '0'));
}
