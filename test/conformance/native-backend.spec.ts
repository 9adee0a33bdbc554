// A workspace's own server: sets up agents and looks at them, and pays for one only with a key that says so (apis.md C11).
import { afterAll, beforeAll, expect, it } from 'vitest';
import { AGENT, uuid } from '../support/builders.js';
import { BASE, nativeApi, purchase, type NativeApi } from '../support/native-api.js';

let native: NativeApi;
beforeAll(async () => {
  native = await nativeApi();
  await native.api.call({ path: '/health/live' });
  const body = { role: 'backend', person: 'server', scopes: ['agent:payments:write', 'agent:read'] };
  const made = await native.call({ method: 'POST', path: `${BASE}/keys`, as: 'admin', body });
  native.api.secrets['payer'] = made.body.secret as string;
});
afterAll(() => native.api.close());

it('pays for an agent with the scope, and not without', async () => {
  const asked = purchase({ agent_id: AGENT });
  const refused = await native.call({ ...asked, as: 'backend' });
  expect([refused.status, refused.body.error.details]).toEqual([403, { scope: 'agent:payments:write' }]);
  const paid = await native.call({ ...asked, as: 'payer' });
  expect([paid.status, paid.body.agent_id]).toEqual([201, AGENT]);
  // One key space per agent, whoever sends the key (ruling 2).
  const again = await native.call({ ...asked, as: 'agent' });
  expect([again.status, again.body.operation_id]).toEqual([200, paid.body.operation_id]);
});

it('names the agent, one of its own workspace', async () => {
  const unnamed = await native.call({ ...purchase(), as: 'payer', key: 'k2' });
  expect([unnamed.status, unnamed.body.error.details]).toEqual([
    400,
    { field: 'agent_id', reason: 'needed_for_backends' },
  ]);
  const foreign = await native.call({ ...purchase({ agent_id: uuid(2, 2) }), as: 'payer', key: 'k2' });
  expect(foreign.status).toBe(404);
});

it('an agent names nobody but itself', async () => {
  const other = await native.call({ ...purchase({ agent_id: uuid(2, 2) }), key: 'k3' });
  expect([other.status, other.body.error.code]).toEqual([403, 'permission_denied']);
  const itself = await native.call({ ...purchase({ agent_id: AGENT.toUpperCase() }), key: 'k3' });
  expect(itself.status).toBe(201);
});

it('a live payment is shown to whoever could have asked for it', async () => {
  const signed = await native.call({
    ...purchase({ kind: 'authorize', agent_id: AGENT }),
    as: 'payer',
    key: 'k4',
  });
  expect(signed.body.payment).toMatchObject({ header_name: expect.any(String) as string });
  const body = { role: 'agent', agent_id: AGENT, person: 'reader', scopes: ['agent:read'] };
  const made = await native.call({ method: 'POST', path: `${BASE}/keys`, as: 'admin', body });
  native.api.secrets['reader'] = made.body.secret as string;
  const path = `${BASE}/operations/${signed.body.operation_id as string}`;
  for (const as of ['payer', 'agent'])
    expect((await native.call({ path, as })).body.payment).toEqual(signed.body.payment);
  for (const as of ['reader', 'backend', 'auditor', 'admin'])
    expect((await native.call({ path, as })).body.payment).toBeUndefined();
});

it('sets up an agent with a secret to sign with, shown once', async () => {
  const made = await native.call({
    method: 'POST',
    path: `${BASE}/agents`,
    as: 'backend',
    body: { name: 'new' },
  });
  const body = { role: 'agent', kind: 'hmac', agent_id: made.body.agent_id as string, person: 'x' };
  const issued = await native.call({ method: 'POST', path: `${BASE}/keys`, as: 'admin', body });
  expect([issued.status, issued.body.key.kind, typeof issued.body.secret]).toEqual([201, 'hmac', 'string']);
  const listed = await native.call({ path: `${BASE}/keys`, as: 'admin' });
  expect(JSON.stringify(listed.body)).not.toContain(issued.body.secret);
});
