// What a seller asks a facilitator: `{x402Version, paymentPayload, paymentRequirements}` in v1 or v2 (x402.md 2, 4, 5, 6) into one typed value.
// Strict about every field that means money, blind to all others; null counts as absent, since peers in Go and Python write it.
import { parseCaip2, parseHex32, type Authorization, type Caip2, type EvmAddress } from '#domain';
import { networkOfV1Name } from './networks.js';
import { permit2In } from './read-permit2.js';
import { signatureIn } from './read-signature.js';
import {
  Misread,
  objectOf,
  orUndefined,
  Part,
  PAYLOAD,
  REQUIREMENTS,
  type FacilitatorFault,
} from './request-part.js';

/** What the payer signed, by the method that moves it. */
export type SignedAuthorization = Omit<Authorization, 'digest' | 'walletId' | 'method' | 'facilitator'> & {
  /** What the payer's key, or the payer's contract, is asked about; must not be logged (S15). */
  readonly signature: Uint8Array;
} & (
    | { readonly method: 'eip3009' | 'permit2' }
    /** `value` is what the seller asks for. */
    | { readonly method: 'upto'; readonly ceiling: bigint; readonly facilitator: EvmAddress }
  );

/** A request to verify or settle a payment. Nothing in it has been checked against anything. */
export interface FacilitatorRequest {
  readonly version: 1 | 2;
  readonly scheme: 'exact' | 'upto';
  readonly network: Caip2;
  /** As the seller spells it; the answer spells it the same way. */
  readonly networkName: string;
  readonly asset: EvmAddress;
  readonly payTo: EvmAddress;
  /** Base units that the seller asks for. */
  readonly amount: bigint;
  /** EIP-712 domain of the token by the seller's word (`extra.name`, `extra.version`); null where it is missing. */
  readonly domainName: string | null;
  readonly domainVersion: string | null;
  /** What the payer says it pays by; the requirements' own words are above. */
  readonly payloadScheme: string;
  readonly payloadNetworkName: string;
  /** Payer as spelled in the payload. */
  readonly payer: string;
  readonly transfer: SignedAuthorization;
  /** Permit2: the contract that may use the permit; null with EIP-3009. */
  readonly spender: EvmAddress | null;
  /** The signature came in an ERC-6492 wrapper: the payer's wallet may not be deployed. */
  readonly wrapped: boolean;
  /** Of the v2 extension `payment-identifier`: 16 to 128 characters of `[A-Za-z0-9_-]`. */
  readonly paymentIdentifier: string | null;
}

export type ReadFacilitatorRequest =
  | { readonly ok: true; readonly request: FacilitatorRequest }
  | {
      readonly ok: false;
      readonly reason: FacilitatorFault;
      /** The place at fault, such as `paymentPayload.payload.signature`; never its value. */
      readonly field: string;
    };

/** Total: answers for every JSON value there is. */
export function readFacilitatorRequest(body: unknown): ReadFacilitatorRequest {
  try {
    return { ok: true, request: read(body) };
  } catch (error) {
    if (error instanceof Misread) return { ok: false, reason: error.reason, field: error.field };
    throw error;
  }
}

function read(body: unknown): FacilitatorRequest {
  const top = new Part('', objectOf(body, 'invalid_payload', 'body'), 'invalid_payload');
  const payload = top.part(PAYLOAD, 'invalid_payload');
  const requirements = top.part(REQUIREMENTS, 'invalid_payment_requirements');
  const version = versionOf(top, payload);
  const { scheme, networkName, network } = kindOf(version, requirements);
  const claimed = version === 1 ? payload : payload.part('accepted');
  const extra = requirements.maybePart('extra');
  const proof = payload.part('payload');
  const asset = requirements.address('asset');
  const amount = requirements.amount(version === 1 ? 'maxAmountRequired' : 'amount');
  const method = methodOf(version, scheme, extra);
  const read =
    method === 'eip3009' ? eip3009In(proof, network, asset) : permit2In(proof, { network, method, amount });
  return {
    version,
    scheme,
    network,
    networkName,
    asset,
    payTo: requirements.address('payTo'),
    amount,
    domainName: extra?.maybeText('name') ?? null,
    domainVersion: extra?.maybeText('version') ?? null,
    payloadScheme: claimed.text('scheme'),
    payloadNetworkName: claimed.text('network'),
    ...read,
    paymentIdentifier: version === 1 ? null : identifierIn(payload),
  };
}

/** The request may leave its own version out; the payload never does. */
function versionOf(top: Part, payload: Part): 1 | 2 {
  const declared = payload.value('x402Version');
  const around = top.value('x402Version') ?? declared;
  if (declared !== 1 && declared !== 2) throw new Misread('invalid_x402_version', `${PAYLOAD}.x402Version`);
  if (around !== declared) throw new Misread('invalid_x402_version', 'x402Version');
  return declared;
}

/** What is to be settled, and where. v1 knows networks by name, v2 by CAIP-2 id; the other's spelling is unknown to it. */
function kindOf(version: 1 | 2, requirements: Part) {
  const scheme = requirements.text('scheme');
  const networkName = requirements.text('network');
  // Version 1 has no other.
  if (scheme !== 'exact' && (scheme !== 'upto' || version === 1))
    throw new Misread('unsupported_scheme', `${REQUIREMENTS}.scheme`);
  const network = version === 1 ? networkOfV1Name(networkName) : orUndefined(() => parseCaip2(networkName));
  if (network === undefined) throw new Misread('invalid_network', `${REQUIREMENTS}.network`);
  return { scheme, networkName, network } as const;
}

function methodOf(version: 1 | 2, scheme: 'exact' | 'upto', extra: Part | undefined) {
  if (scheme === 'upto') return 'upto';
  const method = extra?.maybeText('assetTransferMethod') ?? 'eip3009';
  if (method === 'eip3009' || (method === 'permit2' && version === 2)) return method;
  throw new Misread('unsupported_payload_type', `${REQUIREMENTS}.extra.assetTransferMethod`);
}

function eip3009In(proof: Part, network: Caip2, token: EvmAddress) {
  if (proof.value('authorization') === undefined && proof.value('permit2Authorization') !== undefined)
    throw new Misread('unsupported_payload_type', `${PAYLOAD}.payload.permit2Authorization`);
  const authorization = proof.part('authorization');
  const { signature, wrapped } = signatureIn(proof);
  const transfer = {
    method: 'eip3009',
    network,
    token,
    from: authorization.address('from'),
    to: authorization.address('to'),
    value: authorization.amount('value'),
    validAfterSec: authorization.seconds('validAfter'),
    validBeforeSec: authorization.seconds('validBefore'),
    nonce: authorization.parsed('nonce', parseHex32),
    signature,
  } as const;
  return { transfer, wrapped, payer: authorization.text('from'), spender: null };
}

/** An identifier of the wrong form is no identifier to rely on: refused rather than ignored. */
function identifierIn(payload: Part): string | null {
  const extension = payload.maybePart('extensions')?.maybePart('payment-identifier');
  const id = extension?.maybePart('info')?.maybeText('id') ?? null;
  if (id !== null && !/^[A-Za-z0-9_-]{16,128}$/.test(id))
    throw new Misread('invalid_payload', `${PAYLOAD}.extensions.payment-identifier.info.id`);
  return id;
}
