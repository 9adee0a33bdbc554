// Float policies at work: driven by the balances the watcher reads anyway, so nothing here asks about a wallet that nothing happened to.
import {
  Refusal,
  type AgentId,
  type Caip2,
  type EvmAddress,
  type OperationId,
  type WalletId,
  type WorkspaceId,
} from '#domain';
import type { Ports } from '../ports.js';
import { planTopUp, topUp, topUpId } from '../use-cases/top-up.js';

export interface FloatRow {
  readonly workspaceId: WorkspaceId;
  readonly walletId: WalletId;
  readonly network: Caip2;
  readonly token: EvmAddress;
}

/** A lack that this claim alone may fill, within the cap of its day. */
export interface FloatClaim extends FloatRow {
  /** Rises with every claim of the policy; makes the top-up's key. */
  readonly serial: number;
  readonly amount: bigint;
  /** Who set the policy. */
  readonly person: string;
  readonly agentId: AgentId;
  readonly address: EvmAddress;
}

export interface FloatStore {
  /** Closes the claims whose top-up has ended and, where it was paid, is seen in the balance. `isNew`: not the problem it had before. */
  ended(
    network: Caip2,
  ): Promise<readonly (FloatRow & { readonly problem: string | null; readonly isNew: boolean })[]>;
  /** Wallets with policies that nobody has looked at since they were set. */
  fresh(network: Caip2): Promise<readonly WalletId[]>;
  /**
   * Claims what these wallets (null: all) lack, at most so many; before them come claims whose operation does not exist, as after a crash or a refusal.
   * One claim per policy at a time, and per day no more than its cap: what was claimed is counted until its operation has ended unpaid.
   */
  claim(network: Caip2, wallets: readonly WalletId[] | null, limit: number): Promise<readonly FloatClaim[]>;
  /** Notes the operation before it is opened. False: the claim does not stand any more, and nothing may be opened for it. */
  begin(claim: FloatClaim, operationId: OperationId): Promise<boolean>;
  /** Nothing could be opened: tried again later, with the same key. True when the problem is not the one it had before. */
  putOff(claim: FloatClaim, problem: string): Promise<boolean>;
}

/** Claims filled at once. */
const AT_ONCE = 16;

export class Floats {
  /** Wallets to look at; null: all. Undefined: nothing was read since the last turn. */
  private due: ReadonlySet<WalletId> | null | undefined;

  constructor(
    private readonly ports: Ports,
    private readonly store: FloatStore,
    private readonly network: Caip2,
  ) {}

  /** These wallets were read (null: all). What follows from it is done in turns of its own, so that the watcher waits for none of it. */
  touched(wallets: readonly WalletId[] | null): void {
    this.due = wallets === null || this.due === null ? null : new Set([...(this.due ?? []), ...wallets]);
  }

  /** Looks at what was touched. True: there is more to do at once. What fails is looked at again with the next turn. */
  async turn(): Promise<boolean> {
    const { due } = this;
    if (due === undefined) return false;
    this.due = undefined;
    try {
      const full = await this.look(due);
      if (full) this.touched(due && [...due]);
      return full;
    } catch (error) {
      this.touched(due && [...due]);
      throw error;
    }
  }

  private async look(touched: ReadonlySet<WalletId> | null): Promise<boolean> {
    const { store, network } = this;
    const ended = await store.ended(network);
    for (const { problem, isNew, ...float } of ended)
      if (problem !== null && isNew) this.tell(float, problem);
    const also = [...ended.map((it) => it.walletId), ...(await store.fresh(network))];
    const due = touched && [...touched, ...also];
    const claims = await store.claim(network, due, AT_ONCE);
    const full = claims.length === AT_ONCE;
    if (full && touched) this.touched(also);
    const filled = await Promise.allSettled(claims.map((claim) => this.fill(claim)));
    const fault = filled.find((it) => it.status === 'rejected');
    if (fault) throw fault.reason;
    return full;
  }

  private async fill(claim: FloatClaim): Promise<void> {
    const { workspaceId, walletId, agentId, address, network, token, amount, serial, person } = claim;
    const wallet = { workspaceId, walletId, agentId, address, status: 'active', role: 'payments' } as const;
    const key = `float\n${walletId}/${network}/${token}/${serial}`;
    try {
      const plan = await planTopUp(this.ports, { wallet, network, token, amount });
      // On record before it exists: whatever happens to this process, the claim ends by its operation alone.
      if (!(await this.store.begin(claim, topUpId(this.ports, plan, key)))) return;
      const by = { actor: { type: 'system', id: `float/${walletId}` }, person } as const;
      await topUp(this.ports, plan, { key, by, note: 'float policy' });
    } catch (error) {
      // Paused, or nothing to pay from: told once, and tried again in a minute. Anything else keeps the claim for the next look.
      if (!(error instanceof Refusal)) throw error;
      if (await this.store.putOff(claim, error.code))
        this.tell({ workspaceId, walletId, network, token }, error.code);
    }
  }

  private tell(float: FloatRow, problem: string): void {
    this.ports.logger.error(
      { ...float, problem, alarm: 'float_stuck' },
      'a float policy could not top up its wallet',
    );
  }
}
