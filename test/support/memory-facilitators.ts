// Facilitators of others in memory, who lie, keep what they are shown and use it later (settle mode F).
import { parseHex32, type Hex32 } from '#domain';
import type { FacilitatorAnswer, FacilitatorCall, RemoteFacilitators } from '#engine';
import { NETWORK } from './builders.js';
import { decodePayment, type WirePayment } from './memory-basics.js';
import type { MemoryChain } from './memory-chain.js';

export interface FacilitatorWorld {
  readonly chain: MemoryChain;
  sleep(ms: number): Promise<void>;
  /** Later than any answer. */
  later(run: () => void): void;
}

interface Conduct {
  readonly verify: FacilitatorAnswer;
  readonly settle?: (
    world: FacilitatorWorld,
    payment: WirePayment,
  ) => Promise<FacilitatorAnswer> | FacilitatorAnswer;
  /** What they do with what they were shown at `/verify`. */
  readonly keeps?: (world: FacilitatorWorld, payment: WirePayment) => void;
}

const answer = (
  kind: FacilitatorAnswer['kind'],
  reason: string | null = null,
  claimedTxHash: Hex32 | null = null,
) => ({
  kind,
  reason,
  claimedTxHash,
});
const YES = answer('yes');
const FOREIGN = parseHex32(`0x${'9'.repeat(64)}`);

export const CONDUCTS = {
  settles: { verify: YES, settle: ({ chain }, payment) => answer('yes', null, chain.submit(payment)) },
  claims_foreign_hash: { verify: YES, settle: () => answer('yes', null, FOREIGN) },
  calls_it_invalid: { verify: answer('no', 'invalid_exact_evm_signature') },
  calls_it_invalid_and_keeps_it: {
    verify: answer('no', 'invalid_exact_evm_signature'),
    keeps: (world, payment) => world.later(() => void world.chain.submit(payment)),
  },
  fails_and_mines_later: {
    verify: YES,
    settle: (world, payment) => {
      world.later(() => void world.chain.submit(payment));
      return answer('no', 'invalid_exact_evm_transaction_failed');
    },
  },
  pends: {
    verify: YES,
    settle: ({ chain }, payment) => answer('pending', 'settlement_pending', chain.submit(payment)),
  },
  pends_for_ever: { verify: YES, settle: () => answer('pending', 'settlement_pending') },
  times_out_and_mines: {
    verify: YES,
    settle: async (world, payment) => {
      await world.sleep(45_000);
      world.chain.submit(payment);
      return answer('silent', 'facilitator_timeout');
    },
  },
  bad_gateway: { verify: YES, settle: () => answer('silent', 'facilitator_error') },
  bad_gateway_after_mining: {
    verify: YES,
    settle: ({ chain }, payment) => {
      chain.submit(payment);
      return answer('silent', 'facilitator_error');
    },
  },
  is_away: { verify: answer('silent', 'facilitator_unreachable') },
  settles_twice: {
    verify: YES,
    settle: ({ chain }, payment) => {
      chain.submit(payment);
      return answer('yes', null, chain.submit(payment));
    },
  },
} as const satisfies Record<string, Conduct>;

export type FacilitatorConduct = keyof typeof CONDUCTS;
export const FACILITATOR_CONDUCTS = Object.keys(CONDUCTS) as readonly FacilitatorConduct[];

export class MemoryFacilitators implements RemoteFacilitators {
  names: readonly string[] = ['https://one.example/x402', 'https://two.example/x402'];
  /** What was asked of whom, with the payment that was shown. */
  readonly calls: { readonly question: string; readonly facilitator: string; readonly body: string }[] = [];

  constructor(
    private readonly world: FacilitatorWorld,
    private readonly conduct: (facilitator: string) => FacilitatorConduct,
  ) {}

  namesFor(network: string): readonly string[] {
    return network === NETWORK ? this.names : [];
  }

  verify(call: FacilitatorCall): Promise<FacilitatorAnswer> {
    const conduct: Conduct = CONDUCTS[this.conduct(call.facilitator)];
    const payment = this.shown('verify', call);
    conduct.keeps?.(this.world, payment);
    return Promise.resolve(conduct.verify);
  }

  async settle(call: FacilitatorCall): Promise<FacilitatorAnswer> {
    const payment = this.shown('settle', call);
    const conduct: Conduct = CONDUCTS[this.conduct(call.facilitator)];
    return (await conduct.settle?.(this.world, payment)) ?? answer('silent', 'facilitator_error');
  }

  private shown(question: string, { facilitator, body }: FacilitatorCall): WirePayment {
    const value = new TextDecoder().decode(body);
    this.calls.push({ question, facilitator, body: value });
    return decodePayment({ name: 'payment-signature', value });
  }
}
