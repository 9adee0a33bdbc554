import { createServer, type IncomingMessage, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { encodePaymentRequiredHeader, encodePaymentResponseHeader } from '@x402/core/http';
import { afterEach, describe, expect, it } from 'vitest';
import { parseCaip2, parseEvmAddress, parseWorkspaceId, type EvmAddress } from '#domain';
import type { RegisteredAsset, SellerRequest } from '#engine';
import { createGuardedFetch } from './guarded-fetch.js';
import { createSeller } from './seller.js';

const USDC: RegisteredAsset = {
  network: parseCaip2('eip155:84532'),
  chainId: 84532,
  token: parseEvmAddress('0x036CbD53842c5426634e7929541eC2318f3dCF7e'),
  symbol: 'USDC',
  name: 'USDC',
  version: '2',
  decimals: 6,
  unit: 'USD6',
};
const PAYEE = parseEvmAddress('0x209693Bc6afc0C5328bA36FaF03C514EF312287C');
const HASH = `0x${'ab'.repeat(32)}`;
const HEADER = { name: 'PAYMENT-SIGNATURE', value: 'cGF5' };
const assets = {
  find: (network: string, token: EvmAddress) =>
    network === USDC.network && token === USDC.token ? USDC : undefined,
  all: () => [USDC],
};

const open: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((close) => close()));
});

