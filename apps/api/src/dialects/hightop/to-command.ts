// Pure: a DTO becomes the core's request. Units, names and defaults end here.
import { parseAtomic, parseEvmAddress } from '#domain';
import type { SubmitRequest } from '#engine';
import { forwardOf } from '../../http/forward.js';
import type { Command } from '../../http/submitting.js';
import type { PurchaseDto, QuoteDto, SignDto } from './hightop.dto.js';

const DEFAULT_TIMEOUT_MS = 30_000;

export function toPurchase(dto: PurchaseDto): Command {
  return command(dto.url, dto, {
    kind: 'purchase',
    maxAmount: parseAtomic(dto.max_amount, 'max_amount'),
    note: dto.note ?? null,
  });
}

export function toAuthorize(dto: SignDto): Command {
  const amount = parseAtomic(dto.amount, 'amount');
  return command(dto.target_url, dto, {
    kind: 'authorize',
    maxAmount: amount,
    expect: { payTo: parseEvmAddress(dto.pay_to, 'pay_to'), amount },
    note: dto.note ?? null,
  });
}

export function toQuote(dto: QuoteDto): Command {
  return command(dto.url, dto, { kind: 'purchase', maxAmount: null });
}

function command(
  url: string,
  dto: Omit<QuoteDto, 'url'>,
  core: Pick<SubmitRequest, 'kind' | 'maxAmount'> & Partial<SubmitRequest>,
): Command {
  const { body, ...forward } = forwardOf({ ...dto, url });
  const timeoutMs = dto.timeout_ms ?? DEFAULT_TIMEOUT_MS;
  return {
    request: { expect: {}, challenge: null, allowReplay: false, note: null, ...forward, timeoutMs, ...core },
    body,
    waitMs: timeoutMs,
  };
}
