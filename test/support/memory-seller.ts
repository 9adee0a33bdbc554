// Sellers of every character behind one port. The host name says which; what they do with the payment is theirs to decide, as in life.
import { parseHex32, type Hex32, type Json, type Terms } from '#domain';
import type { OfferLimits, PaymentHeader, PresentAnswer, PriceAnswer, Seller, SellerRequest } from '#engine';
import { decodePayment, type WirePayment } from './memory-basics.js';
import { address, someTerms } from './builders.js';
import type { MemoryChain } from './memory-chain.js';

export interface SellerWorld {
  readonly chain: MemoryChain;
  nowMs(): number;
  sleep(ms: number): Promise<void>;
  chance(probability: number): boolean;
  /** Reads of the chain by workers fail for so long. */
  breakChainReads(ms: number): void;
  happened(what: string): void;
}

const FACILITATOR = address(0xfac1);

type Answer = Pick<PresentAnswer, 'outcome' | 'claimedTxHash'>;
type Behaviour = (world: SellerWorld, payment: WirePayment, shop: MemorySeller) => Promise<Answer>;

const answer = (outcome: PresentAnswer['outcome'], claimedTxHash: Hex32 | null = null): Answer => ({
  outcome,
  claimedTxHash,
});

/** What was used of a ceiling: nothing for one payment in eight, then nothing is broadcast. */
export function chargeOf({ method, value, nonce }: WirePayment): bigint {
  if (method !== 'upto') return value;
  const used = BigInt(nonce) % 8n;
  return (value * used) / 7n;
}

function broadcast({ chain }: SellerWorld, payment: WirePayment): Hex32 | null {
  const charge = chargeOf(payment);
  return charge === 0n ? null : chain.submit(payment, charge);
}

/** Broadcasts and waits until it is mined; null when it never was, or moved nothing. */
async function settle(world: SellerWorld, payment: WirePayment): Promise<Hex32 | null> {
  const { chain } = world;
  const hash = broadcast(world, payment);
  if (hash === null) return null;
  for (let waited = 0; waited < 40; waited += 1) {
    const receipt = chain.receipt(hash);
    if (receipt) return receipt.logs.length > 0 ? hash : null;
    await world.sleep(500);
  }
  return null;
}

const goodsFor = (hash: Hex32 | null): Answer => (hash ? answer('delivered', hash) : answer('refused'));

async function settleLate(world: SellerWorld, payment: WirePayment): Promise<void> {
  await world.sleep(Math.max(0, payment.validBeforeSec * 1000 - world.nowMs() - 10_000));
  broadcast(world, payment);
}

export const BEHAVIOURS = {
  clean: async (world, payment) => goodsFor(await settle(world, payment)),
  settle_then_timeout: async (world, payment) => {
    await settle(world, payment);
    await world.sleep(3_600_000);
    return answer('timeout');
  },
  error_after_settle: async (world, payment) => {
    await settle(world, payment);
    return answer('upstream_error');
  },
  second_402: async (world, payment) => {
    await settle(world, payment);
    return answer('refused');
  },
  slow: async (world, payment) => {
    const hash = await settle(world, payment);
    await world.sleep(6_000);
    return goodsFor(hash);
  },
  reconcile_fails: async (world, payment) => {
    const hash = await settle(world, payment);
    world.breakChainReads(4_000);
    return world.chance(0.5) ? answer('upstream_error', hash) : goodsFor(hash);
  },
  /** Declares the payment identifier: the same payment again gets the same goods. */
  replay_safe: async (world, payment, shop) => {
    const known = shop.sold.get(payment.operationId);
    if (known) return answer('delivered', known);
    const hash = await settle(world, payment);
    if (hash) shop.sold.set(payment.operationId, hash);
    return world.chance(0.5) ? answer('upstream_error') : goodsFor(hash);
  },
  redirect: async (world, payment) => {
    if (world.chance(0.5)) await settle(world, payment);
    return answer('redirected');
  },
  garbage_receipt: (world) =>
    Promise.resolve(answer('delivered', world.chance(0.5) ? parseHex32(`0x${'9'.repeat(64)}`) : null)),
  foreign_tx: (world) =>
    Promise.resolve(
      answer(
        'delivered',
        world.chain.blocks.findLast((block) => block.logs.length > 0)?.logs[0]?.txHash ?? null,
      ),
    ),
  front_run: async (world, payment) => {
    broadcast(world, payment);
    const hash = await settle(world, payment);
    return hash || world.chance(0.5) ? goodsFor(hash) : answer('upstream_error');
  },
  never_settles: () => Promise.resolve(answer('delivered')),
  unpaid_402: () => Promise.resolve(answer('refused')),
  late_settle: async (world, payment) => {
    await settleLate(world, payment);
    return answer('timeout');
  },
  refuses_then_settles_late: (world, payment) => {
    void settleLate(world, payment);
    return Promise.resolve(answer('refused'));
  },
  unreachable: async (world, payment) =>
    world.chance(0.7) ? answer('unreachable') : goodsFor(await settle(world, payment)),
  too_large: async (world, payment) => {
    await settle(world, payment);
    return answer('too_large');
  },
  /** Terms change between one question and the next. */
  price_changes: async (world, payment) => goodsFor(await settle(world, payment)),
  payee_changes: async (world, payment) => goodsFor(await settle(world, payment)),
  /** The payer's owner cancels the authorization on chain before the seller broadcasts. */
  voided: async (world, payment) => {
    if (payment.method === 'eip3009') world.chain.cancel(payment.from, payment.nonce);
    return goodsFor(await settle(world, payment));
  },
} as const satisfies Record<string, Behaviour>;

