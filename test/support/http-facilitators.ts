// Facilitators over HTTP, on one port that is known before the stack starts: hostile ones, the reference one of `@x402/core`, and ours, as another
// tenant is served by it. All keep what they are shown.
import type { x402Facilitator } from '@x402/core/facilitator';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Hex } from 'viem';
import { unlockedBroadcast, type ShownPayment } from './unlocked-broadcast.js';

export const HOSTILE_CONDUCTS = [
  /** Success, with the hash of nothing; settles nothing. */
  'foreign_hash',
  /** Success, with the hash of a transfer that somebody else made; settles nothing. */
  'hash_of_another',
  /** Invalid, and mines it a moment later. */
  'invalid_then_mines',
  /** Failure, and mines it a moment later. */
  'fails_then_mines',
  /** Mines it, and never answers. */
  'times_out',
  /** 502, and nothing else. */
  'bad_gateway',
  /** Mines it, then 502. */
  'bad_gateway_after_mining',
  /** Mines it, then cuts the connection. */
  'reset_after_mining',
  /** `settlement_pending`, and mines it a moment later. */
  'pends',
] as const;
export type HostileConduct = (typeof HOSTILE_CONDUCTS)[number];

export interface HttpFacilitators {
  readonly host: string;
  /** `/hostile` behaves as the first path segment of the resource says, `/as/<conduct>` as its own. */
  url(path: `hostile` | `reference` | `own` | `as/${HostileConduct}`): string;
  /** Signatures that anybody here was shown, by resource. */
  readonly shown: ReadonlyMap<string, ReadonlySet<string>>;
  /** What was asked, in order: `verify hostile`, by resource. */
  readonly asked: ReadonlyMap<string, readonly string[]>;
  /** Values of `Authorization` that came, by facilitator. */
  readonly tokens: ReadonlyMap<string, ReadonlySet<string>>;
  /** Resources whose first question is followed by `kill`, before it is answered. */
  readonly killAt: Set<string>;
  kill: () => void;
  /** From now on every other one of those that take any resource answers 502 and looks at nothing. */
  only(who: 'reference' | 'own'): void;
  close(): Promise<void>;
}

export interface HttpFacilitatorsOptions {
  readonly rpcUrl: () => string;
  readonly token: Hex;
  /** The hash of somebody else's transfer. */
  readonly another: () => Hex;
  readonly reference: () => Promise<Pick<x402Facilitator, 'verify' | 'settle' | 'getSupported'>>;
  /** Our own facilitator, and a key of another workspace. */
  readonly own?: () => { readonly url: string; readonly secret: string };
}

interface Asked {
  readonly x402Version: number;
  readonly paymentPayload: { readonly resource?: { readonly url: string }; readonly payload: ShownPayment };
  readonly paymentRequirements: unknown;
}

const FOREIGN_HASH: Hex = `0x${'ab'.repeat(32)}`;
const LATER_MS = 2_000;
const NETWORK = 'eip155:84532';

export async function startHttpFacilitators(options: HttpFacilitatorsOptions): Promise<HttpFacilitators> {
  const broadcast = unlockedBroadcast(options.rpcUrl, options.token);
  const shown = new Map<string, Set<string>>();
  const asked = new Map<string, string[]>();
  const tokens = new Map<string, Set<string>>();
  let only: string | null = null;
  const server = createServer((request, response) => {
    answer(request, response).catch(() => response.destroy());
  });

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const [who = '', ...rest] = (request.url ?? '').split('/').slice(1);
    const question = rest.at(-1) ?? '';
    if (only !== null && ![only, 'as'].includes(who) && request.method !== 'GET')
      return void response.writeHead(502).end();
    if (request.method === 'GET') return json(response, (await options.reference()).getSupported());
    const text = await textOf(request);
    const body = JSON.parse(text) as Asked;
    const { payload, resource } = body.paymentPayload;
    const url = resource?.url ?? '';
    shown.set(url, (shown.get(url) ?? new Set<string>()).add(payload.signature));
    const questions = asked.get(url) ?? [];
    asked.set(url, questions);
    questions.push(`${question} ${who}`);
    tokens.set(who, (tokens.get(who) ?? new Set<string>()).add(request.headers.authorization ?? ''));
    if (self.killAt.delete(url)) self.kill();
    if (who === 'reference') return reference(question, body, response);
    if (who === 'own') return own(question, text, request, response);
    const conduct = who === 'as' ? rest[0] : new URL(url).pathname.split('/')[1];
    return hostile(conduct as HostileConduct, question, payload, response);
  }

  async function reference(question: string, body: Asked, response: ServerResponse): Promise<void> {
    const facilitator = await options.reference();
    const { paymentPayload: payment, paymentRequirements: requirements } = body;
    const asked = [payment as never, requirements as never] as const;
    json(
      response,
      question === 'verify' ? await facilitator.verify(...asked) : await facilitator.settle(...asked),
    );
  }

  async function own(question: string, body: string, request: IncomingMessage, response: ServerResponse) {
    const to = options.own?.();
    if (to === undefined) throw new Error('there is no facilitator of ours');
    const answered = await fetch(`${to.url}/${question}`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        authorization: `Bearer ${to.secret}`,
        'idempotency-key': String(request.headers['idempotency-key']),
      },
      body,
    });
    response.writeHead(answered.status, { 'content-type': 'application/json' }).end(await answered.text());
  }

  async function hostile(
    conduct: HostileConduct,
    question: string,
    payment: ShownPayment,
    response: ServerResponse,
  ): Promise<void> {
    const later = (): void => void setTimeout(() => void broadcast(payment).catch(() => undefined), LATER_MS);
    if (question === 'verify') {
      if (conduct !== 'invalid_then_mines') return json(response, { isValid: true });
      later();
      return json(response, { isValid: false, invalidReason: 'invalid_exact_evm_signature' });
    }
    switch (conduct) {
      case 'foreign_hash':
        return json(response, { success: true, transaction: FOREIGN_HASH, network: NETWORK });
      case 'hash_of_another':
        return json(response, { success: true, transaction: options.another(), network: NETWORK });
      case 'invalid_then_mines':
      case 'fails_then_mines':
        later();
        return json(response, {
          success: false,
          errorReason: 'invalid_exact_evm_transaction_failed',
          transaction: '',
          network: NETWORK,
        });
      case 'pends':
        later();
        return json(response, {
          success: false,
          errorReason: 'settlement_pending',
          transaction: '',
          network: NETWORK,
        });
      case 'bad_gateway':
        return void response.writeHead(502).end('bad gateway');
      case 'times_out':
      case 'bad_gateway_after_mining':
      case 'reset_after_mining':
        await broadcast(payment).catch(() => null);
        if (conduct === 'bad_gateway_after_mining') response.writeHead(502).end('bad gateway');
        if (conduct === 'reset_after_mining') response.destroy();
    }
  }

  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const self: HttpFacilitators = {
    host,
    url: (path) => `http://${host}/${path}`,
    shown,
    asked,
    tokens,
    killAt: new Set(),
    kill: () => undefined,
    only: (who) => {
      only = who;
    },
    close: () =>
      new Promise((done) => {
        server.closeAllConnections();
        server.close(() => done());
      }),
  };
  return self;
}

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

function json(response: ServerResponse, body: unknown): void {
  response.writeHead(200, { 'content-type': 'application/json' });
  response.end(
    JSON.stringify(body, (_, value: unknown) => (typeof value === 'bigint' ? value.toString() : value)),
  );
}
