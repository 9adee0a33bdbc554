import { createServer } from 'node:net';

const handedOut = new Set<number>();

/** A loopback port nobody listens on right now, never the same one twice; `preferred` if it is free. */
export async function freePort(preferred = 0): Promise<number> {
  for (let wanted = preferred; ; wanted = 0) {
    const port = await listenOnce(wanted).catch((error: unknown) => {
      if (wanted === 0) throw error;
      return undefined;
    });
    if (port === undefined || handedOut.has(port)) continue;
    handedOut.add(port);
    return port;
  }
}

function listenOnce(port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => {
      const address = server.address();
      server.close(() => {
        if (address === null || typeof address === 'string') reject(new Error('no TCP port was given'));
        else resolve(address.port);
      });
    });
  });
}
