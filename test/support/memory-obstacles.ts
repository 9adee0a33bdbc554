// What the guards of a commit would say, for those who only ask.
import type { ErrorDetails, EvmAddress } from '#domain';
import type { AgentRef, Obstacle, Probe } from '#engine';
import { stopDetails, type MemoryDatabase } from './memory-database.js';

export function obstacleTo(
  database: MemoryDatabase,
  { workspaceId, agentId }: AgentRef,
  { stops, hold, cover }: Probe,
): Obstacle | null {
  if (hold) {
    const path = database.budgets.path(workspaceId, agentId, hold.unit, hold.tags);
    if (path.length === 0) return { guard: 'no_budget', details: { unit: hold.unit } };
    const asked = { extra: hold.amount, payment: hold.amount, more: 1n };
    const details = database.budgets.obstacle(path, database.nowMs(), asked);
    if (details) return { guard: 'budget', details };
  }
  const scope = stops && database.stoppedScope(workspaceId, agentId, stops);
  if (scope) return { guard: 'stopped', details: stopDetails(scope) };
  const wallet = cover && [...database.wallets.values()].find((it) => it.walletId === cover.walletId);
  const details = wallet && uncovered(database, { ...cover, from: wallet.address, value: cover.amount });
  return details ? { guard: 'wallet', details } : null;
}

/** Ruling 17: balance as last read, less what is live and not yet seen on chain. */
export function uncovered(
  database: MemoryDatabase,
  { from, token, value }: { readonly from: EvmAddress; readonly token: EvmAddress; readonly value: bigint },
): ErrorDetails | null {
  const balance = database.balances.get(`${from}/${token}`)?.balance ?? 0n;
  let committed = 0n;
  for (const { status, authorization } of database.ledger.values())
    if (status === 'live' && authorization.from === from && authorization.method !== 'allowance')
      committed += authorization.value;
  if (balance - committed >= value) return null;
  return { balance: `${balance}`, committed: `${committed}`, needed: `${value}` };
}
