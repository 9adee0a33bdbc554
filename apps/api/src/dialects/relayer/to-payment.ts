// Pure: a payment requirement becomes the core's request. There is no seller to ask: what the caller brings is a challenge of one offer.
import { parseAtomic, parseDecimal, parseEvmAddress, parseOperationId, refuse } from '#domain';
import type { AssetRegistry, RegisteredAsset } from '#engine';
import { stockChallenge } from '../../http/stock-offer.js';
import type { Command } from '../../http/submitting.js';
import { onlyUsdc, speaks, usdcOn } from './network.js';
import type { PayDto, PaymentRequirementDto } from './payments.dto.js';

/** Stands where the caller names no resource: rules about hosts see this name, which no host can have (RFC 2606). */
export const UNNAMED = 'https://unnamed.invalid/';
/** What stock sellers offer, and policy's own longest by default. */
const TIMEOUT_SEC = 300;
const WAIT_MS = 25_000;
const NOTE_CHARS = 500;

interface Wanted {
  readonly asset: RegisteredAsset;
  /** Network and payee in the caller's spelling. */
  readonly network: string;
  readonly recipient: string;
  /** Base units. */
  readonly amount: bigint;
  readonly resource: string;
  readonly note: string | null;
  /** Where the recipient stands, for refusals. */
  readonly recipientField: string;
}

export function toPayment(dto: PayDto, assets: Pick<AssetRegistry, 'all'>): Command {
  const wanted =
    dto.paymentRequirement === undefined ? flat(dto, assets) : nested(dto, dto.paymentRequirement, assets);
  const { asset, amount, resource, note } = wanted;
  const payTo = parseEvmAddress(wanted.recipient, wanted.recipientField);
  const { network, token } = asset;
  const url = new URL(resource);
  url.hash = '';
  return {
    body: null,
    waitMs: WAIT_MS,
    request: {
      kind: 'authorize',
      url: url.href,
      method: 'GET',
      headers: {},
      maxAmount: amount,
      expect: { payTo, amount, network, asset: token },
      challenge: dto.paymentRequired === undefined ? challengeOf(wanted) : textOf(dto.paymentRequired),
      ...(dto.allowDuplicate === undefined
        ? {}
        : { allowDuplicate: dto.allowDuplicate === true ? 'any' : parseOperationId(dto.allowDuplicate) }),
      allowReplay: false,
      timeoutMs: WAIT_MS,
      note,
    },
  };
}

const at = (field: string): string => `paymentRequirement.${field}`;
const FLAT = ['resource_url', 'amount', 'recipient', 'memo', 'chain', 'cluster'] as const;

function nested(dto: PayDto, it: PaymentRequirementDto, assets: Pick<AssetRegistry, 'all'>): Wanted {
  for (const field of FLAT)
    if (dto[field] !== undefined)
      throw refuse('validation_failed', { field, reason: 'not_beside_paymentRequirement' });
  const asset = usdcOn(assets, it.network, at('network'));
  return {
    asset,
    network: it.network,
    recipient: it.recipient,
    recipientField: at('recipient'),
    amount: positive(parseDecimal(asset.unit, it.amount, at('amount')), at('amount')),
    resource: it.resource ?? UNNAMED,
    note: noteOf(it.description),
  };
}

function flat(dto: PayDto, assets: Pick<AssetRegistry, 'all'>): Wanted {
  const { amount, recipient, chain, cluster, resource_url: resource } = dto;
  if (amount === undefined && recipient === undefined)
    throw refuse('validation_failed', { field: 'paymentRequirement', reason: 'missing' });
  if (amount === undefined) throw refuse('validation_failed', { field: 'amount', reason: 'missing' });
  if (recipient === undefined) throw refuse('validation_failed', { field: 'recipient', reason: 'missing' });
  if (chain !== undefined && cluster !== undefined)
    throw refuse('validation_failed', { field: 'cluster', reason: 'not_beside_chain' });
  const spelling = chain ?? cluster;
  const asset =
    spelling === undefined
      ? onlyUsdc(assets, 'chain')
      : usdcOn(assets, spelling, chain === undefined ? 'cluster' : 'chain');
  return {
    asset,
    network: spelling ?? asset.network,
    recipient,
    recipientField: 'recipient',
    amount: positive(parseAtomic(amount), 'amount'),
    resource: resource ?? UNNAMED,
    note: noteOf(dto.memo),
  };
}

function positive(amount: bigint, field: string): bigint {
  if (amount === 0n) throw refuse('invalid_amount', { field, reason: 'nothing_to_pay' });
  return amount;
}

const noteOf = (text: string | undefined): string | null =>
  text === undefined ? null : Array.from(text).slice(0, NOTE_CHARS).join('');

/** Kept as text, like what stands in its place. */
const textOf = (challenge: string | object): string =>
  typeof challenge === 'string' ? challenge : JSON.stringify(challenge);

function challengeOf({ asset, network: spelling, recipient: payTo, amount, resource }: Wanted): string {
  return stockChallenge({ asset, ...speaks(spelling), payTo, amount, resource, timeoutSec: TIMEOUT_SEC });
}
