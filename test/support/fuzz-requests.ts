// Requests made from the description: mostly what it allows, then spoilt here and there. Which ids and keys stand in them is decided when they
// are sent, so that the same seed makes the same requests in every run.
import fc from 'fast-check';
import type { Role } from '#engine';
import { NETWORK, TOKEN } from './builders.js';
import type { DescribedRoute, Document } from './openapi-document.js';
import { anyOf } from './openapi-samples.js';

/** Whose credentials go along; `nobody` none, the others such as prove nothing. */
export type Who = Role | 'nobody' | 'made_up' | 'revoked' | 'mangled' | 'as_another_agent';

/** What stands in the place of an id: one of ours or of another workspace's by number, or a text of its own. */
export type IdPlan =
  { readonly of: 'home' | 'stranger'; readonly nth: number } | { readonly of: 'text'; readonly text: string };

export type BodyPlan =
  | { readonly kind: 'none' }
  | { readonly kind: 'json'; readonly value: unknown }
  | { readonly kind: 'raw'; readonly text: string; readonly contentType: string };

export interface Plan {
  readonly route: DescribedRoute | null;
  readonly method: string;
  /** With `{id}`. */
  readonly path: string;
  readonly who: Who;
  readonly ids: readonly IdPlan[];
  readonly query: readonly (readonly [string, string])[];
  readonly headers: Readonly<Record<string, string>>;
  readonly body: BodyPlan;
}

const HEAVY = 'x'.repeat(70_000);
const DEEP = '{"a":'.repeat(300) + '1' + '}'.repeat(300);
/** What programs trip over. */
const ODD: readonly unknown[] = [
  null,
  true,
  '',
  ' ',
  0,
  -1,
  1.5,
  2 ** 53,
  '-1',
  '1e3',
  '00',
  '9'.repeat(78),
  '9'.repeat(90),
  '0x',
  `0x${'0'.repeat(40)}`,
  '\u0000',
  '\ud800',
  '‮',
  'https://user:pw@shop.example/item',
  'http://169.254.169.254/',
  'x'.repeat(5_000),
  [],
  [null],
  {},
  { __proto__: { a: 1 } },
  [[[[[[]]]]]],
];
const ODD_TEXT = ['', 'x', '%00', '%2e%2e%2f', '%', '%zz', 'é', 'a'.repeat(300), "' OR 1=1 --", '{id}'];
const RAW: readonly (readonly [string, string])[] = [
  ['{', 'application/json'],
  ['null', 'application/json'],
  ['"text"', 'application/json'],
  ['[]', 'application/json'],
  ['{"a":1,"a":2}', 'application/json'],
  ['{"__proto__":{"a":1}}', 'application/json'],
  [DEEP, 'application/json'],
  [`{"note":"${HEAVY}"}`, 'application/json'],
  ['a=1', 'application/x-www-form-urlencoded'],
  ['<a/>', 'application/xml'],
  ['{}', 'text/plain'],
  ['{}', 'application/json; charset=utf-16'],
  ['', 'application/json'],
];

/** Plans for guarded and public routes alike, by callers of these kinds; mostly by those whom the route is for, where they are among them. */
export function plansOf(document: Document, callers: readonly Who[]): fc.Arbitrary<Plan> {
  const routes = document.routes.filter(({ path }) => path !== '/metrics');
  const onRoute = fc.oneof(...routes.map((route) => planOf(document, route, callers)));
  return fc.oneof({ weight: 60, arbitrary: onRoute }, { weight: 1, arbitrary: off(document, callers) });
}

function planOf(document: Document, route: DescribedRoute, callers: readonly Who[]): fc.Arbitrary<Plan> {
  const { method, path, parameters, roles } = route;
  const names = [...path.matchAll(/\{\w+\}/g)];
  return fc.record({
    route: fc.constant(route),
    method: fc.constant(method),
    path: fc.constant(path),
    who: callerOf(
      callers.filter((who) => roles.includes(who)),
      callers,
    ),
    ids: fc.tuple(...names.map(() => ids())),
    query: queryOf(document, parameters),
    headers: headersOf(parameters),
    body: bodyOf(document, route),
  });
}

const callerOf = (meant: readonly Who[], all: readonly Who[]): fc.Arbitrary<Who> =>
  fc.oneof(
    { weight: meant.length === 0 ? 0 : 9, arbitrary: fc.constantFrom(...(meant.length === 0 ? all : meant)) },
    { weight: 1, arbitrary: fc.constantFrom(...all) },
  );

/** Beside every route. */
function off(document: Document, callers: readonly Who[]): fc.Arbitrary<Plan> {
  const paths = [
    ...document.routes.map(({ path }) => path),
    '/',
    '/nowhere',
    '/purser/v1/nowhere',
    '/%',
    '//',
  ];
  return fc.record({
    route: fc.constant(null),
    method: fc.constantFrom('DELETE', 'PATCH', 'OPTIONS', 'HEAD', 'TRACE', 'PUT'),
    path: fc.constantFrom(...paths),
    who: fc.constantFrom(...callers),
    ids: fc.array(ids(), { minLength: 2, maxLength: 2 }),
    query: fc.constant([]),
    headers: fc.constant({}),
    body: fc.constantFrom<BodyPlan>({ kind: 'none' }, { kind: 'json', value: {} }),
  });
}

