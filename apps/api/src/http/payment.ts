import { hasScope, type OperationView, type PaymentHeader, type Ports, type Principal } from '#engine';

type Payer = Pick<Principal, 'role' | 'scopes'>;

/** Whether the caller could have asked for a payment itself. */
export const mayPay = (caller: Payer): boolean => hasScope(caller, 'agent:payments:write');

/**
 * The signed payment of an `authorize` operation as the header to attach: the same bytes on every replay (one authorization per operation).
 * null once it can no longer be used, or somebody wants it dead. What is prepaid and on chain is good at any time, for the goods. null too for a
 * caller who could not have asked for it, whatever they may read: whoever holds a live header can spend it.
 */
export async function livePayment(
  ports: Ports,
  caller: Payer,
  view: OperationView,
): Promise<PaymentHeader | null> {
  if (!mayPay(caller)) return null;
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
