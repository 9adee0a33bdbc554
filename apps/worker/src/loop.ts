import type { Logger } from '#engine';

export interface LoopOptions {
  readonly name: string;
  /** Pause between two turns. */
  readonly everyMs: number;
  readonly logger: Logger;
  /** True: there is more to do, do not pause. A number: pause so many milliseconds. */
  readonly turn: () => Promise<boolean | number>;
}

const MIN_PAUSE_AFTER_FAULT_MS = 1_000;

/** Takes turns for ever, never two at once. A turn that throws is logged and comes again: every turn starts from what is stored. */
export class Loop {
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> | null = null;
  private stopped = false;
  private again = false;

  constructor(private readonly options: LoopOptions) {}

  start(): void {
    this.timer = undefined;
    this.again = false;
    this.running = this.once();
  }

  /** Takes the next turn now, or right after the one in hand. */
  wake(): void {
    if (this.stopped) return;
    if (this.timer === undefined) this.again = true;
    else {
      clearTimeout(this.timer);
      this.start();
    }
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
      const more = await turn();
      if (this.again || more === true) pauseMs = 0;
      else if (more !== false) pauseMs = more;
    } catch (error) {
      logger.error({ loop: name, error }, 'a turn failed; it will be taken again');
      pauseMs = Math.max(everyMs, MIN_PAUSE_AFTER_FAULT_MS);
    }
    if (!this.stopped) this.timer = setTimeout(() => this.start(), pauseMs);
  }
}
