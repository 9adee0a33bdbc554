// Callers without a key, and callers who ask again after a refusal (rulings 3 and 4), on the engine in memory.
import { beforeEach, describe, expect, it } from 'vitest';
import { parseIdempotencyKey, Refusal, type Hex32, type OperationId } from '#domain';
import { aPolicy, hex32, NETWORK, PAYER, WORKSPACE } from '../../../../test/support/builders.js';
import {
  BOB,
  PRINCIPAL,
  request,
  tickingInstallation,
  type TickingInstallation,
  type WantedRequest,
} from '../../../../test/support/ticking-installation.js';
import { approve, mayBeRepeated, submitAgain, type ChainException } from '../index.js';

let purser: TickingInstallation;
beforeEach(async () => {
  purser = tickingInstallation();
  await purser.blocks(1);
});

async function ask(wanted: WantedRequest = request('clean'), key: string | null = null) {
  const { operationId, replayed } = await submitAgain(purser.ports, PRINCIPAL, {
    key: key === null ? null : parseIdempotencyKey(key),
    request: wanted,
    body: null,
  });
  return { id: operationId, replayed };
}

/** Asks and lets a worker do what there is to do. */
async function buy(...wanted: Parameters<typeof ask>): Promise<OperationId> {
  const { id } = await ask(...wanted);
  await purser.run(id);
  return id;
}

const transfers = (): number =>
  purser.chain.blocks.flatMap((block) => block.logs).filter((log) => log.kind === 'transfer').length;

const anUnknownUse = (nonce: Hex32): ChainException => ({
  network: NETWORK,
  kind: 'unknown_nonce',
  address: PAYER,
  nonce,
  transfer: null,
  txHash: hex32(77),
  blockNumber: 1,
});

describe('a request without a key', () => {
  it('joins the equal one that is unfinished, however many come at once', async () => {
    const asked = await Promise.all(Array.from({ length: 50 }, () => ask()));
    expect(new Set(asked.map(({ id }) => id)).size).toBe(1);
    expect(asked.filter(({ replayed }) => !replayed)).toHaveLength(1);
    await purser.run(asked[0]?.id as OperationId);
    await purser.blocks(4);
    expect(transfers()).toBe(1);
  });

  it('is the same purchase for a while after the answer, and then another one', async () => {
    const first = await buy();
    await purser.pass(9_000);
    expect(await ask()).toEqual({ id: first, replayed: true });
    await purser.pass(1_000);
    const second = await buy();
    expect(second).not.toBe(first);
    await purser.pass(1_000);
    expect(await ask()).toEqual({ id: second, replayed: true });
    await purser.pass(60_000);
    expect(await buy()).not.toBe(second);
    await purser.blocks(4);
    expect(transfers()).toBe(3);
  });

  it('goes by the window of the workspace', async () => {
    purser.database.keylessWindowSec.set(WORKSPACE, 0);
    const first = await buy();
    expect((await ask()).id).not.toBe(first);
  });

  it('joins for as long as nobody knows whether the first was paid', async () => {
    const wanted = request('never_settles', 'price=10000&timeout=30', { timeoutMs: 5_000 });
    const first = await buy(wanted);
    await purser.pass(20_000);
    expect(await ask(wanted)).toEqual({ id: first, replayed: true });
    await purser.blocks(40);
    expect((await purser.look(first)).status).toBe('failed');
    expect((await ask(wanted)).id).not.toBe(first);
  });

  it('joins what waits for a person, and what the person let pass until the approval may no longer be used', async () => {
    const wanted = request('clean', 'price=16000');
    const first = await buy(wanted);
    await purser.pass(600_000);
    expect(await ask(wanted)).toEqual({ id: first, replayed: true });
    const { approval } = await purser.look(first);
    await approve(purser.ports, BOB, first, approval?.digest ?? '');
    await purser.run(first);
    expect(await ask(wanted)).toEqual({ id: first, replayed: true });
    await purser.blocks(4);
    await purser.pass(590_000);
    expect(await ask(wanted)).toEqual({ id: first, replayed: true });
    await purser.pass(30_000);
    expect((await ask(wanted)).id).not.toBe(first);
  });

  it('is another purchase where anything of the request differs', async () => {
    const first = await ask();
    expect((await ask(request('clean', 'price=10001'))).id).not.toBe(first.id);
    expect((await ask(request('clean', 'price=10000', { maxAmount: 77_777n }))).id).not.toBe(first.id);
  });

  it('is tried anew after a refusal, at once', async () => {
    purser.policies.policies.set(WORKSPACE, aPolicy({ deniedHosts: ['clean.example'] }));
    const refused = await buy();
    expect(await purser.look(refused)).toMatchObject({ status: 'refused', idempotencyKeyHash: null });
    purser.policies.policies.set(WORKSPACE, aPolicy({}));
    const second = await buy();
    expect(second).not.toBe(refused);
    expect((await purser.look(second)).settled).toBe(true);
  });
});

