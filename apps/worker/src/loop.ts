import type { Logger } from '#engine';

export interface LoopOptions {
  readonly name: string;
  /** Pause between two turns. */
  readonly everyMs: number;
  readonly logger: Logger;
  /** True: there is more to do, do not pause. */
  readonly turn: () => Promise<boolean>;
}

const MIN_PAUSE_AFTER_FAULT_MS = 1_000;

/** Takes turns for ever, never two at once. A turn that throws is logged and comes again: every turn starts from what is stored. */
export class Loop {
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> | null = null;
  private stopped = false;

  constructor(private readonly options: LoopOptions) {}

  start(): void {
    this.running = this.once();
  }

  /** Resolves when the turn in hand has ended; no other begins. */
  async stop(): Promise<void> {
    this.stopped = true;
    clearTimeout(this.timer);
    await this.running;
  }

  private async once(): Promise<void> {
    const { name, everyMs, logger, turn } = this.options;
    let pauseMs = everyMs;
    try {
      if (await turn()) pauseMs = 0;
    } catch (error) {
      logger.error({ loop: name, error }, 'a turn failed; it will be taken again');
      pauseMs = Math.max(everyMs, MIN_PAUSE_AFTER_FAULT_MS);
    }
    if (!this.stopped) this.timer = setTimeout(() => this.start(), pauseMs);
  }
}
