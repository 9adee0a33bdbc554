// A credential narrowed to one scope, at every route that its role may call: it gets through where the route asks for that scope.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ACCESS_SCOPES, GRANTABLE, hasScope, type AccessScope, type Role } from '#engine';
import { CONTROLLERS } from '../../apps/api/src/app.module.js';
import { mayCall, neededScope, routesOf } from '../../apps/api/src/http/routes.js';
import { causeOf, isHightop, pathFor } from '../support/any-route.js';
import { AGENT } from '../support/builders.js';
import { MemoryApi } from '../support/memory-api.js';

let api: MemoryApi;
beforeAll(async () => {
  api = await MemoryApi.start();
  for (const [role, scopes] of Object.entries(GRANTABLE) as [Role, readonly AccessScope[]][])
    for (const scope of scopes) {
      const body = {
        role,
        person: 'x',
        scopes: [scope],
        ...(role === 'agent' ? { agent_id: AGENT } : {}),
      };
      const made = await api.call({ method: 'POST', path: '/purser/v1/keys', as: 'admin', body });
      expect([made.status, made.body.key.scopes]).toEqual([201, [scope]]);
      api.secrets[`${role} ${scope}`] = made.body.secret as string;
    }
});
afterAll(() => api.close());

describe('scopes', () => {
  const cases = routesOf(CONTROLLERS).flatMap((route) =>
    ACCESS_SCOPES.flatMap((granted) =>
      (Object.keys(GRANTABLE) as Role[])
        .filter(
          (role) => route.access !== undefined && route.access !== 'public' && mayCall(route.access, role),
        )
        .filter((role) => GRANTABLE[role].includes(granted))
        .map((role) => ({ ...route, role, granted })),
    ),
  );

  it.each(cases)('$method $path as $role with $granted', async ({ role, granted, ...route }) => {
    const reply = await api.call({
      method: route.method as 'GET',
      path: pathFor(route.path, role),
      as: `${role} ${granted}`,
      ...(route.method === 'GET' ? {} : { body: { nothing: 'like it' } }),
    });
    if (isHightop(route.path) && role !== 'agent') expect(reply.status).toBe(401);
    else if (neededScope(route, role) === granted) expect([401, 403]).not.toContain(reply.status);
    else expect([reply.status, causeOf(reply)]).toEqual([403, 'insufficient_scope']);
  });

  it('a refusal names the scope', async () => {
    const { body } = await api.call({
      method: 'POST',
      path: '/purser/v1/operations',
      as: 'agent agent:read',
      body: {},
    });
    expect(body.error).toMatchObject({ details: { scope: 'agent:payments:write' }, retry: 'after_change' });
  });

  it('a backend pays only where its key says so; everybody else does what the role may', () => {
    for (const role of Object.keys(GRANTABLE) as Role[])
      for (const scope of ACCESS_SCOPES)
        expect(hasScope({ role, scopes: null }, scope)).toBe(
          GRANTABLE[role].includes(scope) && !(role === 'backend' && scope === 'agent:payments:write'),
        );
    const scopes = new Set<AccessScope>(['agent:payments:write']);
    expect(hasScope({ role: 'backend', scopes }, 'agent:payments:write')).toBe(true);
  });
});