export type Mode = keyof typeof BEHAVIOURS;
export const MODES = Object.keys(BEHAVIOURS) as readonly Mode[];

export class MemorySeller implements Seller {
  readonly sold = new Map<string, Hex32>();
  /** Paid requests received, by operation: what a seller that acts on every request would have done. */
  readonly paidRequests = new Map<string, number>();
  private readonly asked = new Map<string, number>();

  constructor(private readonly world: SellerWorld) {}

  askPrice(request: SellerRequest, limits: OfferLimits): Promise<PriceAnswer> {
    return Promise.resolve(this.offer(request, limits));
  }

  readChallenge(
    _challenge: Json,
    resource: { readonly url: string; readonly method: string },
    limits: OfferLimits,
  ) {
    return this.offer(resource, limits);
  }

  async present(request: SellerRequest, header: PaymentHeader): Promise<PresentAnswer> {
    const payment = decodePayment(header);
    const { operationId } = payment;
    this.paidRequests.set(operationId, (this.paidRequests.get(operationId) ?? 0) + 1);
    const mode = modeOf(request.url);
    this.world.happened(`seller:${mode}`);
    const behaviour: Behaviour = BEHAVIOURS[mode];
    const { outcome, claimedTxHash } = await Promise.race([
      behaviour(this.world, payment, this),
      this.world.sleep(request.timeoutMs).then(() => answer('timeout')),
    ]);
    const body = new TextEncoder().encode('goods');
    const upstream = { status: outcome === 'delivered' ? 200 : 500, headers: {}, body };
    return {
      outcome,
      claimedTxHash,
      answer: outcome === 'timeout' || outcome === 'unreachable' ? null : upstream,
    };
  }

  private offer(
    { url, method }: { readonly url: string; readonly method: string },
    limits: OfferLimits,
  ): PriceAnswer {
    const { searchParams } = new URL(url);
    const mode = modeOf(url);
    const asked = (this.asked.get(url) ?? 0) + 1;
    this.asked.set(url, asked);
    const free = { status: 200, headers: {}, body: new Uint8Array() };
    if (searchParams.get('free') !== null) return { kind: 'free', answer: free };
    const base = someTerms();
    let amount = BigInt(searchParams.get('price') ?? '1000');
    if (mode === 'price_changes' && asked > 1) amount += 1_000n;
    if (limits.maxAmount !== null && amount > limits.maxAmount)
      return { kind: 'refused', code: 'price_above_maximum', details: { amount: amount.toString() } };
    const payTo: Terms['payTo'] =
      mode === 'payee_changes' && asked > 1 ? (`${base.payTo.slice(0, -1)}f` as Terms['payTo']) : base.payTo;
    const terms: Terms = {
      ...base,
      payTo,
      amount,
      resourceUrl: url,
      method,
      maxTimeoutSec: Number(searchParams.get('timeout') ?? '60'),
      ...methodOf(searchParams.get('pay')),
      wire: { identifier: mode === 'replay_safe' },
    };
    return { kind: 'terms', terms };
  }
}

function methodOf(asked: string | null): Pick<Terms, 'transferMethod' | 'facilitator'> {
  if (asked === 'upto') return { transferMethod: 'upto', facilitator: FACILITATOR };
  return asked === 'permit2' ? { transferMethod: 'permit2' } : {};
}

function modeOf(url: string): Mode {
  return new URL(url).hostname.split('.')[0]?.replaceAll('-', '_') as Mode;
}
