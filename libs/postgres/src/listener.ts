// One connection that listens on one channel and comes back by itself. What is notified while nobody listens is lost (safety.md d.3.5), so
// every (re)connection says so, and whoever relies on it looks for itself.
import type { Logger } from '#engine';
import pg from 'pg';

export interface ListenerOptions {
  readonly connectionString: string;
  readonly channel: string;
  /** Shown by the database for this connection. */
  readonly name: string;
  readonly logger: Logger;
  readonly heard: (payload: string) => void;
  /** Listening from now on: whatever was notified before may have been missed. */
  readonly connected: () => void;
}

const MAX_RECONNECT_MS = 2_000;
const CONNECT_TIMEOUT_MS = 3_000;

export class Listener {
  private client: pg.Client | null = null;
  private reconnectMs = 50;
  private closed = false;

  constructor(private readonly options: ListenerOptions) {}

  start(): void {
    void this.listen();
  }

  async close(): Promise<void> {
    this.closed = true;
    const { client } = this;
    this.client = null;
    await client?.end().catch(() => undefined);
  }

  private async listen(): Promise<void> {
    if (this.closed) return;
    const client = new pg.Client({
      connectionString: this.options.connectionString,
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      keepAlive: true,
      application_name: this.options.name,
    });
    let lost = false;
    const reconnect = (error?: unknown): void => {
      if (lost) return;
      lost = true;
      client.end().catch(() => undefined);
      if (this.closed) return;
      const { channel, logger } = this.options;
      logger.warn({ channel, reason: codeOf(error) }, 'listening was interrupted');
      setTimeout(() => void this.listen(), this.reconnectMs).unref();
      this.reconnectMs = Math.min(MAX_RECONNECT_MS, this.reconnectMs * 2);
    };
    client.on('error', reconnect);
    client.on('end', reconnect);
    client.on('notification', ({ payload }) => this.options.heard(payload ?? ''));
    try {
      await client.connect();
      await client.query(`LISTEN ${this.options.channel}`);
    } catch (error) {
      return reconnect(error);
    }
    if (this.closed) return void client.end().catch(() => undefined);
    this.client = client;
    this.reconnectMs = 50;
    this.options.connected();
  }
}

/** A SQLSTATE or system code; messages may hold connection strings. */
export function codeOf(error: unknown): string {
  return (error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined) ?? 'unknown';
}