const ids = (): fc.Arbitrary<IdPlan> =>
  fc.oneof(
    { weight: 6, arbitrary: fc.record({ of: fc.constant('home' as const), nth: fc.nat(50) }) },
    { weight: 2, arbitrary: fc.record({ of: fc.constant('stranger' as const), nth: fc.nat(5) }) },
    {
      weight: 2,
      arbitrary: fc.record({ of: fc.constant('text' as const), text: fc.constantFrom(...ODD_TEXT) }),
    },
  );

function queryOf(document: Document, parameters: DescribedRoute['parameters']) {
  const described = parameters
    .filter((it) => it.in === 'query')
    .map(({ name, schema = {} }) =>
      fc.tuple(
        fc.constant(name),
        fc.oneof(
          { weight: 4, arbitrary: anyOf(document.schemas, schema).map(String) },
          { weight: 1, arbitrary: fc.constantFrom(...ODD_TEXT) },
        ),
      ),
    );
  const unknown = fc.tuple(fc.constantFrom('nothing', '__proto__', 'limit[]'), fc.constant('1'));
  return fc
    .array(fc.oneof(...described, unknown), { maxLength: described.length === 0 ? 1 : 3 })
    .map((pairs) =>
      // A stranger to the description now and then is enough.
      pairs.filter(([name], index) => index === 0 || name !== 'nothing'),
    );
}

function headersOf(parameters: DescribedRoute['parameters']): fc.Arbitrary<Record<string, string>> {
  const key = fc.oneof(
    { weight: 8, arbitrary: fc.nat(30).map((number) => `key-${number}`) },
    { weight: 2, arbitrary: fc.constantFrom('', ' ', 'é', 'k'.repeat(201), '0') },
  );
  const keyed = parameters.some((it) => it.name.toLowerCase() === 'idempotency-key');
  const named = { 'x-request-id': fc.constantFrom('a', 'b'.repeat(300), '<script>', 'é') };
  const all = keyed ? { ...named, 'idempotency-key': key } : named;
  const some = fc.record(all, { requiredKeys: [] }) as fc.Arbitrary<Record<string, string>>;
  if (!keyed) return fc.oneof({ weight: 9, arbitrary: fc.constant({}) }, { weight: 1, arbitrary: some });
  return fc.oneof(
    { weight: 9, arbitrary: key.map((text) => ({ 'idempotency-key': text })) },
    { weight: 1, arbitrary: some },
  );
}

const json = (value: unknown): BodyPlan => ({ kind: 'json', value });

function bodyOf(document: Document, route: DescribedRoute): fc.Arbitrary<BodyPlan> {
  const raw = fc
    .constantFrom(...RAW)
    .map(([text, contentType]): BodyPlan => ({ kind: 'raw', text, contentType }));
  const none: fc.Arbitrary<BodyPlan> = fc.constant({ kind: 'none' });
  if (!route.body)
    return route.method === 'GET'
      ? none
      : fc.oneof({ weight: 6, arbitrary: none }, { weight: 1, arbitrary: raw });
  const allowed = anyOf(document.schemas, route.body).map(served);
  const spoilt = fc
    .tuple(allowed, fc.array(fc.tuple(fc.nat(), fc.constantFrom(...ODD)), { minLength: 1, maxLength: 2 }))
    .map(([value, changes]) => changes.reduce((it, [where, odd]) => spoil(it, where, odd), value));
  return fc.oneof(
    { weight: 6, arbitrary: allowed.map(json) },
    { weight: 3, arbitrary: spoilt.map(json) },
    { weight: 1, arbitrary: fc.oneof(raw, none) },
  );
}

/** Mostly the network and token that are served here, or every payment would end at the same check. */
function served(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(served);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => {
      if (name === 'network' && typeof inner === 'string') return [name, NETWORK];
      if (name === 'asset' && typeof inner === 'string') return [name, TOKEN];
      return [name, served(inner)];
    }),
  );
}

/** One place of it is something else, gone, or there as well. */
function spoil(value: unknown, where: number, odd: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return odd;
  const entries = Object.entries(value);
  const at = where % (entries.length + 2);
  const found = entries[at];
  if (!found) return at === entries.length ? { ...value, unheard_of: odd } : value;
  const [name, inner] = found;
  if (where % 3 === 0) return Object.fromEntries(entries.filter(([it]) => it !== name));
  if (where % 3 === 1 && typeof inner === 'object' && inner !== null)
    return { ...value, [name]: spoil(inner, where >> 2, odd) };
  return { ...value, [name]: odd };
}
