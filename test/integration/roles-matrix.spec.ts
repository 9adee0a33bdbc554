// Every route, with every role, on an object of the caller's own workspace, on one of another workspace and on none at all; over HTTP and on
// PostgreSQL. Routes come from the controllers and the description, so that a new one is tried without being added here.
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hasScope, type Role } from '#engine';
import { CONTROLLERS } from '../../apps/api/src/app.module.js';
import { ROLES } from '../../apps/api/src/http/access.js';
import { mayCall, neededScope, routesOf, type Route } from '../../apps/api/src/http/routes.js';
import { NETWORK, TOKEN } from '../support/builders.js';
import { credentialsFor, FIRST_KEY, Household, type Reply, type Tenant } from '../support/household.js';
import { readDocument, type DescribedRoute, type Document } from '../support/openapi-document.js';
import { leastOf } from '../support/openapi-samples.js';
import { callerAt } from '../support/http-caller.js';
import { PostgresApi } from '../support/postgres-api.js';

let api: PostgresApi;
let call: ReturnType<typeof callerAt>;
let household: Household;
let operatorKey: string;
let document: Document;
let home: Tenant;
let stranger: Tenant;
beforeAll(async () => {
  api = await PostgresApi.start();
  call = callerAt(await api.http.listen());
  operatorKey = await api.operatorKey();
  household = new Household(api, call, operatorKey);
  document = await readDocument(call);
  [home, stranger] = [await household.tenant(), await household.tenant()];
});
afterAll(() => api?.close());

const KNOWN = {
  network: NETWORK,
  asset: TOKEN,
  min: '10000',
  target: '20000',
  cap_per_day: '30000',
  team_id: null,
};

const ROUTES = routesOf(CONTROLLERS);
const guarded = ROUTES.flatMap((route) =>
  route.access === undefined || route.access === 'public' ? [] : [{ ...route, access: route.access }],
);

const IDS = /(?<=\/)([a-z]+_[0-9a-z]{26}|[0-9a-f-]{36})(?=\/|$)/g;
/** The same path to what does not exist, and is as well formed. */
const unlike = (path: string): string =>
  path.replaceAll(IDS, (id) => id.replace(/.$/, (last) => (last === '0' ? '1' : '0')));

function described({ method, path }: Route): DescribedRoute {
  const inBraces = path.replaceAll(/:(\w+)/g, '{$1}');
  const found = document.routes.find((it) => it.method === method && it.path === inBraces);
  if (!found) throw new Error(`${method} ${path} is not in the description`);
  return found;
}

/** The path with ids of the tenant's own objects in it. */
async function pathOf(path: string, tenant: Tenant): Promise<string> {
  const parts: string[] = [];
  for (const part of path.split('/'))
    parts.push(part.startsWith(':') ? await household.object(parts, tenant) : part);
  return parts.join('/');
}

function ask(route: Route, path: string, caller: { readonly agentId: string; readonly key: string } | null) {
  const { method, body, security, parameters } = described(route);
  const keyed = parameters.some((it) => it.name.toLowerCase() === 'idempotency-key');
  return call({
    method,
    path,
    headers: {
      ...(caller ? credentialsFor(security, caller) : {}),
      ...(keyed ? { 'idempotency-key': method === 'GET' ? FIRST_KEY : randomUUID() } : {}),
    },
    ...(body ? { body: leastOf(document.schemas, body, KNOWN) } : {}),
  });
}

const as = ({ agentId, keys }: Tenant, role: Role) => ({ agentId, key: keys[role] });

/** Without what differs from call to call. */
const told = ({ status, text }: Reply, path: string): unknown => [
  status,
  [...path.matchAll(IDS)]
    .reduce((left, [id]) => left.replaceAll(id, 'ID'), text)
    .replaceAll(/"(correlation_?[iI]d|timestamp)":"[^"]*"/g, ''),
];

function allows(route: (typeof guarded)[number], role: Role): boolean {
  const { access, path } = route;
  // In the Hightop dialect a key counts only beside its own agent's id.
  if (path.startsWith('/v1/agent/') && role !== 'agent') return false;
  return (
    mayCall(access, role) && (role === 'seller' || hasScope({ role, scopes: null }, neededScope(route, role)))
  );
}

