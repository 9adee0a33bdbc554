// The facilitator over this installation's chains and registry.
import type { Caip2 } from '#domain';
import type { AnswerRights, FacilitatorPorts, Ports, SettlementDesk } from '#engine';
import { createPaymentChecks, recoverAddress, type RpcPanel } from '#evm';
import type { Config } from './config.js';

export interface Facilitator {
  readonly access: 'keys' | 'open';
  readonly ports: FacilitatorPorts;
  readonly settleWithinMs: number;
}

/** What brings transfers on chain. */
export interface Settling {
  readonly desk: SettlementDesk;
  /** Accounts that broadcast. */
  readonly accounts: FacilitatorPorts['accounts'];
}

export interface FacilitatorParts {
  readonly panels: ReadonlyMap<Caip2, RpcPanel>;
  readonly rights: AnswerRights;
  readonly settling: Settling | null;
}

/** Null where it is switched off, or where nothing brings transfers on chain. */
export function composeFacilitator(
  { facilitator: { access, settleWithinMs } }: Pick<Config, 'facilitator'>,
  { assets, clock, logger }: Pick<Ports, 'assets' | 'clock' | 'logger'>,
  { panels, rights, settling }: FacilitatorParts,
): Facilitator | null {
  if (access === 'off' || settling === null) return null;
  return {
    access,
    settleWithinMs,
    ports: {
      ...settling,
      rights,
      assets,
      clock,
      logger,
      recover: (digest, signature) => recoverAddress(Buffer.from(digest.slice(2), 'hex'), signature),
      checks: createPaymentChecks({ panels }),
    },
  };
}
