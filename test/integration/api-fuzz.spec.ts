// Requests made from our own description, against the API as it is served on PostgreSQL: no failure of ours, nothing that is not described, and
// no effect without credentials. `npm run fuzz` sends five times as many; PURSER_SEED repeats a run.
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { credentialsFor, Household, type Ask, type Reply, type Tenant } from '../support/household.js';
import { Judge } from '../support/fuzz-judge.js';
import { plansOf, type IdPlan, type Plan, type Who } from '../support/fuzz-requests.js';
import { readDocument, type Document } from '../support/openapi-document.js';
import { PostgresApi } from '../support/postgres-api.js';
import { smallest } from '../support/smallest.js';

const REQUESTS = Number(process.env['PURSER_FUZZ'] ?? 20_000);
const SEED = Number(process.env['PURSER_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
/** A workspace lasts no longer: sooner or later somebody has revoked its keys and killed its agent. */
const PER_TENANT = 400;
const AT_ONCE = 16;

let api: PostgresApi;
let household: Household;
let document: Document;
let judge: Judge;
let stranger: Tenant;
beforeAll(async () => {
  api = await PostgresApi.start();
  // Nobody waits: a request that would be held is answered with what is known.
  api.http.stopping.begin();
  household = new Household(api, call, await api.operatorKey());
  document = await readDocument(call);
  judge = new Judge(document);
  stranger = await household.tenant();
  console.log(`fuzz: ${REQUESTS} requests, PURSER_SEED=${SEED}`);
});
afterAll(() => api?.close());

async function call({ method, path, headers = {}, body }: Ask): Promise<Reply> {
  const reply = await api.http.call({
    method: method as 'GET',
    path,
    as: 'nobody',
    headers,
    ...(body === undefined ? {} : { body }),
  });
  const { status, body: answer } = reply;
  const text = typeof answer === 'string' ? answer : JSON.stringify(answer);
  return { status, headers: reply.headers, text, body: answer as unknown };
}

const KINDS = [
  'operations',
  'approvals',
  'agents',
  'keys',
  'wallets',
  'approver-keys',
  'stops',
  'grants',
  'delegations',
  'approver-groups',
];
const ID = /[a-z]+_[0-9a-z]{26}\b|\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/g;

/** Ids that requests of one tenant may name, by what stands before them in a path. */
class Ids {
  private readonly known = new Map<string, string[]>();

  static async of(tenant: Tenant): Promise<Ids> {
    const ids = new Ids();
    for (const kind of KINDS) ids.known.set(kind, [await household.object([kind], tenant)]);
    return ids;
  }

  add(kind: string, text: string): void {
    const some = this.known.get(kind);
    if (some && some.length < 40) some.push(...(text.match(ID) ?? []).slice(0, 2));
  }

  nth(kind: string, nth: number): string {
    const some = this.known.get(kind) ?? this.known.get('agents') ?? [];
    return some[nth % some.length] ?? 'none';
  }
}

interface Place {
  readonly tenant: Tenant;
  readonly home: Ids;
  readonly away: Ids;
  readonly revoked: string;
}

async function place(away: Ids): Promise<Place> {
  const tenant = await household.tenant();
  const made = await call({
    method: 'POST',
    path: '/purser/v1/keys',
    headers: { authorization: `Bearer ${tenant.keys.admin}` },
    body: { role: 'admin', person: 'gone@example.com' },
  });
  await call({
    method: 'POST',
    path: `/purser/v1/keys/${made.body.key.key_id as string}/revoke`,
    headers: { authorization: `Bearer ${tenant.keys.admin}` },
  });
  return { tenant, home: await Ids.of(tenant), away, revoked: made.body.secret as string };
}

function credentials(who: Who, { security }: Pick<NonNullable<Plan['route']>, 'security'>, at: Place) {
  if (who === 'nobody' || security.length === 0) return {};
  const { agentId, keys } = at.tenant;
  const key: Record<string, string> = {
    ...keys,
    made_up: `prs_test_${'0'.repeat(60)}`,
    revoked: at.revoked,
    mangled: `${keys.admin.slice(0, -1)}${keys.admin.endsWith('0') ? '1' : '0'}`,
    as_another_agent: stranger.keys.agent.slice(0, 20),
  };
  return credentialsFor(security, {
    agentId: who === 'as_another_agent' ? stranger.agentId : agentId,
    key: key[who] ?? '',
  });
}

function asked(plan: Plan, at: Place): Ask {
  const idOf = (id: IdPlan | undefined, kind: string): string => {
    if (id === undefined) return 'none';
    if (id.of === 'text') return id.text;
    return (id.of === 'home' ? at.home : at.away).nth(kind, id.nth);
  };
  let next = 0;
  const parts = plan.path.split('/');
  const path = parts
    .map((part, index) => (part.startsWith('{') ? idOf(plan.ids[next++], parts[index - 1] ?? '') : part))
    .join('/');
  const query = plan.query.map(([name, value]) => `${encodeURIComponent(name)}=${safely(value)}`).join('&');
  const { body } = plan;
  return {
    method: plan.method,
    path: encodeURI(path).replaceAll('%25', '%') + (query === '' ? '' : `?${query}`),
    headers: {
      ...(plan.route ? credentials(plan.who, plan.route, at) : {}),
      ...plan.headers,
      ...(body.kind === 'raw' ? { 'content-type': body.contentType } : {}),
    },
    ...(body.kind === 'none' ? {} : { body: body.kind === 'raw' ? body.text : body.value }),
  };
}

/** Half a surrogate has no place in a URL. */
const safely = (text: string): string => encodeURIComponent(text.toWellFormed());

/** How often each status came. */
const seen = new Map<number, number>();

/** One of each kind is enough. */
const faults = new Map<string, string>();

async function fire(plan: Plan, at: Place): Promise<void> {
  const ask = asked(plan, at);
  const fault = await faultOf(plan, ask, at);
  if (fault === null) return;
  const kind = `${plan.method} ${plan.path} ${fault.split('\n')[0]}`;
  if (faults.has(kind) || faults.size >= 30) return;
  faults.set(kind, fault);
  const least = await smallest(ask, async (it) => (await faultOf(plan, it, at)) !== null);
  const said = least ? await faultOf(plan, least, at) : fault;
  const how = least ? 'smallest' : 'failed once, not again';
  faults.set(kind, `${said ?? fault}\n${how}: ${JSON.stringify(least ?? ask)}`);
}

async function faultOf(plan: Plan, ask: Ask, at: Place): Promise<string | null> {
  const reply = await call(ask).catch((error: unknown) => error as Error);
  if (reply instanceof Error) return `no answer: ${reply.message}`;
  const { route, who } = plan;
  const about = (fault: string): string =>
    `${fault}\n${ask.method} ${plan.path} as ${who}: ${reply.status} ${reply.text.slice(0, 600)}\n${JSON.stringify(api.logged.at(-1) ?? null)}`;
  seen.set(reply.status, (seen.get(reply.status) ?? 0) + 1);
  const fault = judge.fault(route, reply);
  if (fault !== null) return about(fault);
  const guarded = (route?.security.length ?? 0) > 0;
  if (guarded && UNKNOWN.includes(who) && reply.status < 400) return about('an answer without credentials');
  // No request names it, so no answer can have it from there.
  if (reply.text.includes(stranger.workspaceId)) return about('of another workspace');
  if (Object.values(at.tenant.keys).some((key) => reply.text.includes(key)))
    return about('a key in an answer');
  if (reply.status < 300 && guarded)
    at.home.add(plan.path.split('/').findLast((it) => KINDS.includes(it)) ?? '', reply.text);
  return null;
}

/** All of them, some at a time. */
async function fireAll(plans: readonly Plan[], at: Place): Promise<void> {
  let next = 0;
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      for (let plan = plans[next++]; plan; plan = plans[next++]) await fire(plan, at);
    }),
  );
  await api.idle();
}

