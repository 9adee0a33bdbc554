// What the store refuses inside the commit: stops, uncovered wallets, repeated nonces, agents without a budget.
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseAgentId } from '#domain';
import { NETWORK, TOKEN, WALLET } from '../support/builders.js';
import { walletOf } from '../support/postgres-books.js';
import {
  acceptTerms,
  addAgent,
  aPlace,
  opened,
  prepare,
  RESERVE,
  storeBench,
  type Walker,
  type Bench,
  type Place,
} from '../support/postgres-store.js';

let bench: Bench;
let place: Place;
beforeAll(async () => {
  bench = await storeBench();
  place = await aPlace(bench.owner);
});
afterAll(() => bench?.close());

const wallet = (at: Place) => walletOf(bench.owner, at);

const reserved = async (at: Place, amount = 10n): Promise<Walker> => {
  const walker = await opened(bench.store, at);
  await walker.must(acceptTerms(amount), RESERVE);
  return walker;
};

describe('stops, wallets and nonces guard the intent', () => {
  it('refuses under every stop, and nothing of the commit stays', async () => {
    const at = await aPlace(bench.owner);
    const walker = await reserved(at);
    const meddle = (sql: string): Promise<unknown> => bench.owner.query(sql);
    const stops: readonly [string, string, string][] = [
      [
        `UPDATE control SET paused = true WHERE scope = '${at.workspaceId}'`,
        `UPDATE control SET paused = false WHERE scope = '${at.workspaceId}'`,
        'workspace',
      ],
      [
        `INSERT INTO stop (workspace_id, stop_id, kind, target, actor, person) VALUES ('${at.workspaceId}', 's', 'agent', '${at.agentId}', '{}', '');
         UPDATE control SET narrow = true WHERE scope = '${at.workspaceId}'`,
        'DELETE FROM stop',
        'agent',
      ],
      [
        `UPDATE cluster SET quarantined_until = now() + interval '1 hour'`,
        'UPDATE cluster SET quarantined_until = NULL',
        'quarantine',
      ],
      [
        `UPDATE control SET paused = true WHERE scope = 'global'`,
        `UPDATE control SET paused = false WHERE scope = 'global'`,
        'global',
      ],
    ];
    for (const [stop, resume, scope] of stops) {
      await meddle(stop);
      expect(await walker.do(prepare(10n))).toMatchObject({ guard: 'stopped', details: { scope } });
      await meddle(resume);
    }
    expect(await wallet(at)).toMatchObject({ committed: '0' });
    await walker.must(prepare(10n));
  });

  it('refuses what the wallet does not cover after live authorizations', async () => {
    const at = await aPlace(bench.owner);
    await bench.owner.query('UPDATE wallet_asset SET balance = 25 WHERE workspace_id = $1', [at.workspaceId]);
    const walkers = await Promise.all([1, 2, 3].map(() => reserved(at)));
    const outcomes = await Promise.all(walkers.map((walker) => walker.do(prepare(10n))));
    expect(outcomes.filter((it) => it.ok)).toHaveLength(2);
    expect(outcomes.find((it) => !it.ok)).toEqual({
      ok: false,
      reason: 'guard',
      guard: 'wallet',
      details: { balance: '25', committed: '20', needed: '10' },
    });
    const other = await reserved(at);
    await bench.owner.query(
      'DELETE FROM wallet_asset WHERE workspace_id = $1 AND wallet_id = $2 AND network = $3 AND token = $4',
      [at.workspaceId, WALLET, NETWORK, TOKEN],
    );
    expect(await other.do(prepare(10n))).toMatchObject({ guard: 'wallet' });
  });

  it('accepts a nonce once, also within one batch', async () => {
    const nonce = 'ab'.repeat(32);
    const walkers = await Promise.all([1, 2, 3, 4].map(() => reserved(place)));
    const outcomes = await Promise.all(walkers.map((walker) => walker.do(prepare(10n, nonce))));
    expect(outcomes.filter((it) => it.ok)).toHaveLength(1);
    expect(
      outcomes.filter((it) => !it.ok && it.reason === 'guard' && it.guard === 'duplicate_nonce'),
    ).toHaveLength(3);
  });
});

describe('agents', () => {
  it('without a budget in the unit may not pay', async () => {
    const at = await aPlace(bench.owner, {});
    const walker = await opened(bench.store, at);
    expect(await walker.do(acceptTerms(1n), RESERVE)).toEqual({
      ok: false,
      reason: 'guard',
      guard: 'no_budget',
      details: { unit: 'USD6', needed: '1' },
    });
    const second = { ...at, agentId: parseAgentId(randomUUID()) };
    await addAgent(bench.owner, second, { lifetime: 5n });
    expect(await (await opened(bench.store, second)).do(acceptTerms(1n), RESERVE)).toMatchObject({
      ok: true,
    });
  });
});
