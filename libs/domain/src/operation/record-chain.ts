// What the chain says, and what it means for the money that is held.
import { holdsBudget, movesMoney } from './allowance.js';
import { facts, NOTHING, without, type Decision, type Of, type Whole } from './decision.js';
import type { OperationEvent } from './events.js';
import type { Settlement } from './terms.js';

type Live = Extract<Whole, { status: 'authorized' | 'provisional' }>;
type ChainCommand = Of<
  'ObserveSettlement' | 'ReorgSettlement' | 'FinalizeSettlement' | 'RecordExpiredUnused' | 'RecordVoided'
>;

/** The chain's word is the only one that ends an operation after its intent (S8). */
export function recordChain(state: Whole, command: ChainCommand): Decision {
  if (state.status !== 'authorized' && state.status !== 'provisional') return NOTHING;
  switch (command.type) {
    case 'ObserveSettlement':
      chargedBy(state, command.settlement);
      return state.status === 'authorized'
        ? facts({ type: 'SettlementObserved', data: without(command) })
        : NOTHING;
    case 'ReorgSettlement':
      if (state.status !== 'provisional') return NOTHING;
      return facts({
        type: 'SettlementReorged',
        data: { blockNumber: state.settlement.blockNumber, blockHash: state.settlement.blockHash },
      });
    case 'FinalizeSettlement':
      return finalize(state, command);
    case 'RecordExpiredUnused':
      if (state.status !== 'authorized') return NOTHING;
      if (command.proof.blockTimeSec <= state.authorization.validBeforeSec)
        throw new Error('proof of expiry older than the expiry');
      return dead(state, { type: 'AuthorizationExpiredUnused', data: without(command) }, 'expired_unused');
    case 'RecordVoided':
      if (state.status !== 'authorized') return NOTHING;
      return dead(state, { type: 'AuthorizationVoided', data: without(command) }, 'voided');
  }
}

function dead({ terms }: Live, proven: OperationEvent, reason: string): Decision {
  if (!holdsBudget(terms)) return facts(proven);
  return facts(proven, { type: 'BudgetReleased', data: { amount: terms.amount, reason } });
}

/** What the chain says was charged is captured; what was held beyond it goes back only now that nothing more can be charged (S5). */
function finalize(state: Live, command: Of<'FinalizeSettlement'>): Decision {
  const amount = chargedBy(state, command.settlement);
  const rest = state.terms.amount - amount;
  if (!holdsBudget(state.terms)) return facts({ type: 'SettlementFinalized', data: without(command) });
  const captured: OperationEvent[] = [
    { type: 'SettlementFinalized', data: without(command) },
    { type: 'BudgetCaptured', data: { amount } },
  ];
  return rest === 0n
    ? facts(...captured)
    : facts(...captured, { type: 'BudgetReleased', data: { amount: rest, reason: 'not_charged' } });
}

/**
 * A nonce succeeds once, so of two transactions, or amounts, one is not the payment. Where the first was in a block that is gone the watcher says so
 * before it tells of the second.
 */
export function isContradicted(state: Whole, settlement: Settlement): boolean {
  if (state.status !== 'provisional') return false;
  return (
    settlement.txHash !== state.settlement.txHash ||
    chargedBy(state, settlement) !== chargedBy(state, state.settlement)
  );
}

/** Nothing is no charge: the proxy refuses it, and the token lets anybody log a transfer of nothing. */
function chargedBy({ authorization }: Live, { amount = authorization.value }: Settlement): bigint {
  // An allowance of nothing takes one back, and is as good as any.
  if (!movesMoney(authorization.method) && amount === authorization.value) return amount;
  if (
    amount <= 0n ||
    amount > authorization.value ||
    (amount < authorization.value && authorization.method !== 'upto')
  )
    throw new Error('a settlement of another amount than was authorized');
  return amount;
}