describe('a request with a key', () => {
  it('is the same operation for ever once it may be paid', async () => {
    const first = await buy(request('clean'), 'k');
    await purser.pass(3_600_000);
    expect(await ask(request('clean'), 'k')).toEqual({ id: first, replayed: true });
    await expect(ask(request('clean', 'price=10001'), 'k')).rejects.toEqual(
      expect.objectContaining({ constructor: Refusal, code: 'idempotency_key_reused' }),
    );
  });

  it('opens a new operation after each refusal, and never two at once', async () => {
    purser.database.budgets.setLimits(WORKSPACE, 'USD6', { day: 9_999n });
    const refused = [await buy(request('clean'), 'k'), await buy(request('clean'), 'k')];
    expect(new Set(refused).size).toBe(2);
    purser.database.budgets.setLimits(WORKSPACE, 'USD6', { day: 50_000n });
    const asked = await Promise.all(Array.from({ length: 20 }, () => ask(request('clean'), 'k')));
    const ids = new Set(asked.map(({ id }) => id));
    expect(ids.size).toBe(1);
    const [third] = [...ids];
    expect(refused).not.toContain(third);
    await purser.run(third as OperationId);
    expect(await ask(request('clean'), 'k')).toEqual({ id: third, replayed: true });
    const hashes = await Promise.all([...refused, third as OperationId].map((id) => purser.look(id)));
    expect(new Set(hashes.map((it) => it.idempotencyKeyHash)).size).toBe(1);
    await purser.blocks(4);
    expect(transfers()).toBe(1);
  });

  it('lands on what a restored database has forgotten: refused, asked again, and paid', async () => {
    const { adoption, database, ports } = purser;
    adoption.clusterEpoch = 2;
    const { workspaceId, agentId } = PRINCIPAL;
    const idUnder = (key: string) => ports.derivation.operationId(workspaceId, agentId, key);
    const key = parseIdempotencyKey('k');
    const refused = idUnder(key);
    const root = `again:${ports.hashing.sha256('k')}`;
    const paid = idUnder(`\n${root}:${refused}`);
    database.exceptions.push(anUnknownUse(ports.derivation.authorizationNonce(workspaceId, paid)));
    expect(await ask(request('clean'), 'k')).toEqual({ id: paid, replayed: false });
    expect(await ask(request('clean'), 'k')).toEqual({ id: paid, replayed: true });
  });

  it('waits until it is known what a restored database has forgotten', async () => {
    purser.adoption.clusterEpoch = 2;
    purser.adoption.compared = false;
    const refusal = expect.objectContaining({ constructor: Refusal, code: 'quarantined' }) as unknown;
    await expect(ask(request('clean'), 'k')).rejects.toEqual(refusal);
    await expect(ask()).rejects.toEqual(refusal);
  });

  it('is not repeated into a second payment after it was refused for being one', async () => {
    expect(mayBeRepeated('budget_exhausted')).toBe(true);
    expect(mayBeRepeated('duplicate_intent')).toBe(false);
  });

  it('does not ask a person again who said no', async () => {
    const first = await buy(request('clean', 'price=16000'), 'k');
    const { approval } = await purser.look(first);
    expect(approval).not.toBeNull();
    await purser.pass(3_700_000);
    await purser.run(first);
    expect((await purser.look(first)).status).toBe('expired');
    expect(await ask(request('clean', 'price=16000'), 'k')).toEqual({ id: first, replayed: true });
  });
});
