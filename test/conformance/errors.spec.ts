// Every error of the catalogue in both dialects. The tables are printed into docs/errors.md (compared in generated.spec.ts); here: what holds for all rows.
import { describe, expect, it } from 'vitest';
import { ERRORS, refuse, type ErrorCode } from '#domain';
import { CONTROLLERS } from '../../apps/api/src/app.module.js';
import { Dialects } from '../../apps/api/src/http/dialects.js';
import { refusalOf } from '../../apps/api/src/http/error.filter.js';
import { HIGHTOP_ERRORS } from '../../apps/api/src/dialects/hightop/errors.js';
import { MemoryApi } from '../support/memory-api.js';

const CODES = Object.keys(ERRORS) as ErrorCode[];
/** Hightop's published list (contract v1.7.0), the part with codes that a payment can meet. */
const PUBLISHED: Readonly<Record<number, readonly string[]>> = {
  400: ['validation_failed'],
  401: ['authentication_failed', 'agent_disabled', 'agent_expired', 'invalid_token'],
  403: [
    'owner_only_action',
    'permission_not_granted',
    'asset_not_allowed',
    'recipient_not_allowed',
    'protocol_not_allowed',
    'limit_exceeded',
    'insufficient_scope',
    'operation_feature_disabled',
  ],
  404: ['not_found'],
  409: [
    'quote_expired',
    'idempotency_key_reuse_mismatch',
    'idempotency_request_in_progress',
    'operation_not_cancellable',
    'owner_changed_pending_state',
  ],
  413: ['validation_failed'],
  422: ['insufficient_funds'],
  429: ['rate_limited'],
  500: ['internal_error'],
  502: ['execution_failed', 'execution_timeout'],
  503: ['agent_api_cutover_in_progress', 'agent_api_chain_unavailable'],
};

describe('errors', () => {
  it.each(CODES)('%s has a published Hightop code under its own status', (code) => {
    const { status, code: theirs } = HIGHTOP_ERRORS[code];
    expect(PUBLISHED[status]).toContain(theirs);
  });

  it.each(CODES)('%s is never rendered as 402, nor with a payment header', (code) => {
    const dialects = new Dialects(CONTROLLERS);
    for (const url of ['/v1/agent/x402/purchase', '/purser/v1/operations', '/elsewhere']) {
      const rendered = dialects
        .of({ method: 'POST', url })
        .renderError({ code, details: {}, correlationId: 'c', path: url, atMs: 0 });
      expect(rendered.status).toBeGreaterThanOrEqual(400);
      expect(rendered.status).not.toBe(402);
      expect(Object.keys(rendered.headers ?? {}).map((name) => name.toLowerCase())).not.toContain(
        'payment-required',
      );
    }
  });

  it.each([
    ['ECONNREFUSED', Object.assign(new Error('connect'), { code: 'ECONNREFUSED' }), 'database_unavailable'],
    ['57P01', Object.assign(new Error('terminating connection'), { code: '57P01' }), 'database_unavailable'],
    ['dropped', new Error('Connection terminated unexpectedly'), 'database_unavailable'],
    ['a lock', Object.assign(new Error('lock timeout'), { code: '55P03' }), 'database_unavailable'],
    ['slow', Object.assign(new Error('statement timeout'), { code: '57014' }), 'database_unavailable'],
    ['silent', new Error('Query read timeout'), 'database_unavailable'],
    ['pool', new Error('timeout exceeded when trying to connect'), 'database_unavailable'],
    ['unique', Object.assign(new Error('duplicate key'), { code: '23505' }), 'internal'],
    ['bug', new TypeError('x is undefined'), 'internal'],
    ['not an error', 'text', 'internal'],
  ])('%s is told as it is', (_name, error, code) => {
    expect(refusalOf(error).code).toBe(code);
  });

  it('a fault is logged with its cause and shown only as a correlation id', async () => {
    const api = await MemoryApi.start((core) => ({
      ...core,
      reads: Object.assign(Object.create(core.reads) as typeof core.reads, {
        balances: () => Promise.reject(new Error('column "secret" does not exist')),
      }),
    }));
    const { status, body, headers } = await api.call({
      path: '/purser/v1/balances',
      headers: { 'x-request-id': 'mine-1' },
    });
    await api.close();
    expect(status).toBe(500);
    expect(JSON.stringify(body)).not.toContain('secret');
    expect(headers['x-request-id']).toBe('mine-1');
    expect(body.error).toMatchObject({ code: 'internal', correlation_id: 'mine-1' });
    expect(String(api.logged[0]?.['error'])).toContain('column');
  });

  it('a database that is away is 503 and binds no key', async () => {
    const api = await MemoryApi.start();
    const open = api.operations.open.bind(api.operations);
    api.operations.open = () => Promise.reject(Object.assign(new Error('connect'), { code: 'ECONNREFUSED' }));
    const request = {
      method: 'POST',
      path: '/purser/v1/operations',
      key: 'k',
      body: { kind: 'purchase', url: 'https://shop.example/item', max_amount: '20000', wait_ms: 1000 },
    } as const;
    const down = await api.call(request);
    expect([down.status, down.body.error.code, down.headers['retry-after']]).toEqual([
      503,
      'database_unavailable',
      '1',
    ]);
    api.operations.open = open;
    expect((await api.call(request)).status).toBe(201);
    await api.close();
  });

  it('a refusal keeps its code on the way out', () => {
    expect(refusalOf(refuse('too_late')).code).toBe('too_late');
  });
});
