// Many single look-ups become few queries: what is asked while the event loop turns, or while queries are under way, goes out together.
// A look-up never joins a query that has already been sent, so each answer is at least as fresh as the moment it was asked.

export interface CoalesceOptions {
  readonly maxBatch?: number;
  /** Queries at once; more callers than this wait and share the next one. */
  readonly concurrency?: number;
}

interface Waiting<Key, Value> {
  readonly key: Key;
  readonly resolve: (value: Value) => void;
  readonly reject: (error: unknown) => void;
}

/** `load` answers in the order of its keys. When it fails, every caller of that batch gets the error. */
export function coalesce<Key, Value>(
  load: (keys: readonly Key[]) => Promise<readonly Value[]>,
  { maxBatch = 500, concurrency = 2 }: CoalesceOptions = {},
): (key: Key) => Promise<Value> {
  let queue: Waiting<Key, Value>[] = [];
  let running = 0;
  let scheduled = false;

  const run = async (batch: readonly Waiting<Key, Value>[]): Promise<void> => {
    try {
      const values = await load(batch.map((it) => it.key));
      if (values.length !== batch.length) throw new Error('a batched look-up lost answers');
      batch.forEach((it, index) => it.resolve(values[index] as Value));
    } catch (error) {
      for (const it of batch) it.reject(error);
    } finally {
      running -= 1;
      flush();
    }
  };
  const flush = (): void => {
    scheduled = false;
    while (running < concurrency && queue.length > 0) {
      const batch = queue.slice(0, maxBatch);
      queue = queue.slice(maxBatch);
      running += 1;
      void run(batch);
    }
  };
  return (key) =>
    new Promise((resolve, reject) => {
      queue.push({ key, resolve, reject });
      if (scheduled || running >= concurrency) return;
      scheduled = true;
      // After the sockets that are readable now have been read: their requests share one query.
      setImmediate(flush);
    });
}
