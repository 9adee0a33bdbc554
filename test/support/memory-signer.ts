import type { OperationId } from '#domain';
import type { CancelOutcome, OperationRef, SignOutcome, Signer } from '#engine';
import { fakeSignature } from './memory-basics.js';
import type { MemoryDatabase } from './memory-database.js';

/**
 * The signer with its own ledger: one digest per operation for ever, the same bytes for the same digest, and what is burned stays burned.
 * It looks at the committed rows itself before it signs anything new.
 */
export class MemorySigner implements Signer {
  readonly ledger = new Map<OperationId, string>();
  private readonly burned = new Set<OperationId>();
  /** Says no for reasons of its own (hard limits); answers once per operation and then for ever. */
  refuses: (operationId: OperationId) => boolean = () => false;
  /** Away or in quarantine: nothing is decided. */
  away: () => boolean = () => false;

  constructor(private readonly database: MemoryDatabase) {}

  /** Only when the operation's own log asks for it. */
  cancel({ operationId }: OperationRef): Promise<CancelOutcome> {
    if (this.away()) return Promise.resolve({ kind: 'unavailable', reason: 'signer_unavailable' });
    if (!this.isToBeKilled(operationId)) return Promise.resolve({ kind: 'refused', reason: 'not_asked_for' });
    return Promise.resolve({ kind: 'signed', signature: new Uint8Array(65).fill(27) });
  }

  private isToBeKilled(operationId: OperationId): boolean {
    const { events } = this.database;
    return events.some((it) => it.operationId === operationId && it.type === 'CancellationRequested');
  }

  sign({ operationId }: OperationRef): Promise<SignOutcome> {
    if (this.away()) return Promise.resolve({ kind: 'unavailable', reason: 'signer_unavailable' });
    if (this.isToBeKilled(operationId))
      return Promise.resolve({ kind: 'unavailable', reason: 'signer_unavailable' });
    if (this.burned.has(operationId)) return Promise.resolve({ kind: 'burned', reason: 'burned_before' });
    const row = this.database.ledger.get(operationId);
    if (!row) throw new Error('asked to sign what was never committed');
    const { digest, from, value, method } = row.authorization;
    const signed = this.ledger.get(operationId);
    if (signed !== undefined && signed !== digest) throw new Error('another digest for the same operation');
    if (signed === undefined) {
      const hold = this.database.budgets.reservations.get(operationId);
      const covered = method === 'allowance' || (hold?.state === 'held' && hold.amount >= value);
      if (!covered || this.refuses(operationId)) {
        this.burned.add(operationId);
        return Promise.resolve({ kind: 'burned', reason: covered ? 'hard_limit' : 'no_reservation' });
      }
      this.ledger.set(operationId, digest);
    }
    return Promise.resolve({ kind: 'signed', signature: Buffer.from(fakeSignature(digest, from), 'hex') });
  }
}
