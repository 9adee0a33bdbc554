// Virtual time. Nothing in a simulation waits for a real clock: the earliest thing that is due happens next, and everything that follows
// from it without waiting happens before the one after it.
export class Scheduler {
  nowMs: number;
  private readonly heap: { readonly atMs: number; readonly order: number; readonly run: () => void }[] = [];
  private order = 0;

  constructor(startMs: number) {
    this.nowMs = startMs;
  }

  after(ms: number, run: () => void): void {
    this.push({ atMs: this.nowMs + ms, order: (this.order += 1), run });
  }

  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => this.after(ms, resolve));
  }

  /** Repeats until it answers false. */
  every(ms: number, run: () => boolean | void): void {
    this.after(ms, () => {
      if (run() !== false) this.every(ms, run);
    });
  }

  /** Runs until `untilMs`, or until `done` says so. */
  async run(untilMs: number, done: () => boolean = () => false): Promise<void> {
    for (let next = this.heap[0]; next && next.atMs <= untilMs && !done(); next = this.heap[0]) {
      this.pop();
      this.nowMs = next.atMs;
      next.run();
      await settled();
    }
    if (!done()) this.nowMs = Math.max(this.nowMs, untilMs);
  }

  private push(entry: (typeof this.heap)[number]): void {
    const { heap } = this;
    let index = heap.push(entry) - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!before(entry, heap[parent])) break;
      heap[index] = heap[parent] as typeof entry;
      index = parent;
    }
    heap[index] = entry;
  }

  private pop(): void {
    const { heap } = this;
    const last = heap.pop();
    if (heap.length === 0 || !last) return;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child + 1 < heap.length && before(heap[child + 1], heap[child])) child += 1;
      const candidate = heap[child];
      if (!candidate || !before(candidate, last)) break;
      heap[index] = candidate;
      index = child;
    }
    heap[index] = last;
  }
}

type Entry = { readonly atMs: number; readonly order: number } | undefined;

const before = (a: Entry, b: Entry): boolean =>
  a !== undefined && b !== undefined && (a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order));

/** All promise reactions that can run have run. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
