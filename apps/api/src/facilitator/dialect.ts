// Refusals in the shapes of x402.md 6: the SDK reads a `VerifyError` or `SettleError` out of any status when the shape is right.
import { ERRORS } from '#domain';
import type { Dialect, Problem, Rendered } from '../http/dialect.js';
import { native } from '../native/dialect.js';
import { nativeStatus } from '../native/errors.js';

/** Status, reason and message for what is not an answer about a payment. */
function troubleOf({ code, details }: Problem, unexpected: string) {
  const { kind, says } = ERRORS[code];
  const place = typeof details['field'] === 'string' ? ` (${details['field']})` : '';
  const known = nativeStatus(code);
  // x402 knows one status for every malformed request, too long ones included.
  const status = kind === 'invalid' ? 400 : known;
  const mild = kind !== 'invalid' && status < 500;
  return {
    status,
    ...(status === 401 ? { headers: { 'www-authenticate': 'Bearer' } } : {}),
    reason: kind === 'invalid' ? 'invalid_payload' : mild ? code : unexpected,
    message: `${says}${place}`,
  };
}

function renderVerifyProblem(problem: Problem): Rendered {
  const { reason, message, ...rest } = troubleOf(problem, 'unexpected_verify_error');
  return { ...rest, body: { isValid: false, invalidReason: reason, invalidMessage: message } };
}

function renderSettleProblem(problem: Problem): Rendered {
  const { reason, message, ...rest } = troubleOf(problem, 'unexpected_settle_error');
  return {
    ...rest,
    body: { success: false, errorReason: reason, errorMessage: message, transaction: '', network: '' },
  };
}

const credentials: Dialect['credentials'] = (request) => native.credentials(request);

/** `POST /facilitator/verify` and `/facilitator/settle`; what else stands below speaks natively. */
export const facilitator: readonly Dialect[] = [
  { name: 'verify', prefixes: ['/facilitator/verify'], credentials, renderError: renderVerifyProblem },
  { name: 'settle', prefixes: ['/facilitator/settle'], credentials, renderError: renderSettleProblem },
];
