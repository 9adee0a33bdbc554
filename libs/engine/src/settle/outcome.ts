import type { AuthorizationFate } from '../chain-ports.js';
import type { SettlementOutcome } from './broadcast-ports.js';
import type { SettlementMethod, SignedTransfer } from './ports.js';

/** What is said of a transfer whose nonce was burned, and of one whose nonce moved something else. */
const LOST: Readonly<Record<SettlementMethod, { readonly cancelled: string; readonly foreign: string }>> = {
  eip3009: {
    cancelled: 'invalid_exact_evm_nonce_already_used',
    foreign: 'invalid_exact_evm_transfer_event_mismatch',
  },
  permit2: { cancelled: 'permit2_invalid_nonce', foreign: 'permit2_invalid_nonce' },
  // `cancelled` here is that the transfer has the nonce.
  cancel: {
    cancelled: 'invalid_exact_evm_nonce_already_used',
    foreign: 'invalid_exact_evm_nonce_already_used',
  },
  upto: { cancelled: 'permit2_invalid_nonce', foreign: 'permit2_invalid_nonce' },
  allowance: { cancelled: 'permit2_invalid_nonce', foreign: 'permit2_invalid_nonce' },
};

/** What a transfer's fate on chain means for whoever asked for it, in the reasons of x402 (x402.md section 6). */
export function outcomeOf(
  { method }: Pick<SignedTransfer, 'method'>,
  fate: Exclude<AuthorizationFate, { kind: 'unused' }> | { readonly kind: 'unused'; readonly reason: string },
): SettlementOutcome {
  switch (fate.kind) {
    case 'settled':
      return { kind: 'settled', settlement: fate.settlement };
    case 'cancelled':
    case 'foreign':
      return { kind: 'failed', reason: LOST[method][fate.kind] };
    case 'unused':
      return { kind: 'failed', reason: fate.reason };
  }
}
