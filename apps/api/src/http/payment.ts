import type { OperationView, PaymentHeader, Ports } from '#engine';

/**
 * The signed payment of an `authorize` operation as the header to attach: the same bytes on every replay (one authorization per operation).
 * null once it can no longer be used, or somebody wants it dead. What is prepaid and on chain is good at any time, for the goods.
 */
export async function livePayment(ports: Ports, view: OperationView): Promise<PaymentHeader | null> {
  const { authorization, terms, cancellation } = view;
  if (cancellation !== null) return null;
  if (authorization === null || terms === null || !view.answerable) return null;
  const redeemable = view.prepaid && view.settled;
  if (!redeemable && ports.clock.nowMs() >= authorization.validBeforeSec * 1000) return null;
  const stored = await ports.operations.blob(view, 'signature');
  if (!stored) return null;
  const signature = ports.vault.open(view.workspaceId, stored.sealed);
  const shown = view.prepaid ? ports.headers.naming(terms) : terms;
  return ports.headers.encode(shown, authorization, signature, view.operationId);
}
