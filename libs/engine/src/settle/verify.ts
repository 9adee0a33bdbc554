// The checks of x402.md 4.1 on one payment, in the order and with the reason strings of `@x402/evm`; those by Permit2 have rules of their own. Rules
// only: what the chain says is handed in. Where several things are wrong, the first in the order is named.
import type { FacilitatorRequest } from '#x402';
import type { EvmAddress, Hex32 } from '#domain';
import type { RegisteredAsset } from '../ports.js';
import type { ChainFacts, FacilitatorPorts } from './facilitator-ports.js';
import { MIN_LEFT_SEC, type Question } from './question.js';
import {
  judgeParties,
  judgePermit,
  judgePermitAmount,
  judgePermitFacts,
  type InvalidPermit2Reason,
} from './verify-permit2.js';

/** Reasons that the checks can give; the SDK's own, and `invalid_payment_requirements` for an asset that is not registered, and for a price of 0. */
export type InvalidReason =
  | InvalidPermit2Reason
  | 'invalid_exact_evm_scheme'
  | 'invalid_exact_evm_network_mismatch'
  | 'invalid_exact_evm_missing_eip712_domain'
  | 'invalid_payment_requirements'
  | 'invalid_exact_evm_token_name_mismatch'
  | 'invalid_exact_evm_token_version_mismatch'
  | 'eip6492_factory_not_allowed'
  | 'invalid_exact_evm_signature'
  | 'invalid_exact_evm_recipient_mismatch'
  | 'invalid_exact_evm_payload_authorization_valid_before'
  | 'invalid_exact_evm_payload_authorization_valid_after'
  | 'invalid_exact_evm_payload_authorization_value_mismatch'
  | 'invalid_exact_evm_authorization_value'
  | 'asset_not_deployed_contract'
  | 'invalid_exact_evm_eip3009_not_supported'
  | 'invalid_exact_evm_nonce_already_used'
  | 'invalid_exact_evm_insufficient_balance'
  | 'invalid_exact_evm_transaction_simulation_failed';

/** A payment whose requirements we can settle; what is left depends on signature, time and chain. */
export interface Acceptable {
  readonly asset: RegisteredAsset;
  readonly digest: Hex32;
}

type Rules = Pick<FacilitatorPorts, 'assets' | 'recover'>;

/** What the request itself decides about the asset and the amount asked for. The EIP-712 domain is ours; the seller's must be the same. */
export function judgeRequirements(
  ports: Pick<Rules, 'assets'>,
  request: FacilitatorRequest,
  asking: Asking,
): InvalidReason | Acceptable {
  return request.transfer.method === 'eip3009'
    ? judgeEip3009Requirements(ports, request)
    : judgePermit2Requirements(ports, request, asking);
}

export interface Asking {
  readonly question: Question;
  /** Ours on the payment's network; needed where only one of them may bring it. */
  readonly accounts: readonly EvmAddress[];
}

function judgePermit2Requirements(
  { assets }: Pick<Rules, 'assets'>,
  request: FacilitatorRequest,
  { question, accounts }: Asking,
): InvalidReason | Acceptable {
  const { transfer } = request;
  const upto = transfer.method === 'upto';
  if (request.payloadScheme !== request.scheme)
    return upto ? 'invalid_upto_evm_scheme' : 'unsupported_payload_type';
  if (request.payloadNetworkName !== request.networkName)
    return upto ? 'invalid_upto_evm_network_mismatch' : 'invalid_exact_evm_network_mismatch';
  if (request.amount === 0n && !(upto && question === 'settle')) return 'invalid_payment_requirements';
  const asset = assets.find(request.network, request.asset);
  if (asset === undefined) return 'invalid_payment_requirements';
  const reason = judgeParties(request, accounts);
  if (reason !== undefined) return reason;
  // Of another token it is refused for that, whatever was signed.
  const signed = { ...transfer, token: asset.token, value: upto ? transfer.ceiling : transfer.value };
  return { asset, digest: assets.digest(asset, signed) };
}

