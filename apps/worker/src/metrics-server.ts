import { createServer, type Server } from 'node:http';
import type { Role } from './roles/role.js';
import type { WorkerCore } from './worker-core.js';

/** /metrics and /health/live for this host only: whoever scrapes from elsewhere goes through an agent on the host. */
export class MetricsServer implements Role {
  readonly name = 'metrics';
  private server: Server | undefined;

  constructor(
    private readonly core: WorkerCore,
    private readonly port: number,
  ) {}

  async start(): Promise<void> {
    const server = createServer((request, response) => {
      if (request.method !== 'GET') return void response.writeHead(405).end();
      if (request.url === '/health/live') return void response.writeHead(200).end('ok\n');
      if (request.url !== '/metrics') return void response.writeHead(404).end();
      this.core.metricsText().then(
        (text) => response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4' }).end(text),
        () => response.writeHead(503).end(),
      );
    });
    this.server = server;
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(this.port, '127.0.0.1', resolve);
    });
  }

  stop(): Promise<void> {
    this.server?.closeAllConnections();
    this.server?.close();
    return Promise.resolve();
  }
}
