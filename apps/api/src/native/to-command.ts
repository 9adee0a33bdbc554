import {
  parseAtomic,
  parseCaip2,
  parseEvmAddress,
  parseOperationId,
  PERMIT2,
  refuse,
  type Json,
  type OperationRequest,
} from '#domain';
import { settleByOf, type Ports, type SubmitRequest } from '#engine';
import { forwardOf } from '../http/forward.js';
import type { ExpectDto, SubmitDto } from './operations.dto.js';

const DEFAULT_TIMEOUT_MS = 30_000;

/** Pure: the native request as the core's command. Refuses when no ceiling is named: nothing is bought at any price. */
export function toCommand(dto: SubmitDto): { request: SubmitRequest; body: Uint8Array | null } {
  if (dto.kind === 'allowance') return { request: allowanceOf(dto), body: null };
  for (const field of OF_ALLOWANCES)
    if (dto[field] !== undefined) throw refuse('validation_failed', { field, reason: 'only_for_allowance' });
  if (!hasUrl(dto)) throw refuse('validation_failed', { field: 'url', reason: 'needed' });
  if (dto.kind === 'settle' && dto.challenge === undefined) assertNamed(dto.expect ?? {});
  if (dto.max_amount === undefined && dto.expect?.amount === undefined)
    throw refuse('validation_failed', { field: 'max_amount', reason: 'needed_unless_expect_amount' });
  if (dto.challenge !== undefined && dto.kind === 'purchase')
    throw refuse('validation_failed', { field: 'challenge', reason: 'not_for_purchase' });
  if (dto.settle !== undefined && dto.kind !== 'settle')
    throw refuse('validation_failed', { field: 'settle', reason: 'only_for_settle' });
  const { body, ...forward } = forwardOf(dto);
  return {
    body,
    request: {
      kind: dto.kind,
      ...forward,
      maxAmount: dto.max_amount === undefined ? null : parseAtomic(dto.max_amount, 'max_amount'),
      expect: expectOf(dto.expect ?? {}),
      challenge: challengeOf(dto.challenge as Json | undefined),
      ...(dto.settle === undefined ? {} : { settleBy: dto.settle }),
      allowReplay: dto.allow_replay ?? false,
      ...allowDuplicateOf(dto),
      timeoutMs: dto.timeout_ms ?? DEFAULT_TIMEOUT_MS,
      ...(dto.category === undefined ? {} : { category: dto.category }),
      ...(dto.cost_centre === undefined ? {} : { costCentre: dto.cost_centre }),
      note: dto.note ?? null,
    },
  };
}

function allowDuplicateOf({ allow_duplicate: allowed }: SubmitDto): Pick<SubmitRequest, 'allowDuplicate'> {
  if (allowed === undefined) return {};
  return { allowDuplicate: allowed === true ? 'any' : parseOperationId(allowed) };
}

const hasUrl = (dto: SubmitDto): dto is SubmitDto & { readonly url: string } => dto.url !== undefined;

const OF_ALLOWANCES = ['network', 'asset', 'amount'] as const;
const OF_PAYMENTS = [
  'url',
  'method',
  'headers',
  'body',
  'body_base64',
  'max_amount',
  'expect',
  'challenge',
  'settle',
  'allow_replay',
  'allow_duplicate',
  'category',
  'cost_centre',
  'timeout_ms',
] as const;

/** There is no seller, and the spender is always Permit2. Which wallet, the agent's own rules say. */
function allowanceOf(dto: SubmitDto): SubmitRequest {
  for (const field of OF_PAYMENTS)
    if (dto[field] !== undefined) throw refuse('validation_failed', { field, reason: 'not_for_allowance' });
  const { network, asset, amount } = dto;
  if (network === undefined || asset === undefined || amount === undefined) {
    const field = OF_ALLOWANCES.find((it) => dto[it] === undefined) ?? '';
    throw refuse('validation_failed', { field, reason: 'needed_for_allowance' });
  }
  const value = parseAtomic(amount, 'amount');
  return {
    kind: 'allowance',
    url: 'purser://permit2/allowance',
    method: 'GET',
    headers: {},
    maxAmount: value,
    expect: {
      payTo: PERMIT2,
      amount: value,
      network: parseCaip2(network, 'network'),
      asset: parseEvmAddress(asset, 'asset'),
    },
    challenge: null,
    settleBy: 'direct',
    allowReplay: false,
    timeoutMs: DEFAULT_TIMEOUT_MS,
    note: dto.note ?? null,
  };
}

/** Where nobody can bring it on chain, or not in the way that is asked for, it is not accepted; terms in a challenge are looked at later. */
export function assertSettles(
  ports: Pick<Ports, 'broadcasts' | 'facilitators' | 'assets'>,
  { kind, settle, expect, network }: Pick<SubmitDto, 'kind' | 'settle' | 'expect' | 'network'>,
): void {
  if (
    kind === 'allowance' &&
    network !== undefined &&
    settleByOf(ports, parseCaip2(network), 'direct') === null
  )
    throw refuse('validation_failed', { field: 'kind', reason: 'nothing_settles_here' });
  if (kind !== 'settle') return;
  const networks =
    expect?.network === undefined
      ? [...new Set(ports.assets.all().map((asset) => asset.network))]
      : [parseCaip2(expect.network, 'expect.network')];
  if (networks.some((network) => settleByOf(ports, network, settle) !== null)) return;
  const field = settle === undefined ? 'kind' : 'settle';
  throw refuse('validation_failed', { field, reason: 'nothing_settles_here' });
}

/** Nobody else is asked what to pay, so nothing may be left open. */
function assertNamed(expect: ExpectDto): void {
  for (const name of ['pay_to', 'amount', 'network', 'asset'] as const)
    if (expect[name] === undefined)
      throw refuse('validation_failed', { field: `expect.${name}`, reason: 'needed_to_settle' });
}

/** Kept as text: the canonical form that fingerprints are taken over knows no fractions, and sellers' schemas do. */
function challengeOf(challenge: Json | undefined): string | null {
  if (challenge === undefined) return null;
  return typeof challenge === 'string' ? challenge : JSON.stringify(challenge);
}

function expectOf({ pay_to, amount, network, asset }: ExpectDto): OperationRequest['expect'] {
  return {
    ...(pay_to === undefined ? {} : { payTo: parseEvmAddress(pay_to, 'expect.pay_to') }),
    ...(amount === undefined ? {} : { amount: parseAtomic(amount, 'expect.amount') }),
    ...(network === undefined ? {} : { network: parseCaip2(network, 'expect.network') }),
    ...(asset === undefined ? {} : { asset: parseEvmAddress(asset, 'expect.asset') }),
  };
}
