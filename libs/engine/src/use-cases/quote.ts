import type { OperationRequest, Terms } from '#domain';
import { judgeOffers, type Judged } from '../judge-terms.js';
import type { Ports } from '../ports.js';
import type { UpstreamAnswer } from '../seller-ports.js';
import type { AgentPrincipal, SubmitRequest } from './submit.js';

export type Quote =
  | { readonly kind: 'free'; readonly answer: UpstreamAnswer }
  | { readonly kind: 'priced'; readonly terms: Terms; readonly judged: Judged }
  | {
      readonly kind: 'unpayable';
      readonly code: import('#domain').ErrorCode;
      readonly details: import('#domain').ErrorDetails;
    };

/** What it would cost and what policy would say. Spends nothing and writes nothing. */
export async function quote(
  ports: Ports,
  principal: AgentPrincipal,
  request: SubmitRequest,
  body: Uint8Array | null,
): Promise<Quote> {
  const { url, method, headers, timeoutMs, maxAmount, expect } = request satisfies Omit<
    OperationRequest,
    'agentId' | 'bodyHash'
  >;
  const price = await ports.seller.askPrice(
    { workspaceId: principal.workspaceId, url, method, headers, timeoutMs, body },
    { maxAmount, ...expect },
  );
  if (price.kind === 'free') return price;
  if (price.kind === 'refused') return { kind: 'unpayable', code: price.code, details: price.details };
  return {
    kind: 'priced',
    ...(await judgeOffers(ports, { ...principal, request, body: () => Promise.resolve(body) }, price)),
  };
}
