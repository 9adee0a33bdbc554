// The kill switch through the native API on the real engine: what stops, what is released, what is told to whom.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DEFAULT_POLICY } from '#domain';
import { BASE, nativeApi, purchase, SELLER, type NativeApi } from '../support/native-api.js';

const AGENT = '00000002-0000-4000-8000-000000000001';
const AGENT_PATH = `${BASE}/agents/${AGENT}`;
const HOST = 'shop.example';

let api: NativeApi['api'];
let call: NativeApi['call'];
beforeEach(async () => {
  ({ api, call } = await nativeApi());
});
afterEach(() => api.close());

const post = (path: string, body: object = {}, as = 'admin') =>
  call({ method: 'POST', path: `${BASE}${path}`, as, body });
const stop = (body: object, as = 'admin') => post('/stops', body, as);
const codeOf = ({ status, body }: Awaited<ReturnType<typeof call>>) => [status, body.error?.code];
const buy = (over: object = {}, key = 'k1') => call({ ...purchase(over), key });

/** A purchase that waits for a person, and what it holds of the budget. */
async function waiting(key: string): Promise<string> {
  api.setPolicy({ ...DEFAULT_POLICY, version: 1, approvalThreshold: 1n });
  const reply = await buy({}, key);
  expect(reply.status).toBe(202);
  return reply.body.operation_id as string;
}
const look = async (id: string) => (await call({ path: `${BASE}/operations/${id}`, as: 'admin' })).body;
const held = async (): Promise<string> =>
  (await call({ path: `${AGENT_PATH}/budgets`, as: 'admin' })).body.items[0].held as string;

describe('a stopped payee or host', () => {
  it.each([
    ['payee', { payee: SELLER.toUpperCase().replace('0X', '0x') }, 'payee_stopped', { payee: SELLER }],
    ['payee on one network', { payee: SELLER, network: 'eip155:84532' }, 'payee_stopped', { payee: SELLER }],
    ['host', { host: HOST }, 'host_stopped', { host: HOST }],
    ['pattern', { host: '*.example' }, 'host_stopped', { host: '*.example' }],
  ])('is not paid until it is resumed: %s', async (_, body, code, details) => {
    const stopped = await stop({ ...body, reason: 'fraud' });
    expect(stopped.body).toMatchObject({ paused: true, reason: 'fraud', carried_out: true, still_live: [] });
    const refused = await buy();
    expect(codeOf(refused)).toEqual([403, code]);
    expect(refused.body.error.details).toMatchObject(details);
    expect(api.shop.charged).toEqual([]);
    const id = stopped.body.stop_id as string;
    expect((await post(`/stops/${id}/resume`)).body).toMatchObject({ paused: false });
    expect(codeOf(await post(`/stops/${id}/resume`))).toEqual([404, 'not_found']);
    expect((await buy({}, 'k2')).status).toBe(201);
  });

  it('touches no other', async () => {
    await stop({ payee: `0x${'9'.repeat(40)}` });
    await stop({ payee: SELLER, network: 'eip155:1' });
    await stop({ host: `*.${HOST}` });
    expect(codeOf(await stop({ host: HOST }, 'agent'))).toEqual([403, 'permission_denied']);
    await stop({ host: HOST }, 'admin2');
    expect((await buy()).status).toBe(201);
  });

  it.each([
    [{}, 'payee', 'either_payee_or_host'],
    [{ payee: SELLER, host: HOST }, 'payee', 'either_payee_or_host'],
    [{ host: HOST, network: 'eip155:1' }, 'network', 'only_for_payee'],
    [{ host: 'https://shop.example' }, 'host', 'malformed'],
    [{ payee: '0x12' }, 'payee', 'not_an_evm_address'],
    [{ payee: SELLER, network: 'base' }, 'network', 'malformed'],
  ])('is named properly: %j', async (body, field, reason) => {
    const reply = await stop(body);
    expect(codeOf(reply)).toEqual([400, 'validation_failed']);
    expect(reply.body.error.details).toMatchObject({ field, reason });
    expect(api.database.stops).toEqual([]);
  });
});

