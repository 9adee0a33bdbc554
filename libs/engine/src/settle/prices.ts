// What gas costs, and what an account has to pay for it. Asked anew every second: a transaction begins with twice the base fee, and no chain
// doubles that in a second.
import type { EvmAddress } from '#domain';
import type { Clock } from '../ports.js';
import type { BroadcastChain } from './broadcast-ports.js';

export interface GasPrices {
  /** Wei per gas, this and the next. */
  readonly baseFeePerGas: bigint;
  readonly priorityFee: bigint;
  /** Wei that the account holds. */
  readonly balance: bigint;
  /** The block they were just read at; null: known from before. */
  readonly head: number | null;
}

const FRESH_MS = 1_000;

export class Prices {
  private readonly known = new Map<EvmAddress, { readonly atMs: number; readonly prices: GasPrices }>();

  constructor(private readonly deps: { readonly chain: BroadcastChain; readonly clock: Clock }) {}

  async of({ address }: { readonly address: EvmAddress }): Promise<GasPrices> {
    const { chain, clock } = this.deps;
    const known = this.known.get(address);
    if (known !== undefined && clock.nowMs() - known.atMs < FRESH_MS) return { ...known.prices, head: null };
    const atMs = clock.nowMs();
    const [{ number: head, baseFeePerGas }, priorityFee, balance] = await Promise.all([
      chain.latest(),
      chain.priorityFee(),
      chain.balance(address),
    ]);
    const prices = { baseFeePerGas, priorityFee, balance, head };
    this.known.set(address, { atMs, prices });
    return prices;
  }
}
