// AgentPay's status for each of our codes, and its free texts where it has published one. 402 is said of what is proven unpaid, or was refused before
// anything was signed; never of an outcome that nobody knows, and never with a header that a seller's challenge would have (ruling 5, apis.md D7).
import { ERRORS, suggestionFor, type ErrorCode, type ErrorDetails, type ErrorKind } from '#domain';
import type { OperationView } from '#engine';
import type { Problem, Rendered } from '../../http/dialect.js';
import { retryAdvice } from '../../http/submitting.js';

export interface AgentPayRow {
  readonly status: number;
  /** The vendor's own words; ours otherwise. */
  readonly says?: (details: ErrorDetails) => string | undefined;
  /** The body names what the facilitator, or we in its place, found. */
  readonly facilitator?: true;
}

const row = (status: number, more: Omit<AgentPayRow, 'status'> = {}): AgentPayRow => ({ status, ...more });
const unverified = row(402, { says: () => 'Payment verification failed', facilitator: true });
const noWallet = ({ network }: ErrorDetails) =>
  typeof network === 'string' ? `No wallet for network ${network}` : undefined;
const ofField = ({ field }: ErrorDetails) =>
  field === 'paymentRequiredHeader' ? 'paymentRequiredHeader (base64) required' : undefined;

const BY_KIND: { readonly [K in ErrorKind]: AgentPayRow } = {
  invalid: row(400),
  unauthenticated: row(401),
  forbidden: row(403),
  missing: row(404),
  conflict: row(409),
  refused: row(402),
  failed: unverified,
  unknown: row(502),
  unavailable: row(503),
  internal: row(500),
};

/** What the kind alone does not say. */
const OWN: { readonly [C in ErrorCode]?: AgentPayRow } = {
  validation_failed: row(400, { says: ofField }),
  body_too_large: row(413),
  authentication_failed: row(401, { says: () => 'API key not resolved' }),
  agent_paused: row(401),
  rate_limited: row(429),
  approval_rejected: row(403),
  operation_cancelled: row(409),
  allowance_under_way: row(409),
  payment_not_required: row(400),
  unpayable_challenge: row(400),
  unknown_network: row(400, { says: noWallet }),
  unknown_asset: row(400),
  unsupported_scheme: row(400),
  wallet_missing: row(400, { says: noWallet }),
  insufficient_wallet_balance: row(402, { facilitator: true }),
  permit2_allowance_required: row(402, { facilitator: true }),
  redirected: row(502),
  seller_unreachable: row(502),
  response_too_large: row(502),
};

export const agentpayError = (code: ErrorCode): AgentPayRow => OWN[code] ?? BY_KIND[ERRORS[code].kind];

export function renderProblem({ code, details, correlationId }: Problem): Rendered {
  const about = code === 'internal' ? { ...details, correlation_id: correlationId } : details;
  return errorBody(code, about);
}

/** Of an operation that ended unpaid, or whose outcome is not known. */
export function renderFailed(view: OperationView, code: ErrorCode, details: ErrorDetails = {}): Rendered {
  const { status, body } = errorBody(code, details);
  const advice = retryAdvice(view);
  const retry = advice === null ? {} : { retryWith: advice };
  return { status, body: { ...body, operationId: view.operationId, ...retry } };
}

function errorBody(code: ErrorCode, details: ErrorDetails): { status: number; body: object } {
  const { status, says, facilitator } = agentpayError(code);
  const named = details['field'] === 'idempotency_key' ? { ...details, field: 'idempotencyKey' } : details;
  const about = Object.keys(details).length === 0 ? {} : { details: named };
  return {
    status,
    body: {
      error: says?.(details) ?? ERRORS[code].says,
      code,
      suggestion: suggestionFor(code, details),
      ...about,
      ...(facilitator === true ? { facilitator: { isValid: false, invalidReason: code } } : {}),
      // There are no plans to upgrade to here.
      ...(status === 429 ? { upgradeUrl: null } : {}),
    },
  };
}
