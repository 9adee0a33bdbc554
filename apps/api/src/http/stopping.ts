import { awaitAnswer, viewOperation, type OperationView, type Ports, type Submitted } from '#engine';

/** Requests that wait for an operation must not hold up a stop: they are answered with what is known, and the caller polls. */
export class Stopping {
  private readonly waiting = new Set<() => void>();
  private begun = false;

  begin(): void {
    this.begun = true;
    for (const leave of this.waiting) leave();
  }

  /** Work that may wait, with a promise that resolves when waiting has to end. */
  async leaving<T>(work: (stopped: Promise<void>) => Promise<T>): Promise<T> {
    if (this.begun) return work(Promise.resolve());
    let leave: (() => void) | undefined;
    const stopped = new Promise<void>((resolve) => {
      leave = resolve;
      this.waiting.add(leave);
    });
    try {
      return await work(stopped);
    } finally {
      if (leave) this.waiting.delete(leave);
    }
  }

  /** `awaitAnswer`, unless the process stops first. */
  async awaitAnswer(ports: Ports, submitted: Submitted, deadlineMs: number): Promise<OperationView> {
    if (this.begun || ports.clock.nowMs() >= deadlineMs) return viewOperation(ports, submitted);
    let leave: (() => void) | undefined;
    const stopped = new Promise<null>((resolve) => {
      leave = () => resolve(null);
      this.waiting.add(leave);
    });
    const answer = awaitAnswer(ports, submitted, deadlineMs);
    try {
      const first = await Promise.race([answer, stopped]);
      if (first !== null) return first;
      // Left behind; whatever becomes of it, nobody asks any more.
      answer.catch(() => undefined);
      return await viewOperation(ports, submitted);
    } finally {
      if (leave) this.waiting.delete(leave);
    }
  }
}
