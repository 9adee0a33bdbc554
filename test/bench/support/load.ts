// A load generator in a process of its own, as thin as it can be, so that on a machine with few cores the server under test gets
// what there is: keep-alive sockets, one request in flight on each, a fresh Idempotency-Key each.
import { fork } from 'node:child_process';
import { connect } from 'node:net';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';

export interface Load {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly connections: number;
  readonly requests: number;
  /** Distinguishes the keys of this run from all others. */
  readonly keyPrefix: string;
}

export interface LoadResult {
  readonly perSecond: number;
  readonly statuses: Readonly<Record<string, number>>;
}

/** Runs the load in a child process. @throws unless every request was answered with `expectStatus`. */
export async function applyLoad(load: Load, expectStatus: number): Promise<LoadResult> {
  const child = fork(fileURLToPath(import.meta.url), [], { execArgv: [] });
  try {
    const result = await new Promise<LoadResult>((resolve, reject) => {
      child.once('message', (message) => resolve(message as LoadResult));
      child.once('exit', () => reject(new Error('the load generator ended')));
      child.send(load);
    });
    if (result.statuses[expectStatus] !== load.requests)
      throw new Error(`answers by status: ${JSON.stringify(result.statuses)}, all should be ${expectStatus}`);
    return result;
  } finally {
    child.removeAllListeners('exit');
    child.kill();
  }
}

async function run(load: Load): Promise<LoadResult> {
  const { hostname, port, pathname } = new URL(load.url);
  const lines = [
    `POST ${pathname} HTTP/1.1`,
    `Host: ${hostname}:${port}`,
    'Content-Type: application/json',
    `Content-Length: ${Buffer.byteLength(load.body)}`,
    ...Object.entries(load.headers).map(([name, value]) => `${name}: ${value}`),
  ];
  const head = `${lines.join('\r\n')}\r\nIdempotency-Key: ${load.keyPrefix}`;
  const tail = `\r\n\r\n${load.body}`;
  const statuses: Record<string, number> = {};
  let sent = 0;
  const startedMs = performance.now();
  await Promise.all(
    Array.from({ length: load.connections }, async () => {
      const socket = connect(Number(port), hostname).setNoDelay(true);
      const answers = new Answers(socket);
      for (;;) {
        if (sent >= load.requests) break;
        sent += 1;
        socket.write(`${head}${sent}${tail}`);
        const status = await answers.next();
        statuses[status] = (statuses[status] ?? 0) + 1;
      }
      socket.destroy();
    }),
  );
  return { perSecond: (load.requests * 1000) / (performance.now() - startedMs), statuses };
}

/** Cuts answers out of a socket; every server measured here sends Content-Length. */
class Answers {
  private text = '';
  private waiting: ((status: string) => void) | undefined;

  constructor(socket: ReturnType<typeof connect>) {
    socket.setEncoding('latin1');
    socket.on('data', (chunk: string) => {
      this.text += chunk;
      this.deliver();
    });
    for (const event of ['error', 'close'] as const) socket.on(event, () => this.waiting?.('closed'));
  }

  next(): Promise<string> {
    return new Promise((resolve) => {
      this.waiting = resolve;
    });
  }

  private deliver(): void {
    const end = this.text.indexOf('\r\n\r\n');
    if (end < 0) return;
    const length = Number(/content-length: (\d+)/i.exec(this.text.slice(0, end))?.[1] ?? 0);
    if (this.text.length < end + 4 + length) return;
    const status = this.text.slice(9, 12);
    this.text = this.text.slice(end + 4 + length);
    this.waiting?.(status);
  }
}

if (process.send !== undefined && process.argv[1] === fileURLToPath(import.meta.url)) {
  process.once('message', (load) => {
    void run(load as Load).then((result) => process.send?.(result));
  });
}
