// The facilitator over this installation's chains and registry.
import type { Caip2 } from '#domain';
import type { AnswerRights, FacilitatorPorts, Ports, SettlementDesk } from '#engine';
import { createPaymentChecks, recoverAddress, type EvmRpc } from '#evm';
import type { Config } from './config.js';

export interface Facilitator {
  readonly access: 'keys' | 'open';
  readonly ports: FacilitatorPorts;
  readonly settleWithinMs: number;
}

/** What brings transfers on chain. */
export interface Settling {
  readonly desk: SettlementDesk;
  /** Accounts that broadcast, on any network. */
  readonly signers: FacilitatorPorts['signers'];
}

/** Null where it is switched off, or where nothing brings transfers on chain. */
export function composeFacilitator(
  config: Config,
  ports: Pick<Ports, 'assets' | 'clock' | 'logger'>,
  rpcs: ReadonlyMap<Caip2, readonly EvmRpc[]>,
  rights: AnswerRights,
  settling: Settling | null,
): Facilitator | null {
  const { access, settleWithinMs } = config.facilitator;
  if (access === 'off' || settling === null) return null;
  const { assets, clock, logger } = ports;
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
      checks: createPaymentChecks({ rpcs }),
    },
  };
}
