// What stops are compared with: whom an operation would pay, and at which host.
import type { ErrorCode } from './errors.js';
import type { Caip2, EvmAddress } from './ids.js';
import { throughAttention, type OperationState } from './operation/state.js';

/** Null where an operation does not say, or not yet. */
export interface StopTarget {
  readonly network: Caip2 | null;
  readonly payee: EvmAddress | null;
  /** Lower case, without the dot that may end it. */
  readonly host: string | null;
}

/** The answer while a stop of this scope is in force. */
export const STOP_CODES: Readonly<Record<string, ErrorCode>> = {
  global: 'system_paused',
  workspace: 'workspace_paused',
  agent: 'agent_paused',
  agent_disabled: 'agent_disabled',
  payee: 'payee_stopped',
  host: 'host_stopped',
};

/** Of an operation that is opened: what the request names. Later: the terms that are paid. */
export function stopTargetOf(current: OperationState): StopTarget {
  const state = throughAttention(current);
  if ('terms' in state && state.terms) {
    const { network, payTo, resourceUrl } = state.terms;
    return { network, payee: payTo, host: hostOf(resourceUrl) };
  }
  if (!('request' in state)) return { network: null, payee: null, host: null };
  const { url, expect } = state.request;
  return { network: expect.network ?? null, payee: expect.payTo ?? null, host: hostOf(url) };
}

/** Null for what is no web address, as of a top-up. */
export function hostOf(url: string): string | null {
  if (!/^https?:/i.test(url) || !URL.canParse(url)) return null;
  const { hostname } = new URL(url);
  return hostname.endsWith('.') ? hostname.slice(0, -1) : hostname;
}
