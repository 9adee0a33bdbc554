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
import { planTopUp, topUp } from '../use-cases/top-up.js';

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
  /**
   * Claims what these wallets (null: all), and those of policies not looked at yet, lack; also returns claims whose operation was never noted.
   * One claim per policy at a time, and per day no more than its cap.
   */
  claim(network: Caip2, wallets: readonly WalletId[] | null): Promise<readonly FloatClaim[]>;
  opened(claim: FloatClaim, operationId: OperationId): Promise<void>;
  /** Nothing was opened: the claim counts for nothing. True when the problem is not the one it had before. */
  giveBack(claim: FloatClaim, problem: string): Promise<boolean>;
}

export class Floats {
  constructor(
    private readonly ports: Ports,
    private readonly store: FloatStore,
    private readonly network: Caip2,
  ) {}

  /** After these wallets were read (null: all). Never throws: the watcher has more to do than this. */
  async check(wallets: readonly WalletId[] | null): Promise<void> {
    try {
      const ended = await this.store.ended(this.network);
      for (const { problem, isNew, ...float } of ended)
        if (problem !== null && isNew) this.tell(float, problem);
      const due = wallets && [...wallets, ...ended.map((it) => it.walletId)];
      for (const claim of await this.store.claim(this.network, due)) await this.fill(claim);
    } catch (error) {
      this.ports.logger.error({ network: this.network, error }, 'float policies could not be looked at');
    }
  }

  private async fill(claim: FloatClaim): Promise<void> {
    const { workspaceId, walletId, agentId, address, network, token, amount, serial, person } = claim;
    const wallet = { workspaceId, walletId, agentId, address, status: 'active', role: 'payments' } as const;
    try {
      const plan = await planTopUp(this.ports, { wallet, network, token, amount });
      const { operationId } = await topUp(this.ports, plan, {
        key: `float\n${walletId}/${network}/${token}/${serial}`,
        by: { actor: { type: 'system', id: `float/${walletId}` }, person },
        note: 'float policy',
      });
      await this.store.opened(claim, operationId);
    } catch (error) {
      // Paused, or nothing to pay from: told once, and tried again in a minute. Anything else keeps the claim for the next look.
      if (!(error instanceof Refusal)) throw error;
      if (await this.store.giveBack(claim, error.code))
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
