// Pure: what the core knows of an operation, in AgentPay's words.
import type { ErrorCode } from '#domain';
import type { OperationView, PaymentHeader, RecordedOperation } from '#engine';
import type { Rendered } from '../../http/dialect.js';
import { detailsOf, pending } from '../../http/submitting.js';
import { renderFailed } from './errors.js';

const iso = (ms: number): string => new Date(ms).toISOString();

/** The answer to `pay`. `settled` is true where the payment was on chain before the seller is shown it: at prepaid hosts (ruling 10). */
export function renderPay(view: OperationView, payment: PaymentHeader | null): Rendered {
  if (view.status === 'awaiting_approval' || !view.answerable) return pending(view);
  if (view.authorization === null || view.status === 'failed')
    return failed(view, view.error?.code ?? 'internal');
  // Asked to be on chain first, and nobody knows yet whether it is.
  if (view.prepaid && !view.settled) return failed(view, view.error?.code ?? 'outcome_unknown');
  // Past its time: used, or not yet proven unused.
  if (payment === null) return failed(view, view.settled ? 'too_late' : 'outcome_unknown');
  return {
    status: 200,
    body: {
      paymentSignature: payment.value,
      settled: view.settled,
      transaction: view.settlement?.txHash ?? '',
      header: payment.name,
      operationId: view.operationId,
    },
  };
}

function failed(view: OperationView, code: ErrorCode): Rendered {
  return renderFailed(view, code, detailsOf(view, code));
}

/** One line of the history. `amount` is a ceiling until the chain says what was charged. */
export function renderSpend(view: RecordedOperation, symbol: string | null): object {
  return {
    id: view.operationId,
    amount: (view.charged ?? view.terms?.amount ?? 0n).toString(),
    currency: symbol ?? 'unknown',
    request_url: view.request.url,
    created_at: iso(view.openedAtMs),
    settled: view.settled,
    transaction: view.settlement?.txHash ?? '',
  };
}