function judgeEip3009Requirements(
  ports: Pick<Rules, 'assets'>,
  request: FacilitatorRequest,
): InvalidReason | Acceptable {
  if (request.payloadScheme !== request.scheme) return 'invalid_exact_evm_scheme';
  if (request.domainName === null || request.domainVersion === null)
    return 'invalid_exact_evm_missing_eip712_domain';
  if (request.payloadNetworkName !== request.networkName) return 'invalid_exact_evm_network_mismatch';
  // Would cost the payer nothing, and us the gas. A payment of 0 for any other price has the wrong value.
  if (request.amount === 0n) return 'invalid_payment_requirements';
  const asset = ports.assets.find(request.network, request.asset);
  if (asset === undefined) return 'invalid_payment_requirements';
  if (request.domainName !== asset.name) return 'invalid_exact_evm_token_name_mismatch';
  if (request.domainVersion !== asset.version) return 'invalid_exact_evm_token_version_mismatch';
  return { asset, digest: ports.assets.digest(asset, request.transfer) };
}

/** Whether the payer's key made the signature; for a payer that is a contract it says nothing. */
export function signedByKey(ports: Pick<Rules, 'recover'>, request: FacilitatorRequest, digest: Hex32) {
  return ports.recover(digest, request.transfer.signature) === request.transfer.from;
}

/** The signature, once the chain has said what the payer is. An undeployed wallet would need a deployment that nobody here pays for. */
export function judgeSignature(
  request: FacilitatorRequest,
  byKey: boolean,
  facts: Pick<ChainFacts, 'payer'>,
): InvalidReason | undefined {
  if (facts.payer === 'account' && request.wrapped) return 'eip6492_factory_not_allowed';
  const valid = facts.payer === 'account' ? byKey : facts.payer === 'accepts';
  if (valid) return undefined;
  return request.transfer.method === 'eip3009' ? 'invalid_exact_evm_signature' : 'invalid_permit2_signature';
}

/** Recipient, times and amount: what the payer signed against what the seller asks. */
export function judgeTerms(
  request: FacilitatorRequest,
  nowSec: number,
  question: Question,
): InvalidReason | undefined {
  if (request.transfer.method !== 'eip3009') return judgePermit(request, nowSec, question);
  return judgeRecipient(request) ?? judgeTimes(request, nowSec) ?? judgeValue(request);
}

/** Whether what the payer signed is looked at before who signed it. */
export function termsComeFirst({ transfer }: FacilitatorRequest): boolean {
  return transfer.method !== 'eip3009';
}

/** Whether it pays to whom, and as much as, the seller asks for; once it is claimed its times do not matter any more. */
export function judgePayee(request: FacilitatorRequest): InvalidReason | undefined {
  if (request.transfer.method === 'eip3009') return judgeRecipient(request) ?? judgeValue(request);
  return judgePermitAmount(request, 'settle');
}

export function usedReason({ transfer }: FacilitatorRequest): InvalidReason {
  return transfer.method === 'eip3009' ? 'invalid_exact_evm_nonce_already_used' : 'permit2_invalid_nonce';
}

function judgeRecipient({ transfer, payTo }: FacilitatorRequest): InvalidReason | undefined {
  return transfer.to === payTo ? undefined : 'invalid_exact_evm_recipient_mismatch';
}

function judgeTimes({ transfer }: FacilitatorRequest, nowSec: number): InvalidReason | undefined {
  if (transfer.validBeforeSec < nowSec + MIN_LEFT_SEC)
    return 'invalid_exact_evm_payload_authorization_valid_before';
  if (transfer.validAfterSec > nowSec) return 'invalid_exact_evm_payload_authorization_valid_after';
  return undefined;
}

/** Exactly the amount, also in v1: the SDK demands it in both (x402.md 4.1). */
function judgeValue({ transfer, amount, version }: FacilitatorRequest): InvalidReason | undefined {
  if (transfer.value === amount) return undefined;
  return version === 1
    ? 'invalid_exact_evm_authorization_value'
    : 'invalid_exact_evm_payload_authorization_value_mismatch';
}

/** Whether the token would do it now, and if not, why. */
export function judgeFacts(request: FacilitatorRequest, facts: ChainFacts): InvalidReason | undefined {
  if (request.transfer.method !== 'eip3009') return judgePermitFacts(request, facts);
  const { balance, nonceUsed, transferable } = facts;
  if (balance === undefined && nonceUsed === undefined && request.version === 2)
    return 'asset_not_deployed_contract';
  if (nonceUsed === undefined) return 'invalid_exact_evm_eip3009_not_supported';
  if (nonceUsed) return 'invalid_exact_evm_nonce_already_used';
  if (balance === undefined || balance < request.amount) return 'invalid_exact_evm_insufficient_balance';
  return transferable ? undefined : 'invalid_exact_evm_transaction_simulation_failed';
}
