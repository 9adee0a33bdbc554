// What a decision is made of.
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
