import { STOP_CODES, type Authorization, type ErrorDetails } from '#domain';
import type { Cursor } from './cursor.js';
import type { CommitOutcome, Guard, Ports } from './ports.js';

type Refused = Extract<CommitOutcome, { reason: 'guard' }>;

/**
 * The store said no inside the commit: takes the refused step back and records what follows from the no. `not_now`: the no passes by itself;
 * what was decided before the refused step stands, and the operation comes again later.
 */
export function refusalForGuard(ports: Ports, cursor: Cursor, refused: Refused): 'decided_anew' | 'not_now' {
  const guard: Guard = refused.guard;
  if (cursor.takeBack('AdoptPayment')) {
    if (guard === 'stopped') return 'not_now';
    const details = { ...refused.details, reason: 'paid_before_restore', guard };
    cursor.record({ type: 'RequireAttention', code: 'needs_attention', details });
    return 'decided_anew';
  }
  switch (guard) {
    case 'budget':
    case 'no_budget': {
      const code = guard === 'budget' ? 'budget_exhausted' : 'no_budget';
      if (!cursor.takeBack('ReserveBudget')) cursor.takeBack('PrepareAuthorization');
      cursor.record({ type: 'Refuse', code, details: refused.details });
      return 'decided_anew';
    }
    case 'wallet': {
      const { state } = cursor;
      if (!('authorization' in state)) throw new Error('a wallet too empty for no authorization');
      cursor.takeBack('PrepareAuthorization');
      const details = shortage(refused.details, state.authorization);
      cursor.record({ type: 'Refuse', code: 'insufficient_wallet_balance', details });
      return 'decided_anew';
    }
    case 'stopped': {
      const code = STOP_CODES[String(refused.details['scope'])];
      if (!cursor.takeBack('RequestApproval')) cursor.takeBack('PrepareAuthorization');
      // Quarantine after a restore ends by itself (ruling 9).
      if (code === undefined) return 'not_now';
      cursor.record({ type: 'Refuse', code, details: refused.details });
      return 'decided_anew';
    }
    case 'duplicate':
      cursor.takeBack('PrepareAuthorization');
      cursor.record({ type: 'Refuse', code: 'duplicate_intent', details: refused.details });
      return 'decided_anew';
    case 'under_way':
      cursor.takeBack('PrepareAuthorization');
      cursor.record({ type: 'Refuse', code: 'allowance_under_way', details: refused.details });
      return 'decided_anew';
    case 'duplicate_nonce':
      cursor.takeBack('PrepareAuthorization');
      cursor.record({
        type: 'RequireAttention',
        code: 'needs_attention',
        details: { reason: 'duplicate_nonce' },
      });
      return 'decided_anew';
    case 'deadline':
      // Either the approval ran out before the intent, or its expiry came a moment too early by the database's clock.
      if (!cursor.takeBack('PrepareAuthorization')) {
        cursor.takeBack('ExpireApproval');
        return 'not_now';
      }
      cursor.record({ type: 'ExpireApproval', nowMs: Math.max(ports.clock.nowMs(), useByOf(cursor)) });
      return 'decided_anew';
  }
}

/** Base units, as they stood under the lock: what the wallet has on chain, what of it is signed away and not seen yet, what was asked. */
export function shortage(
  { balance, committed, needed }: ErrorDetails,
  { walletId, network, token }: Pick<Authorization, 'walletId' | 'network' | 'token'>,
): ErrorDetails {
  return {
    balance: balance ?? '0',
    live: committed ?? '0',
    needed: needed ?? '0',
    wallet_id: walletId,
    network,
    asset: token,
  };
}

/** The database says it is past: a worker's slow clock must not contradict it. */
function useByOf({ state }: Cursor): number {
  return state.status === 'approved' ? state.grant.useByMs : 0;
}
