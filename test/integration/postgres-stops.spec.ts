import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseEvmAddress, type OperationId } from '#domain';
import type { StopOrder, StopScope } from '#engine';
import { createAdministration } from '#postgres';
import { NETWORK, SELLER } from '../support/builders.js';
import {
  acceptTerms,
  aPlace,
  approve,
  opened,
  prepare,
  requestApproval,
  RESERVE,
  storeBench,
  Walker,
  type Bench,
  type Place,
} from '../support/postgres-store.js';

const BY = { type: 'admin', id: 'test' } as const;
const HOST = 'api.shop.example';
const OTHER = parseEvmAddress(`0x${'77'.repeat(20)}`);
const order = (scope: StopScope): StopOrder => ({
  scope,
  reason: 'drill',
  by: { actor: BY, person: 'ann' },
  cancelOnChain: false,
});

let bench: Bench;
let stops: ReturnType<typeof createAdministration>['stops'];
beforeAll(async () => {
  bench = await storeBench();
  ({ stops } = createAdministration(bench.poolOf('purser_system'), { keyEnvironment: 'test' }));
});
afterAll(() => bench?.close());

/** Until `sessions` of this database wait for a lock. */
async function blocked(sessions: number): Promise<void> {
  for (;;) {
    const { rows } = await bench.owner.query(
      `SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
    );
    if (rows.length >= sessions) return;
  }
}

async function lift(scope: StopScope): Promise<void> {
  const stop = await stops.find(scope);
  if (stop) await stops.carriedOut(stop);
  await stops.resume(scope, BY);
}

async function reserved(at: Place, over: object = {}): Promise<Walker> {
  const walker = await opened(bench.store, at);
  await walker.must(acceptTerms(10n, { resourceUrl: `https://${HOST}/report`, ...over }), RESERVE);
  return walker;
}

const SCOPES: readonly ((at: Place) => StopScope)[] = [
  () => ({ kind: 'global' }),
  ({ workspaceId }) => ({ kind: 'workspace', workspaceId }),
  (at) => ({ kind: 'agent', ...at }),
  ({ workspaceId }) => ({ kind: 'payee', workspaceId, payee: SELLER, network: null }),
  ({ workspaceId }) => ({ kind: 'payee', workspaceId, payee: SELLER, network: NETWORK }),
  () => ({ kind: 'payee', workspaceId: null, payee: SELLER, network: null }),
  ({ workspaceId }) => ({ kind: 'host', workspaceId, host: HOST }),
  ({ workspaceId }) => ({ kind: 'host', workspaceId, host: '*.shop.example' }),
  () => ({ kind: 'host', workspaceId: null, host: '*.example' }),
];

describe('a stop', () => {
  it.each(SCOPES)('is overtaken by no intent that asks while it waits: %# (S17)', async (scopeIn) => {
    const at = await aPlace(bench.owner);
    const scope = scopeIn(at);
    const [first, second] = await Promise.all([reserved(at), reserved(at)]);
    // An intent under way in another process: it holds what every intent holds until its commit.
    const intent = await bench.owner.connect();
    const wide = scope.kind === 'global' || scope.workspaceId === null ? 'global' : at.workspaceId;
    await intent.query('BEGIN');
    await intent.query('SELECT pg_advisory_xact_lock_shared(purser_stop_gate($1))', [wide]);
    await intent.query('SELECT FROM control WHERE scope = $1 FOR SHARE', [wide]);
    const paused = stops.stop(order(scope));
    await blocked(1);
    const late = first.do(prepare(10n));
    await blocked(2);
    await intent.query('COMMIT');
    intent.release();
    await paused;
    expect(await late).toMatchObject({ guard: 'stopped', details: { scope: scope.kind } });
    await lift(scope);
    await second.must(prepare(10n));
  });

  it.each(SCOPES)(
    'also keeps approvals from being asked for, and operations from being opened: %#',
    async (scopeIn) => {
      const at = await aPlace(bench.owner);
      const scope = scopeIn(at);
      const walker = await opened(bench.store, at);
      await walker.must(acceptTerms(10n, { resourceUrl: `https://${HOST}/report` }, true), RESERVE);
      await stops.stop(order(scope));
      expect(await walker.do(requestApproval(Date.now() + 60_000))).toMatchObject({
        guard: 'stopped',
        details: { scope: scope.kind },
      });
      const fresh = new Walker(bench.store, at);
      const request = { url: `https://${HOST}/other`, expect: { payTo: SELLER, network: NETWORK } };
      expect(await fresh.open({ request })).toMatchObject({
        guard: 'stopped',
        details: { scope: scope.kind },
      });
      const { rows } = await bench.owner.query('SELECT FROM idempotency WHERE operation_id = $1', [
        fresh.operationId,
      ]);
      expect(rows).toEqual([]);
      await lift(scope);
      expect(await fresh.open({ request })).toMatchObject({ outcome: 'opened' });
    },
  );

  it('of a payee or host touches nobody else: other payees, hosts, networks, agents and workspaces', async () => {
    const at = await aPlace(bench.owner);
    const elsewhere = await aPlace(bench.owner);
    const { workspaceId } = at;
    const scopes: StopScope[] = [
      { kind: 'payee', workspaceId, payee: SELLER, network: 'eip155:1' as typeof NETWORK },
      { kind: 'payee', workspaceId, payee: OTHER, network: null },
      { kind: 'host', workspaceId, host: 'shop.example' },
      { kind: 'host', workspaceId, host: '*.api.shop.example' },
      { kind: 'host', workspaceId: elsewhere.workspaceId, host: HOST },
      { kind: 'payee', workspaceId: elsewhere.workspaceId, payee: SELLER, network: null },
      { kind: 'agent', ...elsewhere },
    ];
    const walker = await reserved(at);
    const theirs = await reserved(elsewhere);
    for (const scope of scopes) await stops.stop(order(scope));
    await walker.must(prepare(10n));
    expect(await theirs.do(prepare(10n))).toMatchObject({ guard: 'stopped' });
    for (const scope of scopes) await lift(scope);
    await theirs.must(prepare(10n));
  });

  it('of a host with a dot at its end is not slipped past', async () => {
    const at = await aPlace(bench.owner);
    const scope: StopScope = { kind: 'host', workspaceId: at.workspaceId, host: HOST };
    const walker = await reserved(at, { resourceUrl: `https://${HOST.toUpperCase()}./report` });
    await stops.stop(order(scope));
    expect(await walker.do(prepare(10n))).toMatchObject({ details: { scope: 'host', host: HOST } });
  });

  it.each(SCOPES)(
    'lists what is open and live in its scope, in every workspace it holds for: %#',
    async (scopeIn) => {
      const at = await aPlace(bench.owner);
      const scope = scopeIn(at);
      const live = await reserved(at);
      await live.must(prepare(10n));
      const asked = await opened(bench.store, at);
      await asked.must(acceptTerms(10n, { resourceUrl: `https://${HOST}/report` }, true), RESERVE);
      await asked.must(requestApproval(Date.now() + 60_000));
      const other = await aPlace(bench.owner);
      const outside = await reserved(other, { resourceUrl: 'https://elsewhere.test/', payTo: OTHER });
      await outside.must(prepare(10n, undefined, { to: OTHER }));
      await stops.stop(order(scope));
      const ids = async (what: 'stillLive' | 'openApprovals'): Promise<OperationId[]> =>
        (await stops[what](scope, null)).items.map((it) => it.operationId);
      const [lives, opens] = [await ids('stillLive'), await ids('openApprovals')];
      expect(lives).toContain(live.operationId);
      expect(opens).toContain(asked.operationId);
      expect(lives.includes(outside.operationId)).toBe(scope.kind === 'global');
      await lift(scope);
    },
  );

  it('leaves approvals alone that were used: they are as many as were ever granted', async () => {
    const at = await aPlace(bench.owner);
    const accepted = acceptTerms(10n, {}, true);
    const [used, unused] = [await opened(bench.store, at), await opened(bench.store, at)];
    for (const walker of [used, unused]) {
      await walker.must(accepted, RESERVE);
      await walker.must(requestApproval(Date.now() + 60_000));
      await walker.must(approve(), { ...accepted, type: 'ConfirmTerms' });
    }
    await used.must(prepare(10n));
    for (const kind of ['workspace', 'payee'] as const) {
      const scope: StopScope = { kind, workspaceId: at.workspaceId, payee: SELLER, network: null };
      const { items } = await stops.openApprovals(scope, null);
      expect(items.map((it) => it.operationId)).toEqual([unused.operationId]);
    }
    const attention = { type: 'RequireAttention', code: 'needs_attention', details: {} } as const;
    await unused.must(attention);
    const scope: StopScope = { kind: 'agent', ...at };
    expect((await stops.openApprovals(scope, null)).items).toHaveLength(1);
  });

  it('is one row, however often it is asked for; a wish to cancel on chain is added, and is then to be carried out', async () => {
    const { workspaceId } = await aPlace(bench.owner);
    const scope: StopScope = { kind: 'host', workspaceId, host: '*.example' };
    const first = await stops.stop(order(scope));
    await stops.carriedOut(first);
    expect(await stops.stop(order(scope))).toMatchObject({ stopId: first.stopId, carriedOut: true });
    const more = await stops.stop({ ...order(scope), cancelOnChain: true });
    expect(more).toMatchObject({ stopId: first.stopId, cancelOnChain: true, carriedOut: false });
    // Whoever carries out the first one does not speak for the second.
    await stops.carriedOut(first);
    await expect(stops.resume(scope, BY)).rejects.toMatchObject({ code: 'stop_under_way' });
    await stops.carriedOut(more);
    await stops.resume(scope, BY);
    expect(await stops.find(scope)).toBeNull();
  });

  it('that nobody carries out is taken up by one worker at a time, after a while', async () => {
    const { workspaceId } = await aPlace(bench.owner);
    const stop = await stops.stop(order({ kind: 'workspace', workspaceId }));
    await bench.owner.query('UPDATE stop SET carried_out_at = now() WHERE stop_id <> $1', [stop.stopId]);
    expect(await stops.take(5)).toEqual([]);
    await stops.giveBack(stop);
    const taken = await Promise.all([stops.take(5), stops.take(5)]);
    expect(taken.flat().map((it) => it.stopId)).toEqual([stop.stopId]);
    await stops.carriedOut(stop);
  });
});
