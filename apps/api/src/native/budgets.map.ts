import {
  COUNT_WINDOWS,
  parseAtomic,
  statusOf,
  USAGE_UNIT,
  WINDOWS,
  type BudgetView,
  type LimitName,
} from '#domain';
import type { LimitChange } from '#engine';
import type { PutBudgetDto } from './budgets.dto.js';
import { maybeIso } from './render-operation.js';

export function limitChangeOf(dto: PutBudgetDto): LimitChange {
  const limits: Partial<Record<LimitName, bigint>> = {};
  for (const window of WINDOWS) {
    const text = dto.limits[window] ?? null;
    if (text !== null) limits[window] = parseAtomic(text, `limits.${window}`);
  }
  for (const window of COUNT_WINDOWS) {
    const most = dto.counts?.[window] ?? null;
    if (most !== null) limits[`count_${window}`] = BigInt(most);
  }
  const layer = dto.layer ?? 'payments';
  return { layer, unit: dto.unit ?? (layer === 'payments' ? 'USD6' : USAGE_UNIT), limits };
}

export function renderBudget(view: BudgetView): object {
  return {
    node: view.node,
    node_id: view.nodeId,
    layer: view.layer,
    unit: view.unit,
    status: statusOf(view),
    held: view.held.toString(),
    held_count: view.heldCount,
    windows: view.windows.map((it) => ({
      window: it.window,
      limit: it.limit?.toString() ?? null,
      spent: it.spent.toString(),
      remaining: it.remaining?.toString() ?? null,
      count: it.count === null ? null : Number(it.count),
      count_limit: it.countLimit === null ? null : Number(it.countLimit),
      count_remaining: it.countRemaining === null ? null : Number(it.countRemaining),
      resets_at: maybeIso(it.resetsAtMs),
    })),
  };
}
