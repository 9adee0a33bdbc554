// Who calls too often is told so before anything is looked at, and nothing is bound. Counted per credential, once it is proven; and per
// address the wrong ones, so that guessing ends before it costs a look-up.
import type { FastifyReply } from 'fastify';
import { refuse, type Refusal } from '#domain';
import type { AccessScope, Presented, RateCounters, RateState } from '#engine';
import { networkOf, type LimitName, type RateLimitTable } from '#runtime';

export interface Limits {
  readonly counters: RateCounters;
  readonly table: RateLimitTable;
}

type RequestKind = 'read' | 'write' | 'payment' | 'simulate' | 'webhook_management';

/** By dialect; one that is not listed is counted like the native API. */
const CLASSES: Readonly<Record<string, Readonly<Record<RequestKind, LimitName>>>> = {
  hightop: {
    read: 'hightop.read',
    write: 'hightop.write',
    payment: 'hightop.write',
    simulate: 'hightop.simulate',
    webhook_management: 'hightop.webhook_management',
  },
  // Its history counts pages and totals, so every look goes through all of it.
  agnicpay: {
    read: 'native.simulate',
    write: 'native.write',
    payment: 'native.payment',
    simulate: 'native.simulate',
    webhook_management: 'native.webhook_management',
  },
  relayer: {
    read: 'relayer.other',
    write: 'relayer.other',
    payment: 'relayer.financial',
    simulate: 'relayer.other',
    webhook_management: 'relayer.other',
  },
};

/** By what the route declares, so that a route's class and its scope cannot drift apart. */
function kindOf(method: string, scope: AccessScope | undefined): RequestKind {
  if (scope === 'agent:webhooks:manage') return 'webhook_management';
  if (method === 'GET' || method === 'HEAD') return 'read';
  if (scope === 'agent:simulate') return 'simulate';
  return scope === 'agent:payments:write' ? 'payment' : 'write';
}

export function limitNameOf(dialect: string, method: string, scope: AccessScope | undefined): LimitName {
  const kind = kindOf(method, scope);
  return CLASSES[dialect]?.[kind] ?? `native.${kind}`;
}

/** Counts a call of a proven credential, tells the caller where it stands, and refuses when it is too many. */
export function takeCall(
  { counters, table }: Limits,
  reply: FastifyReply,
  { name, keyId }: { readonly name: LimitName; readonly keyId: string },
): void {
  const state = counters.take(table[name], keyId);
  const { limit } = state;
  reply.header('x-ratelimit-limit', limit.most);
  reply.header('x-ratelimit-remaining', state.remaining);
  reply.header('x-ratelimit-reset', new Date(state.resetsAtMs).toISOString());
  reply.header('x-ratelimit-window-seconds', limit.windowSec);
  if (!state.allowed) throw tooMany(reply, state);
}

function tooMany(reply: FastifyReply, { limit, count, retryAfterSec }: RateState): Refusal {
  reply.header('retry-after', retryAfterSec);
  const overBurst = count <= limit.most;
  return refuse('rate_limited', {
    limit_count: overBurst ? limit.burst : limit.most,
    attempted_count: count,
    window_seconds: overBurst ? 1 : limit.windowSec,
    retry_after_seconds: retryAfterSec,
  });
}

const REMEMBERED = 10_000;
const KNOWN_FOR_MS = 10 * 60_000;

/**
 * Wrong credentials by address. After too many of them only credentials that were good from there a while ago are looked at: behind one address
 * there may be others than who guesses, and they go on.
 */
export class Guesses {
  private readonly good = new Map<string, number>();

  constructor(
    private readonly limits: Limits,
    private readonly nowMs: () => number,
  ) {}

  /** Refuses to look at it. */
  check(reply: FastifyReply, ip: string, presented: Presented): void {
    const { counters, table } = this.limits;
    const state = counters.look(table.failures, networkOf(ip));
    if (state.count < table.failures.most) return;
    const until = this.good.get(`${ip} ${nameOf(presented)}`) ?? 0;
    if (this.nowMs() < until) return;
    const retryAfterSec = Math.max(1, Math.ceil((state.resetsAtMs - this.nowMs()) / 1000));
    throw tooMany(reply, { ...state, count: state.count + 1, retryAfterSec });
  }

  wasWrong(ip: string): void {
    this.limits.counters.take(this.limits.table.failures, networkOf(ip));
  }

  wasGood(ip: string, presented: Presented): void {
    if (this.good.size >= REMEMBERED) this.good.clear();
    this.good.set(`${ip} ${nameOf(presented)}`, this.nowMs() + KNOWN_FOR_MS);
  }
}

/** Which credential it claims to be, without what proves it. */
function nameOf(presented: Presented): string {
  switch (presented.kind) {
    case 'key':
      return presented.key.slice(0, presented.key.lastIndexOf('_', 40));
    case 'hmac':
      return presented.agentId;
    case 'bearer':
      return presented.token.slice(-40);
  }
}
