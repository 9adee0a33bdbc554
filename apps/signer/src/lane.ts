/**
 * One piece of work at a time, in the order in which it came. Whatever reads, writes the ledger and moves the mark does it in here as a whole,
 * so that the ledger's order is this process's order, which the mark relies on.
 */
export class Lane {
  #busy = false;
  readonly #waiting: (() => void)[] = [];

  /** A free lane begins at once, within this call. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    // Whoever leaves hands the lane over, so nobody can slip in between.
    if (this.#busy) await new Promise<void>((begin) => this.#waiting.push(begin));
    this.#busy = true;
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#busy = false;
      else next();
    }
  }
}
