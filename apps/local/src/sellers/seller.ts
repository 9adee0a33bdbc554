import type { Server } from 'node:http';
import type { FacilitatorClient } from '@x402/core/server';
import type { Express } from 'express';
import type { Address, Hex } from 'viem';

/** What every demo seller can be told. */
export interface SellerOptions {
  /** The local node the seller's own facilitator broadcasts to. */
  readonly rpcUrl: string;
  /** A free loopback port if not given. */
  readonly port?: number;
  /** Who gets the money; a fresh address if not given. */
  readonly payTo?: Address;
  /** Signs the settlement transactions; must be this seller's alone. A fresh, funded one if not given. */
  readonly broadcastKey?: Hex;
  /** Verifies and settles for this seller; a stock one in its own process if not given. */
  readonly facilitator?: FacilitatorClient;
}

/** What a seller saw, for tests to compare with the chain. */
export interface SellerCounters {
  requests: number;
  /** Answers asking for payment. */
  challenged: number;
  /** Payments its facilitator settled. */
  settled: number;
  /** Settlements its facilitator refused or failed. */
  refused: number;
  /** Paid goods handed out. */
  delivered: number;
  /** Answers repeated for a payment identifier already served. */
  replayed: number;
}

export interface Seller {
  /** Base URL, without a trailing slash. */
  readonly url: string;
  readonly payTo: Address;
  readonly counters: SellerCounters;
  readonly stop: () => Promise<void>;
}

export const newCounters = (): SellerCounters => ({
  requests: 0,
  challenged: 0,
  settled: 0,
  refused: 0,
  delivered: 0,
  replayed: 0,
});

/** Serves the app on loopback. `GET /counters` shows what the seller saw, to whoever runs it as a process. */
export async function serve(
  app: Express,
  { port = 0, payTo, counters }: { port?: number | undefined; payTo: Address; counters: SellerCounters },
): Promise<Seller> {
  app.get('/counters', (_request, response) => void response.json({ payTo, ...counters }));
  const server = await new Promise<Server>((resolve, reject) => {
    const listening = app.listen(port, '127.0.0.1', (error) => (error ? reject(error) : resolve(listening)));
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the seller has no TCP port');
  const stop = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  return { url: `http://127.0.0.1:${address.port}`, payTo, counters, stop };
}