function report(): void {
  const found = [...faults.values()];
  faults.clear();
  if (found.length > 0)
    throw new Error(`${found.length} kinds of fault, PURSER_SEED=${SEED}\n\n${found.join('\n\n')}`);
}

const UNKNOWN: readonly Who[] = ['nobody', 'made_up', 'revoked', 'mangled', 'as_another_agent'];
const KNOWN: readonly Who[] = [
  'admin',
  'agent',
  'agent',
  'agent',
  'approver',
  'auditor',
  'backend',
  'seller',
];

describe('whatever is sent', () => {
  it('without credentials changes no row of any table', async () => {
    const at = await place(await Ids.of(stranger));
    await api.idle();
    const before = await api.contents();
    const plans = fc.sample(plansOf(document, UNKNOWN), {
      numRuns: Math.floor(REQUESTS / 5),
      seed: SEED,
    });
    await fireAll(plans, at);
    expect(await api.contents()).toEqual(before);
    report();
  }, 900_000);

  it('is answered as described', async () => {
    const away = await Ids.of(stranger);
    const count = Math.ceil(REQUESTS * 0.8);
    const plans = plansOf(document, KNOWN);
    for (let sent = 0; sent < count; sent += PER_TENANT) {
      const numRuns = Math.min(PER_TENANT, count - sent);
      await fireAll(fc.sample(plans, { numRuns, seed: SEED + 1 + sent }), await place(away));
    }
    report();
    // Requests that fail at the first check try nothing behind it.
    const done = [...seen].reduce((sum, [status, times]) => sum + (status < 300 ? times : 0), 0);
    console.log(`fuzz: ${JSON.stringify(Object.fromEntries([...seen].toSorted(([a], [b]) => a - b)))}`);
    expect(done).toBeGreaterThan(count / 10);
  }, 900_000);
});