async function sellerAt(listener: RequestListener, maxBodyBytes?: number) {
  const seen: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    seen.push(request);
    listener(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const http = createGuardedFetch({ allow: [host] });
  open.push(async () => {
    await http.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const seller = createSeller({ http, assets, ...(maxBodyBytes ? { maxBodyBytes } : {}) });
  const request: SellerRequest = {
    workspaceId: parseWorkspaceId('00000000-0000-4000-8000-000000000001'),
    url: `http://${host}/data`,
    method: 'GET',
    headers: {},
    body: null,
    timeoutMs: 2_000,
  };
  return { seller, request, seen, host };
}

function required(host: string, over: Record<string, unknown> = {}): string {
  return encodePaymentRequiredHeader({
    x402Version: 2,
    resource: { url: `http://${host}/data`, description: '', mimeType: '' },
    accepts: [
      {
        scheme: 'exact',
        network: 'eip155:84532',
        amount: '10000',
        asset: USDC.token,
        payTo: PAYEE,
        maxTimeoutSeconds: 300,
        extra: { name: 'USDC', version: '2' },
        ...over,
      },
    ],
  });
}

const challenging: RequestListener = (request, response) =>
  void response.writeHead(402, { 'payment-required': required(request.headers.host ?? '') }).end('{}');

describe('asking the price', () => {
  it('gives the terms of a 402', async () => {
    const { seller, request } = await sellerAt(challenging);
    expect(await seller.askPrice(request, { maxAmount: 10_000n })).toMatchObject({
      kind: 'terms',
      terms: { amount: 10_000n, payTo: PAYEE, token: USDC.token, unit: 'USD6', resourceUrl: request.url },
    });
  });

  it('names the reason when the price is above the ceiling', async () => {
    const { seller, request } = await sellerAt(challenging);
    expect(await seller.askPrice(request, { maxAmount: 9_999n })).toEqual({
      kind: 'refused',
      code: 'price_above_maximum',
      details: { reasons: ['0:price_above_maximum'] },
    });
  });

  it('hands on a free answer without cookies', async () => {
    const { seller, request } = await sellerAt((_request, response) =>
      response.writeHead(200, { 'set-cookie': 'a=b', 'content-type': 'text/plain', server: 'x' }).end('free'),
    );
    expect(await seller.askPrice(request, { maxAmount: 1n })).toEqual({
      kind: 'free',
      answer: {
        status: 200,
        headers: { 'content-type': 'text/plain' },
        body: new Uint8Array(Buffer.from('free')),
      },
    });
  });

  it.each([
    ['a seller out of order', 503, 'seller_unreachable'],
    ['a seller that throttles', 429, 'seller_unreachable'],
    ['a 402 without terms', 402, 'unpayable_challenge'],
  ])('refuses %s', async (_what, status, code) => {
    const { seller, request } = await sellerAt((_request, response) => response.writeHead(status).end('{}'));
    expect(await seller.askPrice(request, { maxAmount: 1n })).toMatchObject({ kind: 'refused', code });
  });

  it('refuses a price found behind a redirect and says where it stands', async () => {
    const { seller, request, host } = await sellerAt((request, response) => {
      if (request.url === '/data') response.writeHead(307, { location: '/moved' }).end();
      else challenging(request, response);
    });
    expect(await seller.askPrice(request, { maxAmount: 10_000n })).toEqual({
      kind: 'refused',
      code: 'redirected',
      details: { final_url: `http://${host}/moved` },
    });
  });

  it('takes no more than 64 KiB of a challenge', async () => {
    const { seller, request } = await sellerAt((_request, response) =>
      response.writeHead(402).end('x'.repeat(65 * 1024)),
    );
    expect(await seller.askPrice(request, { maxAmount: 1n })).toMatchObject({ code: 'response_too_large' });
  });

  it('reads a challenge that the caller brought without asking anybody', async () => {
    const { seller, request, seen, host } = await sellerAt(challenging);
    const answer = seller.readChallenge(required(host), request, {
      maxAmount: null,
      amount: 10_000n,
      payTo: PAYEE,
    });
    expect(answer).toMatchObject({ kind: 'terms', terms: { amount: 10_000n } });
    const elsewhere = seller.readChallenge(required('evil.example'), request, { maxAmount: 10_000n });
    expect(elsewhere).toMatchObject({
      code: 'unpayable_challenge',
      details: { reasons: ['0:resource_host_mismatch'] },
    });
    expect(seen).toHaveLength(0);
  });
});

describe('presenting a payment', () => {
  it('sends the header once and hands on the goods and the hash', async () => {
    const receipt = encodePaymentResponseHeader({
      success: true,
      transaction: HASH,
      network: 'eip155:84532',
      payer: PAYEE,
    });
    const { seller, request, seen } = await sellerAt((_request, response) =>
      response.writeHead(200, { 'payment-response': receipt }).end('goods'),
    );
    const answer = await seller.present(request, HEADER);
    expect(answer).toMatchObject({ outcome: 'delivered', claimedTxHash: HASH, answer: { status: 200 } });
    expect(seen.map(({ headers }) => headers['payment-signature'])).toEqual(['cGF5']);
  });

  it.each([
    [402, {}, 'refused'],
    [500, {}, 'upstream_error'],
    [404, {}, 'upstream_error'],
    [302, { location: 'https://elsewhere.example/' }, 'redirected'],
    [204, {}, 'delivered'],
  ] as const)('reports status %i as %s %s', async (status, headers, outcome) => {
    const { seller, request, seen } = await sellerAt((_request, response) =>
      response.writeHead(status, headers).end(),
    );
    expect(await seller.present(request, HEADER)).toMatchObject({ outcome, claimedTxHash: null });
    expect(seen).toHaveLength(1);
  });

  it('keeps the hash from the head of an answer whose body is too large', async () => {
    const receipt = Buffer.from(JSON.stringify({ success: true, transaction: HASH })).toString('base64');
    const { seller, request } = await sellerAt(
      (_request, response) =>
        response.writeHead(200, { 'x-payment-response': receipt }).end('x'.repeat(2_000)),
      1_000,
    );
    expect(await seller.present(request, HEADER)).toEqual({
      outcome: 'too_large',
      answer: null,
      claimedTxHash: HASH,
    });
  });

  it('reports silence as a timeout and a broken connection as unreachable', async () => {
    const silent = await sellerAt(() => undefined);
    expect(await silent.seller.present({ ...silent.request, timeoutMs: 100 }, HEADER)).toMatchObject({
      outcome: 'timeout',
    });
    const broken = await sellerAt((request) => request.socket.destroy());
    expect(await broken.seller.present(broken.request, HEADER)).toMatchObject({ outcome: 'unreachable' });
  });
});
