// One row of bad input, and the two good requests that the rows spoil.
import type { Call } from '../../support/memory-api.js';

export const GOOD = { url: 'https://shop.example/item', max_amount: '20000' };
export const purchase = (body: unknown, over: Partial<Call> = {}): Call => ({
  method: 'POST',
  path: '/v1/agent/x402/purchase',
  key: 'k1',
  body,
  ...over,
});
export const submit = (body: unknown, over: Partial<Call> = {}): Call => ({
  method: 'POST',
  path: '/purser/v1/operations',
  key: 'k1',
  body,
  ...over,
});

export interface Row {
  readonly bad: string;
  readonly call: Call;
  readonly status: number;
  /** Our code: `error.code` natively, `error.details.cause` in the Hightop dialect. */
  readonly code: string;
  readonly field?: string;
}
