import type { Hex32, WorkspaceId } from '#domain';
import type { Adoption, ForgottenUse } from '#engine';
import { NETWORK } from './builders.js';
import type { MemoryDatabase } from './memory-database.js';

/** What a restored database forgot, by what its watcher recorded since. */
export class MemoryAdoption implements Adoption {
  /** Rises with a restore; in the first life nothing can have been forgotten. */
  clusterEpoch = 1;
  /** Has the watcher scanned a final block later than the end of the quarantine? */
  compared = true;

  constructor(private readonly database: MemoryDatabase) {}

  find(workspaceId: WorkspaceId, nonce: Hex32): Promise<ForgottenUse> {
    return Promise.resolve(this.clusterEpoch === 1 ? { kind: 'none' } : this.recorded(workspaceId, nonce));
  }

  firstUsed(_workspaceId: WorkspaceId, nonces: () => readonly Hex32[]): Promise<number | null | 'not_yet'> {
    if (this.clusterEpoch === 1) return Promise.resolve(null);
    const used = new Set(
      this.database.exceptions.filter((it) => it.kind === 'unknown_nonce').map((it) => it.nonce),
    );
    const place = nonces().findIndex((nonce) => used.has(nonce));
    if (place >= 0) return Promise.resolve(place);
    return Promise.resolve(this.compared ? null : 'not_yet');
  }

  private recorded(workspaceId: WorkspaceId, nonce: Hex32): ForgottenUse {
    const use = this.database.exceptions.find((it) => it.kind === 'unknown_nonce' && it.nonce === nonce);
    if (!use) return { kind: this.compared ? 'none' : 'not_yet' };
    const { transfer, txHash } = use;
    const wallet = [...this.database.wallets.values()].find(
      (it) => it.workspaceId === workspaceId && it.address === use.address,
    );
    if (!transfer || !wallet) return { kind: 'unclear', txHash: txHash as Hex32 };
    const { token, from, to, value, blockNumber, blockHash, logIndex, method, facilitator } = transfer;
    return {
      kind: 'paid',
      walletId: wallet.walletId,
      payment: {
        method: method ?? 'eip3009',
        network: NETWORK,
        token,
        from,
        to,
        value,
        ...(facilitator === undefined ? {} : { facilitator }),
      },
      settlement: { txHash: transfer.txHash, blockNumber, blockHash, logIndex },
    };
  }
}
