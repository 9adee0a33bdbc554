// Servers that misbehave on demand, and the guarded fetch that is sent to them.
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import { createServer as createTcpServer, type AddressInfo, type Socket } from 'node:net';
import { createGuardedFetch, type GuardedFetchOptions, type GuardedRequest } from '#http';

const open: (() => Promise<unknown>)[] = [];

/** Ends every server and client that was started here; for after each test. */
export async function closeAll(): Promise<void> {
  await Promise.all(open.splice(0).map((close) => close()));
}

/** Ends only what was started last. */
export async function closeLast(): Promise<void> {
  await open.pop()?.();
}

export interface Running {
  readonly origin: string;
  readonly host: string;
  readonly seen: IncomingMessage[];
}

export async function serve(listener: RequestListener): Promise<Running> {
  const seen: IncomingMessage[] = [];
  const server: Server = createServer((request, response) => {
    seen.push(request);
    listener(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  open.push(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { origin: `http://${host}`, host, seen };
}

export async function serveRaw(onSocket: (socket: Socket) => void): Promise<Running> {
  const sockets = new Set<Socket>();
  const server = createTcpServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    onSocket(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  open.push(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { origin: `http://${host}`, host, seen: [] };
}

export function guarded(options: GuardedFetchOptions) {
  const http = createGuardedFetch(options);
  open.push(() => http.close());
  return http;
}

export function get(url: string, more: Partial<GuardedRequest> = {}): GuardedRequest {
  return { tenant: 't1', url, method: 'GET', headers: {}, body: null, timeoutMs: 5_000, ...more };
}
