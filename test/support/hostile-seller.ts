// A seller (with its facilitator folded in) that behaves as badly as the published hostile ones (safety.md E7). It settles with the node's own
// unlocked account, so it is quick and needs no key; every mode counts what it did.
import {
  decodePaymentSignatureHeader,
  encodePaymentRequiredHeader,
  encodePaymentResponseHeader,
} from '@x402/core/http';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Hex } from 'viem';
import { unlockedBroadcast, type ShownPayment } from './unlocked-broadcast.js';

export const HOSTILE_MODES = [
  /** Settles, answers with goods and receipt. */
  'clean',
  /** Settles, then never answers. */
  'settle_then_timeout',
  /** Settles, then 500. */
  'error_after_settle',
  /** Settles, then asks for payment again. */
  'second_402',
  /** Settles after a long think, answers late. */
  'slow',
  /** Settles, says nothing usable: no receipt, and whoever asks for the transaction finds nothing by the hash it names. */
  'reconcile_read_fails',
  /** Does not settle now, tells the buyer that paying again is safe, and settles what it kept a moment later. */
  'replay_declared_safe',
] as const;
export type HostileMode = (typeof HOSTILE_MODES)[number];

export interface HostileSeller {
  readonly url: string;
  readonly host: string;
  readonly payTo: Hex;
  /** Distinct payment headers seen, by purchase path. */
  readonly presented: Map<string, Set<string>>;
  settled: number;
  close(): Promise<void>;
}

const FOREIGN_HASH: Hex = `0x${'ab'.repeat(32)}`;
const SLOW_MS = 2_000;

export interface HostileOptions {
  /** Read late: the seller's port must be known before the stack starts. */
  readonly rpcUrl: () => string;
  readonly token: Hex;
  readonly priceAtomic?: bigint;
  readonly payTo?: Hex;
  readonly maxTimeoutSec?: number;
  /** Its name on loopback; 127.0.0.1 if not given. */
  readonly hostName?: 'localhost';
}

/** Paths are `/<mode>/<anything>`; each path is one thing to buy. */
export async function startHostileSeller(options: HostileOptions): Promise<HostileSeller> {
  const payTo = options.payTo ?? '0x00000000000000000000000000000000005e11e4';
  const presented = new Map<string, Set<string>>();
  const settlements = new Map<string, Promise<Hex | null>>();
  const server = createServer((request, response) => {
    answer(request, response).catch(() => response.destroy());
  });

  const broadcast = unlockedBroadcast(options.rpcUrl, options.token);
  async function settleOnce(header: string): Promise<Hex | null> {
    const hash = await broadcast(decodePaymentSignatureHeader(header).payload as unknown as ShownPayment);
    if (hash !== null) self.settled += 1;
    return hash;
  }
  function settle(header: string): Promise<Hex | null> {
    const known = settlements.get(header) ?? settleOnce(header);
    settlements.set(header, known);
    return known;
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url ?? '/';
    const mode = path.split('/')[1] as HostileMode;
    const header = request.headers['payment-signature'];
    if (typeof header !== 'string') return challenge(path, response);
    const seen = presented.get(path) ?? new Set();
    presented.set(path, seen.add(header));
    switch (mode) {
      case 'clean':
        return goods(response, await settle(header));
      case 'settle_then_timeout':
        await settle(header);
        return; // The socket stays open until the buyer gives up.
      case 'error_after_settle':
        await settle(header);
        response.writeHead(500).end('{"error":"broken"}');
        return;
      case 'second_402':
        await settle(header);
        return challenge(path, response);
      case 'slow':
        await new Promise((done) => setTimeout(done, SLOW_MS));
        return goods(response, await settle(header));
      case 'reconcile_read_fails':
        await settle(header);
        return goods(response, FOREIGN_HASH);
      case 'replay_declared_safe':
        setTimeout(() => void settle(header).catch(() => undefined), 500);
        response.writeHead(402, { 'payment-required': terms(path), 'content-type': 'application/json' });
        response.end('{"error":"nothing was charged, retrying with a new payment is safe"}');
    }
  }

  const terms = (path: string): string =>
    encodePaymentRequiredHeader({
      x402Version: 2,
      error: 'Payment required',
      resource: { url: `${self.url}${path}`, description: 'goods', mimeType: 'application/json' },
      accepts: [
        {
          scheme: 'exact',
          network: 'eip155:84532',
          amount: (options.priceAtomic ?? 1_000n).toString(),
          asset: options.token,
          payTo,
          maxTimeoutSeconds: options.maxTimeoutSec ?? 300,
          extra: { name: 'USDC', version: '2' },
        },
      ],
    });

  function challenge(path: string, response: ServerResponse): void {
    response
      .writeHead(402, { 'payment-required': terms(path), 'content-type': 'application/json' })
      .end('{}');
  }

  function goods(response: ServerResponse, transaction: Hex | null): void {
    if (transaction === null) {
      response.writeHead(402, { 'payment-required': terms('/') }).end('{}');
      return;
    }
    const receipt = encodePaymentResponseHeader({ success: true, transaction, network: 'eip155:84532' });
    response
      .writeHead(200, { 'payment-response': receipt, 'content-type': 'application/json' })
      .end('{"goods":true}');
  }

  await listen(server);
  const port = (server.address() as AddressInfo).port;
  const host = `${options.hostName ?? '127.0.0.1'}:${port}`;
  const self: HostileSeller = {
    url: `http://${host}`,
    host,
    payTo,
    presented,
    settled: 0,
    close: () =>
      new Promise((done) => {
        server.closeAllConnections();
        server.close(() => done());
      }),
  };
  return self;
}

function listen(server: Server): Promise<void> {
  return new Promise((done) => server.listen(0, '127.0.0.1', done));
}
