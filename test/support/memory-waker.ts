import type { OperationId } from '#domain';
import type { Waker } from '#engine';

export interface QueueFaults {
  /** Copies of the wake-up that arrive, each after so many milliseconds; none: it is lost. */
  delaysMs(): readonly number[];
}

/** Redis, seen from the engine: may lose, repeat, delay and reorder anything. */
export class MemoryWaker implements Waker {
  constructor(
    private readonly faults: QueueFaults,
    private readonly after: (ms: number, run: () => void) => void,
    private readonly deliver: (operationId: OperationId) => void,
  ) {}

  wake(operationIds: readonly OperationId[]): void {
    for (const operationId of operationIds)
      for (const delayMs of this.faults.delaysMs()) this.after(delayMs, () => this.deliver(operationId));
  }
}
