/** How often to look whether npm is still there. */
const LOOK_MS = 1_000;

/**
 * Resolves once somebody wants us to stop: Ctrl-C, SIGTERM, or the end of the npm that started us. npm does not hand every signal on, and
 * whoever stops it means what it runs.
 */
export function untilInterrupted(): Promise<'interrupted'> {
  return new Promise((resolve) => {
    const stop = (): void => resolve('interrupted');
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, stop);
    if (process.env['npm_lifecycle_event'] === undefined) return;
    const parent = process.ppid;
    const look = setInterval(() => {
      if (process.ppid === parent) return;
      clearInterval(look);
      stop();
    }, LOOK_MS);
    look.unref();
  });
}
