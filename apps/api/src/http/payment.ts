import type { OperationView, PaymentHeader, Ports } from '#engine';

/**
 * The signed payment of an `authorize` operation as the header to attach: the same bytes on every replay (one authorization per operation).
 * null once it can no longer be used, or somebody wants it dead.
 */
export async function livePayment(ports: Ports, view: OperationView): Promise<PaymentHeader | null> {
  const { authorization, terms, cancellation } = view;
  if (cancellation !== null) return null;
  if (authorization === null || terms === null || !view.answerable) return null;
  if (ports.clock.nowMs() >= authorization.validBeforeSec * 1000) return null;
  const stored = await ports.operations.blob(view, 'signature');
  if (!stored) return null;
  const signature = ports.vault.open(view.workspaceId, stored.sealed);
  return ports.headers.encode(terms, authorization, signature, view.operationId);
}
