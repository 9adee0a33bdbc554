/** How a request waits for something to change: it reads, and as long as that is no news, waits to be told, without asking the database meanwhile. */
export interface Waiting {
  readonly deadlineMs: number;
  /** Resolves when the process wants its requests to leave. */
  readonly stopped: Promise<void>;
  nowMs(): number;
  /** Something may have changed; early and spurious returns are allowed. */
  changed(): Promise<void>;
}

export async function awaitNews<Found>(
  waiting: Waiting,
  look: { readonly read: () => Promise<Found>; readonly isNews: (found: Found) => boolean },
): Promise<Found> {
  let left = false;
  void waiting.stopped.then(() => {
    left = true;
  });
  for (;;) {
    const found = await look.read();
    if (left || look.isNews(found) || waiting.nowMs() >= waiting.deadlineMs) return found;
    await Promise.race([waiting.changed(), waiting.stopped]);
  }
}