describe('every route', () => {
  it('is described', () => {
    for (const route of guarded) described(route);
  });

  it.each(guarded)('$method $path turns away everybody else, whatever is named', async (route) => {
    const targets = await Promise.all([pathOf(route.path, home), pathOf(route.path, stranger)]);
    const paths = new Set([...targets, targets[0] === route.path ? route.path : unlike(targets[0] ?? '')]);
    await api.idle();
    const before = await api.contents();
    for (const role of ROLES) {
      if (allows(route, role) && !route.access.operator) continue;
      const answers = [];
      for (const path of paths) answers.push(await ask(route, path, as(home, role)));
      const statuses = new Set(answers.map((it) => it.status));
      expect([...statuses], `${role}: ${answers[0]?.text}`).toHaveLength(1);
      expect([401, 403], `${role}: ${answers[0]?.text}`).toContain([...statuses][0]);
    }
    for (const path of paths) expect((await ask(route, path, null)).status).toBe(401);
    expect(await api.contents()).toEqual(before);
  });

  const named = guarded.filter(({ path, access }) => path.includes('/:id') && !access.operator);
  it.each(named)('$method $path knows nothing of what is another workspace’s', async (route) => {
    const [own, theirs] = await Promise.all([pathOf(route.path, home), pathOf(route.path, stranger)]);
    await api.idle();
    const before = await api.contents();
    for (const role of ROLES) {
      if (!allows(route, role)) continue;
      const foreign = await ask(route, theirs, as(home, role));
      const missing = await ask(route, unlike(own), as(home, role));
      // A request that is wrong in itself may be told so first; then it is told so of everything.
      // Where an agent has to name itself, it is told of every other one that it is not that.
      const itself = role === 'agent' && /^\/v1\/agents\/:id(\/|$)/.test(route.path);
      expect(itself ? [403] : [400, 404], `${role}: ${foreign.text}`).toContain(foreign.status);
      expect(told(foreign, theirs), role).toEqual(told(missing, unlike(own)));
      if (foreign.status !== 400) continue;
      const mine = await ask(route, own, as(home, role));
      expect(mine.status, `${role}: a valid request is needed to try this: ${mine.text}`).toBe(400);
      expect.soft(mine.status, `${route.method} ${route.path}: the least body is no valid one`).toBe(404);
    }
    expect(await api.contents()).toEqual(before);
  });

  it.each(guarded)('$method $path lets in whom it is for', async (route) => {
    for (const role of ROLES) {
      if (!allows(route, role)) continue;
      const tenant = route.method === 'GET' ? home : await household.tenant();
      const path = await pathOf(route.path, tenant);
      const caller = route.access.operator ? { agentId: '', key: operatorKey } : as(tenant, role);
      const reply = await ask(route, path, caller);
      const what = `${role}: ${reply.status} ${reply.text}`;
      expect([...described(route).answers.keys()], what).toContain(reply.status);
      expect([401, 500], what).not.toContain(reply.status);
      // What a body names need not exist; what the path names does.
      if (reply.status === 404)
        expect([route.path.includes('/:'), reply.text.includes('"route"')]).toEqual([false, false]);
      expect(['permission_denied', 'insufficient_scope'], what).not.toContain(reply.body?.error?.code);
      if (route.path.includes('/system/')) await ask(systemResume(), '/purser/v1/system/resume', caller);
    }
  });

  it.each(ROUTES.filter(({ access }) => access === 'public'))(
    '$method $path is for everybody',
    async ({ method, path }) => {
      const target = path.replace(':asset', 'swagger-ui.css');
      const headers = { authorization: `Bearer ${home.keys.agent}` };
      const answers = [await call({ method, path: target }), await call({ method, path: target, headers })];
      expect(answers.map((it) => it.status)).toEqual([200, 200]);
    },
  );
});

function systemResume(): Route {
  const found = ROUTES.find(({ path }) => path === '/purser/v1/system/resume');
  if (!found) throw new Error('there is no way back from a stop');
  return found;
}
