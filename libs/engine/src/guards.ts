import type { ErrorCode } from '#domain';
import type { Cursor } from './cursor.js';
import type { CommitOutcome, Guard, Ports } from './ports.js';

type Refused = Extract<CommitOutcome, { reason: 'guard' }>;

const STOPPED: Readonly<Record<string, ErrorCode>> = {
  agent: 'agent_paused',
  agent_disabled: 'agent_disabled',
  workspace: 'workspace_paused',
  global: 'system_paused',
};

/** Thrown for refusals that pass by themselves: the operation waits with its hold, nothing is refused. */
export class NotNow extends Error {}

/** The store said no inside the commit: takes the refused step back and records what follows from the no. */
export function refusalForGuard(ports: Ports, cursor: Cursor, refused: Refused): void {
  const guard: Guard = refused.guard;
  if (cursor.takeBack('AdoptPayment')) {
    if (guard === 'stopped') throw new NotNow('a payment made before a restore waits to be adopted');
    const details = { ...refused.details, reason: 'paid_before_restore', guard };
    cursor.record({ type: 'RequireAttention', code: 'needs_attention', details });
    return;
  }
  switch (guard) {
    case 'budget':
    case 'no_budget': {
      const code = guard === 'budget' ? 'budget_exhausted' : 'no_budget';
      if (!cursor.takeBack('ReserveBudget')) cursor.takeBack('PrepareAuthorization');
      cursor.record({ type: 'Refuse', code, details: refused.details });
      return;
    }
    case 'wallet':
      cursor.takeBack('PrepareAuthorization');
      cursor.record({ type: 'Refuse', code: 'insufficient_funds', details: refused.details });
      return;
    case 'stopped': {
      const code = STOPPED[String(refused.details['scope'])];
      if (code === undefined) throw new NotNow('the installation is quarantined');
      cursor.takeBack('PrepareAuthorization');
      cursor.record({ type: 'Refuse', code, details: refused.details });
      return;
    }
    case 'duplicate_nonce':
      cursor.takeBack('PrepareAuthorization');
      cursor.record({
        type: 'RequireAttention',
        code: 'needs_attention',
        details: { reason: 'duplicate_nonce' },
      });
      return;
    case 'deadline':
      // Either the approval ran out before the intent, or its expiry came a moment too early by the database's clock.
      if (!cursor.takeBack('PrepareAuthorization')) throw new NotNow('not expired yet by database time');
      cursor.record({ type: 'ExpireApproval', nowMs: Math.max(ports.clock.nowMs(), useByOf(cursor)) });
  }
}

/** The database says it is past: a worker's slow clock must not contradict it. */
function useByOf({ state }: Cursor): number {
  return state.status === 'approved' ? state.grant.useByMs : 0;
}
