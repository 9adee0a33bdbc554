// How one offer wants to be paid: by which contract, when, and who may take the money.
import type { EvmAddress, PaymentFlow, Terms, TransferMethod } from '#domain';
import type { Offer } from './offer.js';

/** Undefined for methods we do not know. */
export function methodOf({ scheme, extra, price }: Offer): TransferMethod | undefined {
  const asked = extra['assetTransferMethod'] ?? undefined;
  // A decimal price names no token's contract, so nobody could have meant Permit2 by it.
  if (price.kind === 'decimal')
    return scheme === 'exact' && (asked ?? 'eip3009') === 'eip3009' ? 'eip3009' : undefined;
  if (scheme === 'upto') return (asked ?? 'permit2') === 'permit2' ? 'upto' : undefined;
  if (asked === undefined || asked === 'eip3009') return 'eip3009';
  return asked === 'permit2' ? 'permit2' : undefined;
}

/** Undefined for `escrow`, which needs a scheme of its own, and for unknown flows, which could do anything. */
export function flowOf({ extra }: Offer): PaymentFlow | undefined {
  const flow = extra['paymentFlow'] ?? 'authorization';
  return flow === 'authorization' || flow === 'upfront' ? flow : undefined;
}

function facilitatorOf({ extra }: Offer): EvmAddress | undefined {
  const named = extra['facilitatorAddress'];
  return typeof named === 'string' ? addressOf(named) : undefined;
}

/** Whoever the payer names may charge the ceiling, and nobody else: without a name there is nothing to sign. */
export function facilitatorFault(offer: Offer): 'facilitator_missing' | undefined {
  return methodOf(offer) === 'upto' && facilitatorOf(offer) === undefined ? 'facilitator_missing' : undefined;
}

/** Said only where it is not the usual way. */
export function transferOf(offer: Offer): Pick<Terms, 'transferMethod' | 'facilitator'> {
  const method = methodOf(offer);
  const facilitator = facilitatorOf(offer);
  if (method === 'upto' && facilitator !== undefined) return { transferMethod: 'upto', facilitator };
  return method === 'permit2' ? { transferMethod: 'permit2' } : {};
}

export function addressOf(text: string): EvmAddress | undefined {
  return /^0x[0-9a-fA-F]{40}$/.test(text) ? (text.toLowerCase() as EvmAddress) : undefined;
}
