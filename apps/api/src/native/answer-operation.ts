// What a caller that submitted an operation is answered, by how far it has come.
import type { ErrorCode } from '#domain';
import type { OperationView, Submitted } from '#engine';
import type { Rendered } from '../http/dialect.js';
import { renderFailed } from './errors.js';
import { renderOperation, type Found } from './render-operation.js';

export function answerOf(
  view: OperationView,
  submitted: Submitted,
  { found, correlationId }: { readonly found: Found; readonly correlationId: string },
): Rendered {
  const headers: Record<string, string> = submitted.replayed ? { 'x-idempotency-replayed': 'true' } : {};
  if (!view.answerable || view.status === 'awaiting_approval')
    return { status: 202, headers, body: renderOperation(view) };
  const code = failureOf(view);
  if (code !== null) return { ...renderFailed(view, code, correlationId), headers };
  return { status: submitted.replayed ? 200 : 201, headers, body: renderOperation(view, found) };
}

function failureOf(view: OperationView): ErrorCode | null {
  const code = view.error?.code ?? null;
  if (code === 'payment_not_required') return view.kind === 'purchase' ? null : code;
  if (view.authorization === null || view.status === 'failed') return code ?? 'internal';
  if (view.kind === 'authorize' || view.settled || view.delivery?.outcome === 'delivered') return null;
  return code ?? 'outcome_unknown';
}
