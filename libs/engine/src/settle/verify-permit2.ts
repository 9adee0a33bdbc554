// The checks of x402.md 4.2 and 5 on one payment by Permit2, `exact` or `upto`, in the order and with the reason strings of `@x402/evm`. Other than
// with EIP-3009 everything that the payer signed is judged before the signature.
import { PROXY_OF, type EvmAddress } from '#domain';
import type { FacilitatorRequest } from '#x402';
import type { ChainFacts } from './facilitator-ports.js';
import { MIN_LEFT_SEC, type Question } from './question.js';

/** Reasons that the checks can give; `permit2_invalid_nonce` is what the SDK says of a settlement that failed for it. */
export type InvalidPermit2Reason =
  | 'unsupported_payload_type'
  | 'invalid_upto_evm_scheme'
  | 'invalid_upto_evm_network_mismatch'
  | 'invalid_permit2_spender'
  | 'invalid_permit2_recipient_mismatch'
  | 'upto_facilitator_mismatch'
  | 'permit2_deadline_expired'
  | 'permit2_not_yet_valid'
  | 'permit2_amount_mismatch'
  | 'invalid_upto_evm_payload_settlement_exceeds_amount'
  | 'permit2_token_mismatch'
  | 'invalid_permit2_signature'
  | 'permit2_proxy_not_deployed'
  | 'permit2_invalid_nonce'
  | 'permit2_insufficient_balance'
  | 'permit2_allowance_required'
  | 'permit2_simulation_failed';

/** Who may bring the payment, and to whom. `accounts` are ours on its network: only they can charge what is metered. */
export function judgeParties(
  { transfer, spender, payTo }: FacilitatorRequest,
  accounts: readonly EvmAddress[],
): InvalidPermit2Reason | undefined {
  if (transfer.method === 'eip3009' || spender !== PROXY_OF[transfer.method])
    return 'invalid_permit2_spender';
  if (transfer.to !== payTo) return 'invalid_permit2_recipient_mismatch';
  if (transfer.method === 'upto' && !accounts.includes(transfer.facilitator))
    return 'upto_facilitator_mismatch';
  return undefined;
}

/** Times, amount and token. */
export function judgePermit(
  request: FacilitatorRequest,
  nowSec: number,
  question: Question,
): InvalidPermit2Reason | undefined {
  const { transfer, asset } = request;
  if (transfer.validBeforeSec < nowSec + MIN_LEFT_SEC) return 'permit2_deadline_expired';
  if (transfer.validAfterSec > nowSec) return 'permit2_not_yet_valid';
  const amount = judgePermitAmount(request, question);
  if (amount !== undefined) return amount;
  return transfer.token === asset ? undefined : 'permit2_token_mismatch';
}

/** The whole of what was signed; only a settlement up to a ceiling may be for less. */
export function judgePermitAmount(
  { transfer, amount }: FacilitatorRequest,
  question: Question,
): InvalidPermit2Reason | undefined {
  const signed = transfer.method === 'upto' ? transfer.ceiling : transfer.value;
  if (transfer.method !== 'upto' || question === 'verify')
    return signed === amount ? undefined : 'permit2_amount_mismatch';
  return amount <= signed ? undefined : 'invalid_upto_evm_payload_settlement_exceeds_amount';
}

/** Whether proxy, Permit2 and token would do it now, and if not, why. */
export function judgePermitFacts(
  { transfer: { value } }: FacilitatorRequest,
  { deployed, nonceUsed, balance, allowance, transferable }: ChainFacts,
): InvalidPermit2Reason | undefined {
  if (!deployed || nonceUsed === undefined) return 'permit2_proxy_not_deployed';
  if (nonceUsed) return 'permit2_invalid_nonce';
  if (balance === undefined || balance < value) return 'permit2_insufficient_balance';
  if ((allowance ?? 0n) < value) return 'permit2_allowance_required';
  return transferable ? undefined : 'permit2_simulation_failed';
}
