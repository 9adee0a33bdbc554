import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { fetchKeys } from './fetch-keys.js';

const ends: (() => void)[] = [];
afterEach(() => {
  for (const end of ends.splice(0)) end();
});

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  ends.push(() => {
    server.closeAllConnections();
    server.close();
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks`;
}

it('brings the document', async () => {
  const url = await serve((_, response) => response.end('{"keys":[]}'));
  expect(await fetchKeys(url)).toEqual({ keys: [] });
});

it('follows nobody to another address', async () => {
  let reached = false;
  const elsewhere = await serve((_, response) => {
    reached = true;
    response.end('{"keys":[]}');
  });
  const url = await serve((_, response) => response.writeHead(302, { location: elsewhere }).end());
  await expect(fetchKeys(url)).rejects.toThrow();
  expect(reached).toBe(false);
});

it('takes no error, no endless answer and nothing but JSON', async () => {
  await expect(fetchKeys(await serve((_, response) => response.writeHead(500).end('{}')))).rejects.toThrow(
    '500',
  );
  await expect(fetchKeys(await serve((_, response) => response.end('<html>')))).rejects.toThrow();
  const endless = await serve((_, response) => {
    const timer = setInterval(() => response.write(Buffer.alloc(16_384, ' ')), 1);
    response.on('close', () => clearInterval(timer));
  });
  await expect(fetchKeys(endless)).rejects.toThrow('too large');
});

it('waits three seconds and no longer', async () => {
  const before = performance.now();
  await expect(fetchKeys(await serve(() => undefined))).rejects.toThrow();
  expect(performance.now() - before).toBeGreaterThan(2_500);
});
