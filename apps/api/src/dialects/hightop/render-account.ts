import type { BalancesView, RateState, RecordedOperation, WorkspaceView } from '#engine';
import type { Limits } from '../../http/limits.js';
import { renderOperation } from './render.js';

/** The vendor's classes; `bulk_write` is reserved there as here. */
export const RATE_CLASSES = ['read', 'write', 'simulate', 'webhook_management', 'bulk_write'] as const;

/** What the credential has used up of each class, this call included. */
export function renderRates({ counters, table }: Limits, keyId: string): object {
  const states = RATE_CLASSES.map((name) => [name, counters.look(table[`hightop.${name}`], keyId)] as const);
  return Object.fromEntries(states.map(([name, state]) => [name, rateOf(state)]));
}

/** As `self` announces them. */
export function renderRateLimits({ table }: Pick<Limits, 'table'>): object {
  return Object.fromEntries(
    RATE_CLASSES.map((name) => {
      const { most, burst, windowSec } = table[`hightop.${name}`];
      return [name, { limit: most, burst, windowSeconds: windowSec }];
    }),
  );
}

const rateOf = ({ limit, count, remaining, resetsAtMs }: RateState): object => ({
  limit: limit.most,
  burst: limit.burst,
  window_seconds: limit.windowSec,
  used: count,
  remaining,
  resets_at: new Date(resetsAtMs).toISOString(),
});

export function renderAccount(workspace: WorkspaceView, { wallets }: BalancesView): object {
  return {
    id: workspace.workspaceId,
    name: workspace.name,
    status: workspace.paused ? 'paused' : 'approved',
    wallet_addresses: [...new Set(wallets.map((wallet) => wallet.address))],
    created_at: new Date(workspace.createdAtMs).toISOString(),
  };
}

/** An operation as an entry of the account's feed. Reading it marks nothing as read. */
export function renderActivity(view: RecordedOperation, symbol: string | null): object {
  const { id, type, status, amount_usd, human_message, created_at, url, transaction } = renderOperation(
    view,
    {
      symbol,
      onchain: false,
    },
  ) as Record<string, unknown>;
  const title = { title: human_message ?? null };
  return {
    id,
    type,
    status,
    ...title,
    amount_usd,
    asset_symbol: symbol,
    url,
    transaction,
    created_at,
    operation_id: id,
  };
}
