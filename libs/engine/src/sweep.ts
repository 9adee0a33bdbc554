// What makes losing all of Redis harmless: whatever is due is found in Postgres and woken again (L2, L3).
import type { OperationId } from '#domain';
import type { Ports } from './ports.js';

const BATCH = 500;

/** Wakes every operation that is due or whose lease ran out. Returns how many. */
export async function sweep(ports: Ports): Promise<number> {
  const due = await ports.operations.due(BATCH);
  if (due.length > 0) ports.waker.wake(due);
  return due.length;
}

/** Keeps the leases of running drives alive, and tells a drive to stop when its lease is lost. Call `tick` every third of a lease. */
export class LeaseKeeper {
  private readonly held = new Map<
    OperationId,
    { readonly leaseEpoch: number; readonly abort: AbortController }
  >();

  constructor(private readonly ports: Ports) {}

  hold(operationId: OperationId, leaseEpoch: number, abort: AbortController): void {
    this.held.set(operationId, { leaseEpoch, abort });
  }

  drop(operationId: OperationId): void {
    this.held.delete(operationId);
  }

  get size(): number {
    return this.held.size;
  }

  async tick(): Promise<void> {
    const leases = [...this.held].map(([operationId, { leaseEpoch }]) => ({ operationId, leaseEpoch }));
    if (leases.length === 0) return;
    for (const operationId of await this.ports.operations.renew(leases))
      this.held.get(operationId)?.abort.abort();
  }

  /** Shutdown: no drive begins another effect. */
  abortAll(): void {
    for (const { abort } of this.held.values()) abort.abort();
  }
}
