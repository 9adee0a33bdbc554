// Who may call what, tried out: every route with every role, over HTTP. Everything that is not allowed is refused before it is looked at.
import { Controller, Get } from '@nestjs/common';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hasScope, type Role } from '#engine';
import { CONTROLLERS } from '../../apps/api/src/app.module.js';
import { ROLES } from '../../apps/api/src/http/access.js';
import {
  assertAccessDeclared,
  mayCall,
  neededScope,
  routesOf,
  type Route,
} from '../../apps/api/src/http/routes.js';
import { causeOf, isHightop, pathFor } from '../support/any-route.js';
import { MemoryApi } from '../support/memory-api.js';

let api: MemoryApi;
beforeAll(async () => {
  api = await MemoryApi.start();
});
afterAll(() => api.close());

const protectedRoutes = routesOf(CONTROLLERS).flatMap((route) =>
  route.access === undefined || route.access === 'public' ? [] : [{ ...route, access: route.access }],
);

async function answers(method: string, path: string, as: string) {
  const reply = await api.call({
    method: method as 'GET',
    path: pathFor(path, as),
    as,
    ...(method === 'GET' ? {} : { body: { nothing: 'like it' } }),
  });
  return { status: reply.status, code: causeOf(reply) };
}

/** A backend pays only where its key says so. */
const lacksScope = (route: Route, role: Role): boolean =>
  role !== 'seller' && !hasScope({ role, scopes: null }, neededScope(route, role));

describe('roles', () => {
  const cases = protectedRoutes.flatMap((route) => ROLES.map((role) => ({ ...route, role })));

  it.each(cases)('$method $path as $role', async ({ role, ...route }) => {
    const { method, path, access } = route;
    const { status, code } = await answers(method, path, role);
    const stranger = isHightop(path) && role !== 'agent';
    if (stranger) expect([status, code]).toEqual([401, 'authentication_failed']);
    else if (mayCall(access, role) && lacksScope(route, role))
      expect([status, code]).toEqual([403, 'insufficient_scope']);
    else if (mayCall(access, role)) expect([401, 403]).not.toContain(status);
    else expect([status, code]).toEqual([403, 'permission_denied']);
  });

  it.each(protectedRoutes)('$method $path without credentials is 401', async ({ method, path }) => {
    expect(await answers(method, path, 'nobody')).toEqual({ status: 401, code: 'authentication_failed' });
  });

  it("an operator's route refuses an admin of another workspace", async () => {
    for (const { method, path, access } of protectedRoutes) {
      if (!access.operator) continue;
      expect(await answers(method, path, 'admin2')).toEqual({ status: 403, code: 'permission_denied' });
    }
  });

  it('a revoked key stops at once', async () => {
    const created = await api.call({
      method: 'POST',
      path: '/purser/v1/keys',
      as: 'admin',
      body: { role: 'auditor' satisfies Role, person: 'eve' },
    });
    api.secrets['eve'] = created.body.secret as string;
    expect((await api.call({ path: '/purser/v1/workspace', as: 'eve' })).status).toBe(200);
    const id = created.body.key.key_id as string;
    await api.call({ method: 'POST', path: `/purser/v1/keys/${id}/revoke`, as: 'admin' });
    expect((await api.call({ path: '/purser/v1/workspace', as: 'eve' })).status).toBe(401);
  });

  it('a route that does not say who may call it keeps the process from starting', () => {
    @Controller('forgotten')
    class ForgottenController {
      @Get()
      open(): string {
        return '';
      }
    }
    expect(() => assertAccessDeclared([...CONTROLLERS, ForgottenController])).toThrow(
      /ForgottenController.open/,
    );
  });
});
