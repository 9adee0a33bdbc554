import { afterEach, describe, expect, it } from 'vitest';
import type { RequestListener } from 'node:http';
import { parseCaip2, parseOperationId, parseWorkspaceId } from '#domain';
import { closeAll, guarded, serve, serveRaw } from '../../../test/support/guarded.js';
import { createFacilitatorClient } from './facilitators.js';

const NETWORK = parseCaip2('eip155:84532');
const HASH = `0x${'ab'.repeat(32)}`;
const TOKEN = 'token-canary';

const callTo = (facilitator: string) => ({
  workspaceId: parseWorkspaceId('00000000-0000-4000-8000-000000000001'),
  operationId: parseOperationId('00000000-0000-4000-8000-000000000002'),
  facilitator,
  body: new TextEncoder().encode('{"x402Version":2}'),
});

async function facilitatorAt(listener: RequestListener) {
  const server = await serve(listener);
  const url = `${server.origin}/x402`;
  const client = createFacilitatorClient({
    http: guarded({ allow: [server.host] }),
    endpoints: [{ network: NETWORK, url, bearerToken: TOKEN }],
    settleWithinMs: 300,
  });
  return { client, call: callTo(url), seen: server.seen };
}

const says =
  (body: unknown, status = 200): RequestListener =>
  (_, response) => {
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(typeof body === 'string' ? body : JSON.stringify(body));
  };

afterEach(closeAll);

describe('a facilitator of others', () => {
  it('is asked where the operator says, with its token and the operation as idempotency key', async () => {
    const { client, call, seen } = await facilitatorAt(says({ isValid: true, payer: '0x1' }));
    expect(await client.verify(call)).toEqual({ kind: 'yes', reason: null, claimedTxHash: null });
    expect(seen[0]).toMatchObject({ method: 'POST', url: '/x402/verify' });
    expect(seen[0]?.headers).toMatchObject({
      authorization: `Bearer ${TOKEN}`,
      'idempotency-key': call.operationId,
      'content-type': 'application/json',
    });
    expect(client.namesFor(NETWORK)).toEqual([call.facilitator]);
    expect(client.namesFor(parseCaip2('eip155:1'))).toEqual([]);
  });

  it.each([
    [
      'success',
      { success: true, transaction: HASH },
      200,
      { kind: 'yes', reason: null, claimedTxHash: HASH },
    ],
    ['success without a hash', { success: true, transaction: '' }, 200, { kind: 'yes', claimedTxHash: null }],
    [
      'failure with a reason of x402',
      { success: false, errorReason: 'invalid_exact_evm_nonce_already_used', transaction: '' },
      200,
      { kind: 'no', reason: 'invalid_exact_evm_nonce_already_used' },
    ],
    [
      'failure with a hash',
      { success: false, errorReason: 'duplicate_settlement', transaction: HASH },
      200,
      { kind: 'no', reason: 'duplicate_settlement', claimedTxHash: HASH },
    ],
    [
      'failure in words of its own, which are not repeated',
      { success: false, errorReason: `0x${'5'.repeat(130)}` },
      400,
      { kind: 'no', reason: 'unexpected_settle_error' },
    ],
    [
      'that it is pending',
      { success: false, errorReason: 'settlement_pending', transaction: HASH },
      200,
      { kind: 'pending', reason: 'settlement_pending', claimedTxHash: HASH },
    ],
    [
      'success in a 202',
      { success: true, transaction: HASH },
      202,
      { kind: 'silent', reason: 'facilitator_error' },
    ],
    ['502', 'bad gateway', 502, { kind: 'silent', reason: 'facilitator_error' }],
    [
      'success in a 500',
      { success: true, transaction: HASH },
      500,
      { kind: 'silent', reason: 'facilitator_error' },
    ],
    ['something else', [true], 200, { kind: 'silent', reason: 'facilitator_error' }],
    ['too much', 'x'.repeat(70_000), 200, { kind: 'silent', reason: 'facilitator_unreachable' }],
  ])('answers %s', async (_, body, status, expected) => {
    const { client, call } = await facilitatorAt(says(body, status));
    expect(await client.settle(call)).toMatchObject(expected);
  });

  it('is not followed when it redirects: the payment and the token stay', async () => {
    const elsewhere = await serve(says({ success: true, transaction: HASH }));
    const { client, call } = await facilitatorAt((_, response) => {
      response.writeHead(307, { location: `${elsewhere.origin}/settle` });
      response.end();
    });
    expect(await client.settle(call)).toMatchObject({ kind: 'silent' });
    expect(elsewhere.seen).toHaveLength(0);
  });

  it('has its time, and may break off', async () => {
    const slow = await facilitatorAt(() => undefined);
    expect(await slow.client.settle(slow.call)).toMatchObject({
      kind: 'silent',
      reason: 'facilitator_timeout',
    });
    const reset = await serveRaw((socket) => socket.on('data', () => socket.destroy()));
    const url = `${reset.origin}/x402`;
    const client = createFacilitatorClient({
      http: guarded({ allow: [reset.host] }),
      endpoints: [{ network: NETWORK, url, bearerToken: null }],
    });
    expect(await client.settle(callTo(url))).toMatchObject({
      kind: 'silent',
      reason: 'facilitator_unreachable',
    });
  });

  it('is nobody else: an unknown name is a fault of ours', async () => {
    const { client } = await facilitatorAt(says({}));
    await expect(client.verify(callTo('https://other.example'))).rejects.toThrow('not configured');
  });
});
