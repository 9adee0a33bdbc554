// The same wishes in every dialect, for tests that mix them: buy this, and show me that. A new dialect adds a row.
import { SELLER, TOKEN } from './builders.js';
import type { Call } from './memory-api.js';

export interface Wish {
  readonly agentId: string;
  readonly url: string;
  /** null: the caller sends none. */
  readonly key: string | null;
}

export interface DialectCaller {
  readonly name: string;
  /** Callers without a key are refused in the request already. */
  readonly needsKey: boolean;
  /** `purchase`: Purser shows the payment to the seller; `authorize`: the caller does. */
  readonly kind: 'purchase' | 'authorize';
  buy(wish: Wish): Call;
  /** The header to show, out of an answer to `buy`. */
  payment(body: Readonly<Record<string, unknown>>): string | null;
  /** Everything that can be read by the id of an operation or an approval. */
  look(ids: { readonly operationId: string; readonly approvalId: string | null }): readonly Call[];
  /** Lists that only ever show the caller's own. */
  lists: readonly string[];
}

const MAX = '1000000';
const keyed = ({ key }: Wish): { key?: string } => (key === null ? {} : { key });
const text = (value: unknown): string | null => (typeof value === 'string' ? value : null);
/** The shop in memory names its price whatever it is shown. */
const PRICE = '10000';
const CHALLENGE = 'eyJ4NDAyVmVyc2lvbiI6Mn0=';

export const DIALECT_CALLERS: readonly DialectCaller[] = [
  {
    name: 'native',
    needsKey: true,
    kind: 'purchase',
    buy: (wish) => ({
      method: 'POST',
      path: '/purser/v1/operations',
      ...keyed(wish),
      body: { kind: 'purchase', url: wish.url, max_amount: MAX, wait_ms: 1_000 },
    }),
    payment: () => null,
    look: ({ operationId, approvalId }) => [
      { path: `/purser/v1/operations/${operationId}` },
      { path: `/purser/v1/operations/${operationId}/events` },
      { method: 'POST', path: `/purser/v1/operations/${operationId}/cancel`, body: {} },
      ...(approvalId === null
        ? []
        : [
            { path: `/purser/v1/approvals/${approvalId}`, as: 'approver2' },
            {
              method: 'POST' as const,
              path: `/purser/v1/approvals/${approvalId}/reject`,
              as: 'approver2',
              body: { reason: 'not mine' },
            },
          ]),
    ],
    lists: ['/purser/v1/operations', '/purser/v1/balances'],
  },
  {
    name: 'hightop purchase',
    needsKey: true,
    kind: 'purchase',
    buy: (wish) => ({
      method: 'POST',
      path: '/v1/agent/x402/purchase',
      ...keyed(wish),
      body: { url: wish.url, max_amount: MAX },
    }),
    payment: () => null,
    look: ({ operationId }) => [{ path: `/v1/agent/operations/${operationId}` }],
    lists: ['/v1/agent/operations', '/v1/agent/balances'],
  },
  {
    name: 'agentpay',
    needsKey: false,
    kind: 'authorize',
    buy: (wish) => ({
      method: 'POST',
      path: '/v1/pay',
      body: {
        paymentRequiredHeader: CHALLENGE,
        requestUrl: wish.url,
        ...(wish.key === null ? {} : { idempotencyKey: wish.key }),
      },
    }),
    payment: ({ paymentSignature }) => text(paymentSignature),
    look: () => [],
    lists: ['/v1/spend', '/wallets/me'],
  },
  {
    name: 'hightop sign',
    needsKey: true,
    kind: 'authorize',
    buy: (wish) => ({
      method: 'POST',
      path: '/v1/agent/x402/sign',
      ...keyed(wish),
      body: { target_url: wish.url, pay_to: SELLER, amount: PRICE },
    }),
    payment: ({ payment_header: header }) => text(header),
    look: ({ operationId }) => [{ path: `/v1/agent/operations/${operationId}?include=onchain` }],
    lists: ['/v1/agent/self', '/v1/agent/self/limits'],
  },
  {
    name: 'relayer',
    needsKey: false,
    kind: 'authorize',
    buy: (wish) => ({
      method: 'POST',
      path: `/v1/agents/${wish.agentId}/x402-pay`,
      ...keyed(wish),
      body: {
        paymentRequirement: {
          amount: '0.01',
          currency: 'USDC',
          network: 'base-sepolia',
          recipient: SELLER,
          resource: wish.url,
        },
      },
    }),
    payment: ({ data }) => text((data as Readonly<Record<string, unknown>>)['paymentHeader']),
    look: ({ approvalId }) =>
      approvalId === null
        ? []
        : [{ path: `/v1/signing/approvals/${approvalId}` }, { path: `/v1/agents/approvals/${approvalId}` }],
    lists: ['/v1/agents/approvals'],
  },
  {
    name: 'agnicpay',
    needsKey: false,
    kind: 'authorize',
    buy: (wish) => ({
      method: 'POST',
      path: '/api/sign-payment',
      ...keyed(wish),
      body: {
        paymentRequirements: { x402Version: 2, accepts: [{ scheme: 'exact' }] },
        requestData: { url: wish.url, method: 'GET' },
      },
    }),
    payment: ({ paymentHeader }) => text(paymentHeader),
    look: () => [],
    lists: ['/api/transactions', '/api/balance'],
  },
  {
    name: 'agnicpay fetch',
    needsKey: false,
    kind: 'purchase',
    buy: (wish) => ({
      method: 'POST',
      path: `/api/x402/fetch?url=${encodeURIComponent(wish.url)}&maxValue=${MAX}`,
      ...keyed(wish),
    }),
    payment: () => null,
    look: () => [],
    lists: ['/api/transactions?search=item'],
  },
  {
    name: 'agnicpay fetch',
    needsKey: false,
    kind: 'purchase',
    buy: (wish) => ({
      method: 'POST',
      path: `/api/x402/fetch?${new URLSearchParams({ url: wish.url, maxValue: MAX }).toString()}`,
      ...keyed(wish),
    }),
    payment: () => null,
    look: () => [],
    lists: ['/api/transactions', '/api/balance?network=base-sepolia'],
  },
  {
    name: 'agnicpay sign',
    needsKey: false,
    kind: 'authorize',
    buy: (wish) => ({
      method: 'POST',
      path: '/api/sign-payment',
      ...keyed(wish),
      body: {
        paymentRequirements: {
          accepts: [
            {
              scheme: 'exact',
              network: 'base-sepolia',
              maxAmountRequired: PRICE,
              maxTimeoutSeconds: 300,
              resource: wish.url,
              asset: TOKEN,
              payTo: SELLER,
            },
          ],
        },
        requestData: { url: wish.url, method: 'GET' },
      },
    }),
    payment: ({ paymentHeader }) => text(paymentHeader),
    look: () => [],
    lists: ['/api/tokens'],
  },
];
