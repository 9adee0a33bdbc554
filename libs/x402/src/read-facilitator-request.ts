// What a seller asks a facilitator: `{x402Version, paymentPayload, paymentRequirements}` in v1 or v2 (x402.md 2, 4.1, 6) into one typed value.
// Strict about every field that means money, blind to all others; null counts as absent, since peers in Go and Python write it.
import {
  parseAtomic,
  parseCaip2,
  parseEvmAddress,
  parseHex32,
  type Authorization,
  type Caip2,
  type EvmAddress,
} from '#domain';
import { unwrapErc6492 } from './erc6492.js';
import { networkOfV1Name } from './networks.js';

/** ERC-1271 wallets send whatever their contract understands. */
export const MAX_SIGNATURE_BYTES = 4 * 1024;

type SignedAuthorization = Omit<Authorization, 'digest' | 'walletId'> & {
  readonly method: 'eip3009';
  /** What the payer's key, or the payer's contract, is asked about; must not be logged (S15). */
  readonly signature: Uint8Array;
};

/** A request to verify or settle an `exact` payment by EIP-3009. Nothing in it has been checked against anything. */
export interface FacilitatorRequest {
  readonly version: 1 | 2;
  readonly scheme: 'exact';
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
  /** The signature came in an ERC-6492 wrapper: the payer's wallet may not be deployed. */
  readonly wrapped: boolean;
  /** Of the v2 extension `payment-identifier`: 16 to 128 characters of `[A-Za-z0-9_-]`. */
  readonly paymentIdentifier: string | null;
}

/** Reason strings of x402.md 6. `unsupported_*` and `invalid_network`: well-formed, and nothing that is served here. */
export type FacilitatorFault =
  | 'invalid_x402_version'
  | 'invalid_payload'
  | 'invalid_payment_requirements'
  | 'invalid_exact_evm_failed_to_parse_signature'
  | 'unsupported_scheme'
  | 'unsupported_payload_type'
  | 'invalid_network';

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

class Misread extends Error {
  constructor(
    readonly reason: FacilitatorFault,
    readonly field: string,
  ) {
    super(reason);
  }
}

const PAYLOAD = 'paymentPayload';
const REQUIREMENTS = 'paymentRequirements';

