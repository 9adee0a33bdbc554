// Purser and sellers as the client sees them: every request is recorded and answered from a script.
import { vi } from 'vitest';
import { Purser, type PurserError, type Operation, type PurserOptions } from '#sdk';

export interface Sent {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly redirect: string;
}

/** An answer; an error that `fetch` throws; or `silence`, which answers nothing until the request is aborted. */
export type Line = Response | Error | 'silence';

export class Script {
  readonly sent: Sent[] = [];
  /** Told of each request before it is answered. */
  onSent: (count: number) => void = () => undefined;
  private readonly lines: Line[];

  constructor(...lines: readonly Line[]) {
    this.lines = [...lines];
  }

  readonly fetch = async (input: string | URL | Request, init?: RequestInit): Promise<Response> => {
    const request = new Request(input, init);
    const { method, url, redirect } = request;
    const body = await request.text();
    this.sent.push({ method, url, redirect, body, headers: Object.fromEntries(request.headers) });
    const line = this.lines.shift();
    this.onSent(this.sent.length);
    if (line === undefined) throw new Error(`the script has no answer to ${method} ${url}`);
    if (line instanceof Response) return line;
    if (line !== 'silence') throw line;
    return new Promise((_, reject) => {
      request.signal.addEventListener('abort', () => reject(request.signal.reason as Error));
    });
  };

  add(...lines: readonly Line[]): void {
    this.lines.push(...lines);
  }

  /** Method and path of what was asked. */
  get asked(): string[] {
    return this.sent.map(({ method, url }) => `${method} ${new URL(url).pathname}`);
  }
}

export const API_KEY = 'prs_agent_0123456789';

export const purserOn = (script: Script, options: Partial<PurserOptions> = {}): Purser =>
  new Purser({ baseUrl: 'https://purser.example', apiKey: API_KEY, fetch: script.fetch, ...options });

/** What it comes to, with faked time running as fast as it can. */
export async function outcome<T>(running: Promise<T>): Promise<T | PurserError> {
  const settled = running.catch((error: unknown) => error as PurserError);
  await vi.runAllTimersAsync();
  return settled;
}

export const json = (
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): Response =>
  new Response(JSON.stringify(body), {
    status,
    headers: { 'content-type': 'application/json', ...headers },
  });

export const OPERATION_ID = '6d30960b-e70d-833c-9c45-9748f899ae75';

export function anOperation(over: Partial<Operation> = {}): Operation {
  return {
    operation_id: OPERATION_ID,
    kind: 'purchase',
    status: 'provisional',
    answerable: true,
    agent_id: '00000001-0000-4000-8000-000000000001',
    version: 9,
    url: 'https://shop.example/item',
    method: 'GET',
    max_amount: '20000',
    amount: '10000',
    network: 'eip155:8453',
    asset: '0x833589fcd6edb6e08f4c7c32d4f71b54bda02913',
    pay_to: '0x000000000000000000000000000000000000005e',
    payment_flow: 'authorization',
    transfer_method: 'eip3009',
    facilitator: null,
    paid: true,
    seller_accepted: true,
    settled: true,
    finality: 'provisional',
    charged: null,
    transaction: `0x${'4'.repeat(64)}`,
    settlement: null,
    authorization: null,
    cancellation: null,
    approval: null,
    error: null,
    retry_with: null,
    idempotency_key_hash: null,
    category: null,
    cost_centre: null,
    note: null,
    created_at: '2026-01-01T00:00:00.000Z',
    updated_at: '2026-01-01T00:00:01.000Z',
    response: { status: 200, headers: { 'content-type': 'application/json' }, body: '{"report":"42"}' },
    ...over,
  };
}

/** Waits for a person. */
export const waiting = (over: Partial<Operation> = {}): Operation =>
  anOperation({
    status: 'awaiting_approval',
    version: 4,
    paid: false,
    settled: false,
    finality: 'none',
    transaction: null,
    approval: { approval_id: 'apr_1', digest: 'd'.repeat(64), decide_by: '2026-01-01T01:00:00.000Z' },
    response: null,
    ...over,
  });

export const problem = (
  status: number,
  code: string,
  {
    retry = 'no',
    operation,
    headers = {},
  }: { retry?: string; operation?: Operation; headers?: Record<string, string> } = {},
): Response =>
  json(
    status,
    {
      error: { code, message: 'Because.', details: { field: 'x' }, retry, correlation_id: 'c1' },
      ...(operation ? { operation_id: operation.operation_id, operation } : {}),
    },
    headers,
  );
