import type { AuthorizationFate } from '../chain-ports.js';
import type { SettlementOutcome } from './broadcast-ports.js';

/** What a transfer's fate on chain means for whoever asked for it, in the reasons of x402 (x402.md section 6). */
export function outcomeOf(
  fate: Exclude<AuthorizationFate, { kind: 'unused' }> | { readonly kind: 'unused'; readonly reason: string },
): SettlementOutcome {
  switch (fate.kind) {
    case 'settled':
      return { kind: 'settled', settlement: fate.settlement };
    case 'cancelled':
      return { kind: 'failed', reason: 'invalid_exact_evm_nonce_already_used' };
    case 'foreign':
      return { kind: 'failed', reason: 'invalid_exact_evm_transfer_event_mismatch' };
    case 'unused':
      return { kind: 'failed', reason: fate.reason };
  }
}
