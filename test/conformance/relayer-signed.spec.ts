// Requests signed by agents, through the whole HTTP edge: what is covered by the signature, what is not, and what a replay is worth.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AGENT, SELLER } from '../support/builders.js';
import { MemoryApi, type Reply } from '../support/memory-api.js';
import { signedHeaders } from '../support/relayer-client.js';

const PAY = `/v1/agents/${AGENT}/x402-pay`;
const REQUIREMENT = { amount: '0.01', currency: 'USDC', network: 'base-sepolia', recipient: SELLER };
const BODY = JSON.stringify({ paymentRequirement: REQUIREMENT });

let api: MemoryApi;
let secret: string;
beforeEach(async () => {
  api = await MemoryApi.start((core) => core, { wire: true });
  const body = { role: 'agent', kind: 'hmac', agent_id: AGENT, person: 'alice' };
  secret = (await api.call({ method: 'POST', path: '/purser/v1/keys', as: 'admin', body })).body.secret;
});
afterEach(() => api.close());

interface Sent {
  readonly method?: 'GET' | 'POST';
  readonly path?: string;
  readonly signedPath?: string;
  readonly body?: string;
  readonly signedBody?: string;
  readonly timestamp?: string;
  readonly key?: string;
  readonly headers?: Record<string, string>;
}

function send(sent: Sent = {}): Promise<Reply> {
  const { method = 'POST', path = PAY, body = BODY, timestamp = '1772366400' } = sent;
  const signed = { method, path: sent.signedPath ?? path, body: sent.signedBody ?? body };
  const headers = { ...signedHeaders({ agentId: AGENT, secret, timestamp }, signed), ...sent.headers };
  const key = sent.key === undefined ? {} : { key: sent.key };
  return api.call({ method, path, as: 'nobody', headers, ...(body === '' ? {} : { body }), ...key });
}

const refused = ({ status, body }: Reply) => [status, body.code];

describe('a signed request', () => {
  it('pays, as the agent that signed it and for no other', async () => {
    const paid = await send();
    expect(paid.status, JSON.stringify(paid.body)).toBe(200);
    expect(paid.body.data.paymentHeader).toEqual(expect.any(String));
    const other = PAY.replace(AGENT, '00000002-0000-4000-8000-000000000007');
    expect(refused(await send({ path: other }))).toEqual([403, 'permission_denied']);
  });

  it('covers method, path, time and body', async () => {
    for (const sent of [
      { signedPath: `${PAY}/` },
      { signedBody: BODY.replace('0.01', '0.02') },
      { signedBody: '' },
      { headers: { 'x-request-timestamp': '1772366401' } },
      { headers: { 'x-agent-auth': 'f'.repeat(64) } },
      { headers: { 'x-agent-id': '00000002-0000-4000-8000-000000000007' } },
      { headers: { authorization: `ApiKey ${api.secrets['backend']}` } },
    ])
      expect(refused(await send(sent))).toEqual([401, 'invalid_auth']);
  });

  it('may be hashed as it came or without its spaces, and leaves the query out', async () => {
    const spaced = JSON.stringify({ paymentRequirement: REQUIREMENT }, null, 2);
    expect((await send({ body: spaced })).status).toBe(200);
    expect((await send({ body: spaced, signedBody: BODY, timestamp: '1772366401' })).status).toBe(200);
    const list = { method: 'GET', body: '', path: '/v1/signing/approvals?status=pending' } as const;
    expect((await send({ ...list, signedPath: '/v1/signing/approvals' })).status).toBe(200);
    expect(refused(await send(list))).toEqual([401, 'invalid_auth']);
  });

  it('sent again is the same payment, and the same refusal; signed anew a refused one is asked anew', async () => {
    const first = await send();
    api.nowMs += 50_000;
    const replayed = await send();
    expect(replayed.body.data).toEqual(first.body.data);
    expect(replayed.headers['x-idempotency-replayed']).toBe('true');
    const body = BODY.replace('0.01', '1.01');
    const no = await send({ body });
    expect(refused(no)).toEqual([402, 'budget_exhausted']);
    api.nowMs += 50_000;
    expect((await send({ body })).body.details).toEqual(no.body.details);
    const anew = await send({ body, timestamp: '1772366450' });
    expect(anew.body.details.operation_id).not.toBe(no.body.details.operation_id);
  });

  it('twenty at once are one payment', async () => {
    const all = await Promise.all(Array.from({ length: 20 }, () => send()));
    expect(new Set(all.map((it) => it.body.data.operationId)).size).toBe(1);
    expect(api.database.ledger.size).toBe(1);
  });

  it('with a key is what the key says', async () => {
    const first = await send({ key: 'k' });
    api.nowMs += 60_000;
    const again = await send({ key: 'k', timestamp: '1772366460' });
    expect(again.body.data).toEqual(first.body.data);
  });
});

const pay = (as: string) => api.call({ method: 'POST', path: PAY, as, body: BODY });

describe("a backend's key", () => {
  it('reads, and pays only where it says so', async () => {
    expect(refused(await pay('backend'))).toEqual([403, 'insufficient_scope']);
    expect((await api.call({ path: '/v1/signing/approvals', as: 'backend' })).status).toBe(200);
    const scopes = ['workspace:read', 'agent:payments:write'];
    const body = { role: 'backend', person: 'ops', scopes };
    const made = await api.call({ method: 'POST', path: '/purser/v1/keys', as: 'admin', body });
    api.secrets['payer'] = made.body.secret as string;
    expect((await pay('payer')).status).toBe(200);
  });

  it('of another workspace finds no such agent', async () => {
    const scopes = ['agent:payments:write'];
    const body = { role: 'backend', person: 'ops', scopes };
    const made = await api.call({ method: 'POST', path: '/purser/v1/keys', as: 'admin2', body });
    api.secrets['stranger'] = made.body.secret as string;
    expect(refused(await pay('stranger'))).toEqual([404, 'not_found']);
  });
});