describe('a stop', () => {
  it.each([
    ['agent', `/agents/${AGENT}/pause`, {}],
    ['workspace', '/workspace/pause', {}],
    ['global', '/system/pause', {}],
    ['payee', '/stops', { payee: SELLER }],
    ['host', '/stops', { host: '*.example' }],
    ['payee', '/system/stops', { payee: SELLER }],
    ['killed agent', `/agents/${AGENT}/kill`, {}],
  ])(
    'releases what waits for a person in its scope, and what is approved and not signed: %s %s',
    async (_, path, body) => {
      const pending = await waiting('k1');
      const approved = await waiting('k2');
      const { approval_id: id } = (await look(approved)).approval as { approval_id: string };
      const { digest } = (await call({ path: `${BASE}/approvals/${id}`, as: 'approver' })).body;
      api.workersOff = true;
      await post(`/approvals/${id}/approve`, { digest }, 'approver');
      expect(await held()).toBe('20000');
      const stopped = await post(path, { ...body, reason: 'drill' });
      expect(stopped.body).toMatchObject({ released_approvals: 2, carried_out: true });
      expect(await held()).toBe('0');
      for (const operation of [pending, approved])
        expect(await look(operation)).toMatchObject({
          status: 'cancelled',
          error: { code: 'operation_cancelled' },
        });
      api.workersOff = false;
      await api.runWorkers();
      expect([api.shop.charged, api.signer.ledger.size]).toEqual([[], 0]);
    },
  );

  it('lists what is still live, and asks the chain to kill it where that is wished for', async () => {
    const { operation_id: id } = (await call(sign())).body;
    const paused = await post('/workspace/pause', { reason: 'drill' });
    expect(paused.body.still_live).toMatchObject([
      { operation_id: id, to: SELLER, value: '10000', cancellation: null },
    ]);
    const again = await stop({ payee: SELLER, cancel_on_chain: true });
    expect(again.body).toMatchObject({
      cancel_on_chain: true,
      still_live: [{ operation_id: id, cancellation: 'requested' }],
      too_late: [],
    });
    const { items } = (await call({ path: `${BASE}/operations/${id as string}/events`, as: 'admin' })).body;
    expect((items as { type: string }[]).map((it) => it.type)).toContain('CancellationRequested');
  });

  it('shows who, when and why to whoever may read, and nothing of another workspace', async () => {
    await stop({ host: HOST, reason: 'fraud' });
    await post('/system/stops', { payee: SELLER, reason: 'sanctions' });
    const { items } = (await call({ path: `${BASE}/stops`, as: 'auditor' })).body;
    expect(items).toMatchObject([
      { scope: 'payee', everywhere: true, payee: SELLER, reason: null, by: null },
      { scope: 'host', everywhere: false, host: HOST, reason: 'fraud', by: { person: 'admin@example.com' } },
    ]);
    const theirs = (await call({ path: `${BASE}/stops`, as: 'admin2' })).body;
    expect(theirs.items).toMatchObject([{ everywhere: true }]);
    const own = await call({ path: `${BASE}/system/stops`, as: 'admin' });
    expect(own.body.items).toMatchObject([{ reason: 'sanctions', by: { person: 'admin@example.com' } }]);
    const [first, second] = items as { stop_id: string }[];
    for (const { stop_id: id } of [first!, second!])
      expect(codeOf(await post(`/stops/${id}/resume`, {}, 'admin2'))).toEqual([404, 'not_found']);
    expect(codeOf(await post(`/stops/${first!.stop_id}/resume`))).toEqual([404, 'not_found']);
    expect((await post(`/system/stops/${first!.stop_id}/resume`)).status).toBe(200);
    expect((await call({ path: `${BASE}/stops/${second!.stop_id}`, as: 'approver' })).body.carried_out).toBe(
      true,
    );
  });
});

describe('a killed agent', () => {
  it('is dead for ever: its keys, its approvals, its resumption', async () => {
    await waiting('k1');
    const killed = await post(`/agents/${AGENT}/kill`, { reason: 'leaked' });
    expect(killed.body).toMatchObject({
      scope: 'agent',
      agent_id: AGENT,
      final: true,
      released_approvals: 1,
    });
    expect(codeOf(await buy({}, 'k2'))).toEqual([401, 'agent_disabled']);
    for (const path of [`/agents/${AGENT}/resume`, `/stops/${killed.body.stop_id as string}/resume`])
      expect(codeOf(await post(path))).toEqual([401, 'agent_disabled']);
    expect((await post(`/agents/${AGENT}/kill`)).body.stop_id).toBe(killed.body.stop_id);
    expect((await call({ path: AGENT_PATH, as: 'admin' })).body).toMatchObject({
      status: 'disabled',
      paused: false,
    });
  });
});

const sign = () => {
  api.setPolicy(DEFAULT_POLICY);
  return {
    method: 'POST',
    path: `${BASE}/operations`,
    key: 'signed',
    body: { kind: 'authorize', url: `https://${HOST}/item`, max_amount: '20000', wait_ms: 5_000 },
  } as const;
};
