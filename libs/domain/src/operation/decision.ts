// What a decision is made of.
import { holdsBudget } from './allowance.js';
import type { ErrorCode } from '../errors.js';
import type { ErrorDetails } from '../refusal.js';
import type { OperationCommand } from './commands.js';
import type { OperationEvent } from './events.js';
import type { OperationState } from './state.js';

export type Decision =
  | { readonly ok: true; readonly events: readonly OperationEvent[] }
  | { readonly ok: false; readonly code: ErrorCode; readonly details?: ErrorDetails };

export const NOTHING: Decision = { ok: true, events: [] };
export const facts = (...events: readonly OperationEvent[]): Decision => ({ ok: true, events });
export const no = (code: ErrorCode, details: ErrorDetails = {}): Decision => ({ ok: false, code, details });

export type Of<T extends OperationCommand['type']> = Extract<OperationCommand, { type: T }>;
export type Whole = Exclude<OperationState, { status: 'needs_attention' }>;

/** A command's own words, as the event has them. */
export function without<C extends OperationCommand>(command: C): Omit<C, 'type'> {
  const { type: _type, ...data } = command;
  return data;
}

/** Held budget goes back whenever an operation ends before its intent. */
export function released(state: Whole, reason: string): OperationEvent[] {
  switch (state.status) {
    case 'reserved':
    case 'awaiting_approval':
    case 'approved':
      return holdsBudget(state.terms)
        ? [{ type: 'BudgetReleased', data: { amount: state.terms.amount, reason } }]
        : [];
    case 'absent':
    case 'opened':
    case 'judged':
    case 'authorized':
    case 'provisional':
    case 'settled':
    case 'failed':
    case 'refused':
    case 'rejected':
    case 'expired':
    case 'cancelled':
      return [];
  }
}
