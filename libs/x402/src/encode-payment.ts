// The payment header. The same terms, authorization and signature give the same bytes on every retry: a seller, or its
// facilitator, must be able to recognise a payment it has seen.
import { PROXY_OF, type Authorization, type Json, type PermitMethod, type Terms } from '#domain';
import { safeBase64Encode } from '@x402/core/utils';
import { isObject, type JsonObject } from './offer.js';

export interface PaymentHeader {
  readonly name: 'PAYMENT-SIGNATURE' | 'X-PAYMENT';
  readonly value: string;
}

const PAYMENT_IDENTIFIER = 'payment-identifier';

interface Wire {
  readonly scheme: string;
  readonly network: string;
  readonly payTo: string;
  readonly offer: string;
  readonly resource: string | null;
  readonly extensions: string | null;
}

/**
 * Builds the header that pays: `PAYMENT-SIGNATURE` for v2 terms, `X-PAYMENT` for v1 (x402.md section 2).
 * `paymentId` is sent only to sellers that advertise `payment-identifier`; 16-128 characters of `[A-Za-z0-9_-]`.
 */
export function paymentHeader(
  terms: Terms,
  authorization: Omit<Authorization, 'digest' | 'walletId'>,
  signature: Uint8Array,
  paymentId: string,
): PaymentHeader {
  const name = terms.x402Version === 1 ? 'X-PAYMENT' : 'PAYMENT-SIGNATURE';
  return { name, value: safeBase64Encode(paymentText(terms, authorization, signature, paymentId)) };
}

/** The payment as JSON text: what the header carries, and what facilitators are shown. */
export function paymentText(
  terms: Terms,
  authorization: Omit<Authorization, 'digest' | 'walletId'>,
  signature: Uint8Array,
  paymentId: string,
): string {
  const wire = readWire(terms.wire);
  const payload = JSON.stringify(payloadOf(wire, authorization, signature));
  if (terms.x402Version === 1) {
    const head = JSON.stringify({ x402Version: 1, scheme: wire.scheme, network: wire.network });
    return `${head.slice(0, -1)},"payload":${payload}}`;
  }
  const extensions = withPaymentId(wire.extensions, paymentId);
  const fields = [
    '"x402Version":2',
    ...(wire.resource === null ? [] : [`"resource":${wire.resource}`]),
    `"accepted":${wire.offer}`,
    `"payload":${payload}`,
    ...(extensions === null ? [] : [`"extensions":${extensions}`]),
  ];
  return `{${fields.join(',')}}`;
}

/** Whether the seller keeps an idempotency key per payment, so that a paid request may be repeated (ruling 22). */
export function supportsPaymentIdentifier(terms: Terms): boolean {
  const { extensions } = readWire(terms.wire);
  return terms.x402Version === 2 && extensions !== null && identifierExtension(extensions) !== undefined;
}

/**
 * Terms under which the payment says its identifier, also to a seller that does not advertise it: facilitators are handed whatever extensions a client
 * sends along, and stock sellers compare only those that they advertise. Version 1 has no extensions.
 */
export function namingTerms(terms: Terms): Terms {
  if (terms.x402Version === 1 || supportsPaymentIdentifier(terms)) return terms;
  const { extensions } = readWire(terms.wire);
  const advertised = extensions === null ? {} : (JSON.parse(extensions) as Record<string, Json>);
  const named = { ...advertised, [PAYMENT_IDENTIFIER]: { info: { required: false } } };
  const wire = terms.wire as Record<string, Json>;
  return { ...terms, wire: { ...wire, extensions: JSON.stringify(named) } };
}

type Signed = Omit<Authorization, 'digest' | 'walletId'>;

function payloadOf(wire: Wire, authorization: Signed, bytes: Uint8Array): Json {
  const signature = `0x${Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')}`;
  // Some sellers compare text: give the payee back in the seller's own spelling.
  const to = wire.payTo.toLowerCase() === authorization.to ? wire.payTo : authorization.to;
  switch (authorization.method) {
    case 'eip3009':
      return { signature, ...transferPayload(authorization, to) };
    case 'permit2':
    case 'upto':
      return { signature, ...permitPayload(authorization, authorization.method, to) };
    case 'allowance':
      throw new Error('an allowance is shown to nobody');
  }
}

function permitPayload(authorization: Signed, method: PermitMethod, to: string) {
  const { from, token, value, nonce, validAfterSec, validBeforeSec, facilitator } = authorization;
  return {
    permit2Authorization: {
      from,
      permitted: { token, amount: value.toString() },
      spender: PROXY_OF[method],
      nonce: BigInt(nonce).toString(),
      deadline: String(validBeforeSec),
      witness: {
        to,
        ...(facilitator === undefined ? {} : { facilitator }),
        validAfter: String(validAfterSec),
      },
    },
  };
}

function transferPayload(authorization: Signed, to: string) {
  return {
    authorization: {
      from: authorization.from,
      to,
      value: authorization.value.toString(),
      validAfter: String(authorization.validAfterSec),
      validBefore: String(authorization.validBeforeSec),
      nonce: authorization.nonce,
    },
  };
}

/** The advertised extensions with our id added to one; the rest goes back as it came (clients may add, never change). */
function withPaymentId(extensions: string | null, paymentId: string): string | null {
  const advertised = extensions === null ? undefined : identifierExtension(extensions);
  if (extensions === null || !advertised) return extensions;
  if (!/^[A-Za-z0-9_-]{16,128}$/.test(paymentId)) throw new Error('not a payment identifier');
  const all = JSON.parse(extensions) as Record<string, Json>;
  const info = isObject(advertised['info']) ? advertised['info'] : {};
  return JSON.stringify({
    ...all,
    [PAYMENT_IDENTIFIER]: { ...advertised, info: { ...info, id: paymentId } },
  });
}

function identifierExtension(extensions: string): JsonObject | undefined {
  const all = JSON.parse(extensions) as Record<string, Json>;
  const extension = Object.hasOwn(all, PAYMENT_IDENTIFIER) ? all[PAYMENT_IDENTIFIER] : undefined;
  return isObject(extension) ? extension : undefined;
}

/** `Terms.wire` is written by `chooseOffer` alone; anything else in it is a bug. */
function readWire(value: Json): Wire {
  const wire = value as Readonly<Record<string, Json>> | null;
  const { scheme, network, pay_to: payTo, offer, resource = null, extensions = null } = wire ?? {};
  if (
    typeof scheme !== 'string' ||
    typeof network !== 'string' ||
    typeof payTo !== 'string' ||
    typeof offer !== 'string' ||
    (resource !== null && typeof resource !== 'string') ||
    (extensions !== null && typeof extensions !== 'string')
  )
    throw new Error('terms without the words of the offer');
  return { scheme, network, payTo, offer, resource, extensions };
}
