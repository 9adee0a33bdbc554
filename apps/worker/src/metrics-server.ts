import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { WorkerCore } from './worker-core.js';

/** /metrics and /health for this host only: whoever scrapes from elsewhere goes through an agent on the host. */
export class MetricsServer {
  private server: Server | undefined;

  constructor(
    private readonly core: Pick<WorkerCore, 'metrics'>,
    private readonly isReady: () => boolean,
  ) {}

  /** Returns the port, which matters when any free one was asked for. */
  async start(port: number): Promise<number> {
    const server = createServer((request, response) => this.answer(request, response));
    this.server = server;
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, '127.0.0.1', resolve);
    });
    return (server.address() as AddressInfo).port;
  }

  stop(): void {
    this.server?.close();
    this.server?.closeAllConnections();
  }

  private answer(request: IncomingMessage, response: ServerResponse): void {
    if (request.method !== 'GET') {
      response.writeHead(405).end();
    } else if (request.url === '/health/live') {
      response.writeHead(200).end('ok\n');
    } else if (request.url === '/health/ready') {
      response.writeHead(this.isReady() ? 200 : 503).end();
    } else if (request.url === '/metrics') {
      const { metrics } = this.core;
      metrics.scrape().then(
        (text) => response.writeHead(200, { 'content-type': metrics.contentType }).end(text),
        () => response.writeHead(503).end(),
      );
    } else {
      response.writeHead(404).end();
    }
  }
}
