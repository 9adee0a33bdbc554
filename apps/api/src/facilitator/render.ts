// Outcomes as x402 peers read them (x402.md 6). A "no" about a payment is HTTP 200; a request that is none of a payment is 400.
import { v1NameOf, type FacilitatorRequest, type ReadFacilitatorRequest } from '#x402';
import type { Caip2, EvmAddress } from '#domain';
import type { InvalidReason, Settled, Verified } from '#engine';
import type { Rendered } from '../http/dialect.js';

/** Where the reason alone does not say what to change. */
const MESSAGES: Partial<Record<InvalidReason | 'settlement_pending' | 'duplicate_settlement', string>> = {
  invalid_payment_requirements: 'paymentRequirements ask for an asset that is not registered, or for nothing',
  eip6492_factory_not_allowed: 'the payer is a wallet that is not deployed; nothing is deployed here',
  settlement_pending: 'the transfer is on its way; ask again with the same request',
  duplicate_settlement: 'the transfer was claimed by another request',
};

function messageFor(reason: string): string | undefined {
  return (MESSAGES as Readonly<Record<string, string | undefined>>)[reason];
}

export function renderVerified({ payer }: FacilitatorRequest, verified: Verified): Rendered {
  if (verified.kind === 'valid') return { status: 200, body: { isValid: true, payer } };
  return { status: 200, body: invalid(verified.reason, messageFor(verified.reason), payer) };
}

export function renderSettled(request: FacilitatorRequest, settled: Settled): Rendered {
  const { payer, networkName, scheme, amount } = request;
  const transaction = settled.txHash ?? '';
  if (settled.kind === 'settled') {
    const charged = scheme === 'upto' ? { amount: amount.toString() } : {};
    return { status: 200, body: { success: true, transaction, network: networkName, payer, ...charged } };
  }
  const reason = settled.kind === 'pending' ? 'settlement_pending' : settled.reason;
  return { status: 200, body: failed({ reason, transaction, network: networkName, payer }) };
}

/** Nothing that can be paid here: names the field and, where something is not supported, what is. */
export interface Unreadable {
  readonly reason: string;
  readonly field: string;
  readonly networkName: string;
}

export function renderUnverifiable(unreadable: Unreadable, networks: readonly Caip2[]): Rendered {
  return { status: 400, body: invalid(unreadable.reason, messageOf(unreadable, networks)) };
}

export function renderUnsettleable(unreadable: Unreadable, networks: readonly Caip2[]): Rendered {
  const { reason, networkName: network } = unreadable;
  const message = messageOf(unreadable, networks);
  return { status: 400, body: failed({ reason, message, transaction: '', network }) };
}

export function unreadableOf(
  read: Extract<ReadFacilitatorRequest, { ok: false }>,
  body: unknown,
): Unreadable {
  return { reason: read.reason, field: read.field, networkName: networkNameIn(body) };
}

const SUPPORT: ReadonlySet<string> = new Set([
  'unsupported_scheme',
  'unsupported_payload_type',
  'invalid_network',
]);

function messageOf({ reason, field }: Unreadable, networks: readonly Caip2[]): string {
  if (!SUPPORT.has(reason)) return `${field} is missing or malformed`;
  const names = networks.flatMap((network) => [network, v1NameOf(network) ?? []].flat());
  return `${field} is not supported; supported: exact by EIP-3009 or permit2, and upto, on ${names.join(', ')}`;
}

/** The seller's own word for the network, where it is a short one: an answer about a settlement has to carry it. */
function networkNameIn(body: unknown): string {
  const requirements = (body as { paymentRequirements?: { network?: unknown } } | null | undefined)
    ?.paymentRequirements;
  const name = requirements?.network;
  return typeof name === 'string' && /^[\w:-]{1,64}$/.test(name) ? name : '';
}

function invalid(reason: string, message: string | undefined, payer?: string): object {
  return {
    isValid: false,
    invalidReason: reason,
    ...(message === undefined ? {} : { invalidMessage: message }),
    ...(payer === undefined ? {} : { payer }),
  };
}

function failed(answer: {
  readonly reason: string;
  readonly message?: string;
  readonly transaction: string;
  readonly network: string;
  readonly payer?: string;
}): object {
  const { reason, message = messageFor(reason), transaction, network, payer } = answer;
  return {
    success: false,
    errorReason: reason,
    ...(message === undefined ? {} : { errorMessage: message }),
    transaction,
    network,
    ...(payer === undefined ? {} : { payer }),
  };
}

/** `accounts`: those that broadcast, by network. The first of them charges what is metered, and payers sign its address. */
export function renderSupported(accounts: ReadonlyMap<Caip2, readonly EvmAddress[]>): object {
  const kinds = [...accounts].flatMap(([network, [facilitatorAddress]]) => {
    const v1Name = v1NameOf(network);
    const exact = { x402Version: 2, scheme: 'exact', network };
    const upto = { x402Version: 2, scheme: 'upto', network, extra: { facilitatorAddress } };
    return [
      exact,
      ...(v1Name === undefined ? [] : [{ x402Version: 1, scheme: 'exact', network: v1Name }]),
      ...(facilitatorAddress === undefined ? [] : [upto]),
    ];
  });
  const signers = { 'eip155:*': [...accounts.values()].flat() };
  return { kinds, extensions: ['payment-identifier'], signers };
}
