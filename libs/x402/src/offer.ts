// One entry of `accepts`, in either vocabulary, into one shape.
import { networkOf } from './networks.js';
import { parseAtomic, type Caip2, type Json } from '#domain';

/** Why an offer cannot be considered at all. */
export type OfferFault = 'malformed_offer' | 'invalid_amount' | 'ambiguous_amount';

export interface Offer {
  /** Place in the seller's list, from 0. */
  readonly index: number;
  readonly scheme: string;
  /** As the seller spells it; protocol v1 wants it back that way. */
  readonly networkName: string;
  readonly network: Caip2 | undefined;
  /** Base units, or an exact decimal of a named currency where the dialect has it so. */
  readonly price:
    | { readonly kind: 'atomic'; readonly amount: bigint; readonly asset: string }
    | { readonly kind: 'decimal'; readonly amount: string; readonly currency: string };
  readonly payTo: string;
  readonly maxTimeoutSec: number | undefined;
  /** Only where the offer names its own resource (v1). */
  readonly resource: string | undefined;
  readonly extra: Readonly<Record<string, Json>>;
  /** The offer as sent, byte for byte. */
  readonly text: string;
}

export interface DroppedOffer {
  readonly index: number;
  readonly reason: OfferFault;
}

export type JsonObject = Readonly<Record<string, Json>>;

export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A string field; null and an absent field are the same (peers in Go and Python write nulls). */
export function textField(object: JsonObject, name: string): string | undefined {
  const value = object[name];
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/** Reads one offer; a bad amount is a reason to drop it, never a reason to guess (safety.md T7). */
export function readOffer(value: Json, index: number, text: string): Offer | DroppedOffer {
  if (!isObject(value)) return { index, reason: 'malformed_offer' };
  if (textField(value, 'recipient') !== undefined && textField(value, 'currency') !== undefined)
    return readTransferRequest(value, index, text);
  const [scheme, networkName, asset, payTo] = ['scheme', 'network', 'asset', 'payTo'].map((name) =>
    textField(value, name),
  );
  if (!scheme || !networkName || !asset || !payTo) return { index, reason: 'malformed_offer' };
  const amounts = [value['amount'], value['maxAmountRequired']].filter(
    (it) => it !== undefined && it !== null,
  );
  if (new Set(amounts).size > 1) return { index, reason: 'ambiguous_amount' };
  const amount = atomic(amounts[0]);
  if (amount === undefined) return { index, reason: 'invalid_amount' };
  return {
    ...common(value, index, text),
    scheme,
    networkName,
    network: networkOf(networkName),
    price: { kind: 'atomic', amount, asset },
    payTo,
  };
}

/** `paymentRequirement {amount: "0.05", currency: "USDC", network, recipient}` (apis.md 3.1): the key names say that it is decimal. */
function readTransferRequest(value: JsonObject, index: number, text: string): Offer | DroppedOffer {
  const networkName = textField(value, 'network');
  const payTo = textField(value, 'recipient');
  const currency = textField(value, 'currency');
  if (!networkName || !payTo || !currency) return { index, reason: 'malformed_offer' };
  const amount = value['amount'];
  if (typeof amount !== 'string' || !/^(0|[1-9][0-9]{0,59})(\.[0-9]{1,18})?$/.test(amount))
    return { index, reason: 'invalid_amount' };
  return {
    ...common(value, index, text),
    scheme: textField(value, 'scheme') ?? 'exact',
    networkName,
    network: networkOf(networkName),
    price: { kind: 'decimal', amount, currency },
    payTo,
  };
}

function common(value: JsonObject, index: number, text: string) {
  const timeout = value['maxTimeoutSeconds'];
  const extra = value['extra'];
  return {
    index,
    maxTimeoutSec: typeof timeout === 'number' && timeout > 0 ? timeout : undefined,
    resource: textField(value, 'resource'),
    extra: isObject(extra) ? extra : {},
    text,
  };
}

function atomic(value: Json | undefined): bigint | undefined {
  try {
    return parseAtomic(value);
  } catch {
    return undefined;
  }
}