function read(body: unknown): FacilitatorRequest {
  const top = new Part('', objectOf(body, 'invalid_payload', 'body'), 'invalid_payload');
  const payload = top.part(PAYLOAD, 'invalid_payload');
  const requirements = top.part(REQUIREMENTS, 'invalid_payment_requirements');
  const version = versionOf(top, payload);
  const { scheme, networkName, network } = kindOf(version, requirements);
  const claimed = version === 1 ? payload : payload.part('accepted');
  const extra = requirements.maybePart('extra');
  const proof = payload.part('payload');
  const method = extra?.maybeText('assetTransferMethod') ?? 'eip3009';
  if (method !== 'eip3009')
    throw new Misread('unsupported_payload_type', `${REQUIREMENTS}.extra.assetTransferMethod`);
  const asset = requirements.address('asset');
  const { transfer, wrapped, payer } = transferIn(proof, network, asset);
  return {
    version,
    scheme,
    network,
    networkName,
    asset,
    payTo: requirements.address('payTo'),
    amount: requirements.amount(version === 1 ? 'maxAmountRequired' : 'amount'),
    domainName: extra?.maybeText('name') ?? null,
    domainVersion: extra?.maybeText('version') ?? null,
    payloadScheme: claimed.text('scheme'),
    payloadNetworkName: claimed.text('network'),
    payer,
    transfer,
    wrapped,
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
  if (scheme !== 'exact') throw new Misread('unsupported_scheme', `${REQUIREMENTS}.scheme`);
  const network = version === 1 ? networkOfV1Name(networkName) : orUndefined(() => parseCaip2(networkName));
  if (network === undefined) throw new Misread('invalid_network', `${REQUIREMENTS}.network`);
  return { scheme, networkName, network } as const;
}

function transferIn(proof: Part, network: Caip2, token: EvmAddress) {
  if (proof.value('authorization') === undefined && proof.value('permit2Authorization') !== undefined)
    throw new Misread('unsupported_payload_type', `${PAYLOAD}.payload.permit2Authorization`);
  const authorization = proof.part('authorization');
  const { signature, wrapped } = signatureIn(proof);
  const transfer: SignedAuthorization = {
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
  };
  return { transfer, wrapped, payer: authorization.text('from') };
}

const HEX_BYTES = /^0x(?:[0-9a-fA-F]{2})+$/;

function signatureIn(proof: Part) {
  const hex = proof.text('signature');
  const field = `${PAYLOAD}.payload.signature`;
  if (hex.length > 2 + 2 * MAX_SIGNATURE_BYTES || !HEX_BYTES.test(hex))
    throw new Misread('invalid_payload', field);
  const bytes = new Uint8Array(hex.length / 2 - 1);
  for (let i = 0; i < bytes.length; i += 1) bytes[i] = Number.parseInt(hex.slice(2 + 2 * i, 4 + 2 * i), 16);
  const unwrapped = unwrapErc6492(bytes);
  if (unwrapped === undefined || unwrapped.signature.length === 0)
    throw new Misread('invalid_exact_evm_failed_to_parse_signature', field);
  return unwrapped;
}

/** An identifier of the wrong form is no identifier to rely on: refused rather than ignored. */
function identifierIn(payload: Part): string | null {
  const extension = payload.maybePart('extensions')?.maybePart('payment-identifier');
  const id = extension?.maybePart('info')?.maybeText('id') ?? null;
  if (id !== null && !/^[A-Za-z0-9_-]{16,128}$/.test(id))
    throw new Misread('invalid_payload', `${PAYLOAD}.extensions.payment-identifier.info.id`);
  return id;
}

/** An object of the request together with its place in it. */
class Part {
  constructor(
    private readonly place: string,
    private readonly object: Readonly<Record<string, unknown>>,
    private readonly reason: FacilitatorFault,
  ) {}

  /** Undefined where the field is absent or null; inherited names are absent. */
  value(name: string): unknown {
    return Object.hasOwn(this.object, name) ? (this.object[name] ?? undefined) : undefined;
  }

  part(name: string, reason: FacilitatorFault = this.reason): Part {
    const field = this.fieldOf(name);
    return new Part(`${field}.`, objectOf(this.value(name), reason, field), reason);
  }

  maybePart(name: string): Part | undefined {
    return this.value(name) === undefined ? undefined : this.part(name);
  }

  text(name: string): string {
    const value = this.value(name);
    if (typeof value !== 'string' || value === '') throw new Misread(this.reason, this.fieldOf(name));
    return value;
  }

  /** Empty text says as little as none. */
  maybeText(name: string): string | undefined {
    const value = this.value(name);
    return value === undefined || value === '' ? undefined : this.text(name);
  }

  address(name: string): EvmAddress {
    return this.parsed(name, parseEvmAddress);
  }

  amount(name: string): bigint {
    return this.parsed(name, parseAtomic);
  }

  /** Seconds travel as decimal text too. A time that no clock can reach is none. */
  seconds(name: string): number {
    const seconds = this.amount(name);
    if (seconds > BigInt(Number.MAX_SAFE_INTEGER)) throw new Misread(this.reason, this.fieldOf(name));
    return Number(seconds);
  }

  parsed<T>(name: string, parse: (text: unknown) => T): T {
    const value = orUndefined(() => parse(this.value(name)));
    if (value === undefined) throw new Misread(this.reason, this.fieldOf(name));
    return value;
  }

  private fieldOf(name: string): string {
    return `${this.place}${name}`;
  }
}

function objectOf(
  value: unknown,
  reason: FacilitatorFault,
  field: string,
): Readonly<Record<string, unknown>> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    return value as Readonly<Record<string, unknown>>;
  throw new Misread(reason, field);
}

/** The domain's parsers throw in the caller's language; here the place is known better. */
function orUndefined<T>(parse: () => T): T | undefined {
  try {
    return parse();
  } catch {
    return undefined;
  }
}
