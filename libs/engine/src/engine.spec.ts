// The engine on in-memory ports, one story per test. What happens under faults is the simulation's business.
import { beforeEach, describe, expect, it } from 'vitest';
import { Refusal } from '#domain';
import { AGENT, aPolicy, PAYER, TOKEN, WORKSPACE } from '../../../test/support/builders.js';
import {
  PRINCIPAL,
  request,
  tickingInstallation,
  type TickingInstallation,
} from '../../../test/support/ticking-installation.js';
import { awaitAnswer, cancel, drive, quote, sweep, viewOperation } from './index.js';

let purser: TickingInstallation;
beforeEach(async () => {
  purser = tickingInstallation();
  await purser.pass(1_000);
  await purser.watcher.tick();
});

const open: TickingInstallation['open'] = (...wanted) => purser.open(...wanted);
const run: TickingInstallation['run'] = (operationId) => purser.run(operationId);
const look: TickingInstallation['look'] = (operationId) => purser.look(operationId);
const blocks: TickingInstallation['blocks'] = (count) => purser.blocks(count);
const transfers = (): number =>
  purser.chain.blocks.flatMap((block) => block.logs).filter((log) => log.kind === 'transfer').length;
const refusal = (code: string) => expect.objectContaining({ constructor: Refusal, code }) as unknown;

describe('a purchase', () => {
  it('is paid once, delivered, provisional at latest and final when the block is', async () => {
    const id = await open(request('clean'));
    expect(purser.woken).toEqual([id]);
    await run(id);
    expect(await look(id)).toMatchObject({
      status: 'provisional',
      settled: true,
      sellerAccepted: true,
      answerable: true,
    });
    await blocks(4);
    expect(await look(id)).toMatchObject({ status: 'settled', finality: 'final', error: null });
    expect(transfers()).toBe(1);
    expect(purser.database.budgets.node(WORKSPACE, 'USD6')).toMatchObject({ held: 0n, lifetime: 10_000n });
  });

  it('stays unknown after a timeout, until the chain shows it was paid', async () => {
    const id = await open(request('settle_then_timeout', 'price=10000', { timeoutMs: 5_000 }));
    await run(id);
    expect(await look(id)).toMatchObject({ status: 'authorized', error: { code: 'seller_timeout' } });
    await blocks(6);
    expect(await look(id)).toMatchObject({ status: 'settled', sellerAccepted: false });
  });

  it('fails only when the chain proves that it can never be paid, and then gives the budget back', async () => {
    const id = await open(request('never_settles', 'price=10000&timeout=30'));
    await run(id);
    await blocks(29);
    expect(await look(id)).toMatchObject({ status: 'authorized' });
    expect(purser.database.budgets.node(WORKSPACE, 'USD6')?.held).toBe(10_000n);
    await blocks(5);
    expect(await look(id)).toMatchObject({
      status: 'failed',
      retryWith: 'new_key',
      error: { code: 'payment_expired' },
    });
    expect(purser.database.budgets.node(WORKSPACE, 'USD6')?.held).toBe(0n);
  });

  it.each([
    [
      'policy_refused',
      () => purser.policies.policies.set(WORKSPACE, aPolicy({ deniedHosts: ['clean.example'] })),
    ],
    ['wallet_missing', () => purser.policies.wallets.delete(AGENT)],
    ['budget_exhausted', () => purser.database.budgets.setLimits(WORKSPACE, 'USD6', { day: 9_999n })],
    [
      'insufficient_wallet_balance',
      () => purser.database.balances.set(`${PAYER}/${TOKEN}`, { balance: 9_999n, block: 1e9 }),
    ],
    [
      'workspace_paused',
      () => purser.database.setStopped({ kind: 'workspace', workspaceId: WORKSPACE }, true),
    ],
    [
      'agent_paused',
      () => purser.database.setStopped({ kind: 'agent', workspaceId: WORKSPACE, agentId: AGENT }, true),
    ],
  ] as const)('is refused before anything is signed: %s', async (code, given) => {
    const id = await open(request('clean'));
    given();
    await run(id);
    expect(await look(id)).toMatchObject({
      status: 'refused',
      error: { code },
      retryWith: 'new_key',
      paid: false,
    });
    expect(purser.signer.ledger.size).toBe(0);
    expect(purser.database.budgets.node(WORKSPACE, 'USD6')?.held).toBe(0n);
  });

  it('of something free, or too dear, or without a budget is refused', async () => {
    const codes = [];
    for (const wanted of [request('clean', 'free=1'), request('clean', 'price=10000', { maxAmount: 1n })]) {
      const id = await open(wanted);
      await run(id);
      codes.push((await look(id)).error?.code);
    }
    expect(codes).toEqual(['payment_not_required', 'price_above_maximum']);
  });

  it('whose signature the signer burns ends unpaid and releases the budget', async () => {
    purser.signer.refuses = () => true;
    const id = await open(request('clean'));
    await run(id);
    expect(await look(id)).toMatchObject({ status: 'failed', error: { code: 'signing_refused' } });
    expect(purser.database.budgets.node(WORKSPACE, 'USD6')?.held).toBe(0n);
  });

  it('waits with its hold while the signer is away', async () => {
    purser.signer.away = () => true;
    const id = await open(request('clean'));
    await run(id);
    expect(await look(id)).toMatchObject({ status: 'authorized', answerable: false });
    purser.signer.away = () => false;
    await purser.pass(2_000);
    expect(await sweep(purser.ports)).toBe(1);
    await run(id);
    expect(await look(id)).toMatchObject({ status: 'provisional' });
  });
});

describe('a key', () => {
  it('leads to one operation, and belongs to one request', async () => {
    const first = await open(request('clean'), 'same');
    expect(await open(request('clean', 'price=10000', { timeoutMs: 1, note: 'again' }), 'same')).toBe(first);
    await expect(open(request('clean', 'price=10001'), 'same')).rejects.toEqual(
      refusal('idempotency_key_reused'),
    );
    expect(purser.database.operations.size).toBe(1);
  });

  it('is not bound by a refusal to start, and replays during a stop', async () => {
    const first = await open(request('clean'), 'before');
    purser.database.setStopped({ kind: 'global' }, true);
    await expect(open(request('clean'), 'during')).rejects.toEqual(refusal('system_paused'));
    expect(await open(request('clean'), 'before')).toBe(first);
    purser.database.setStopped({ kind: 'global' }, false);
    await expect(open(request('clean', 'price=1'), 'during')).resolves.toBeDefined();
  });
});

describe('a payment that may act twice', () => {
  it('is not sent again after a crash; the chain decides', async () => {
    const id = await open(request('clean', 'price=10000', { method: 'POST' }));
    const { ports } = purser;
    const seller = Object.assign(Object.create(ports.seller) as typeof ports.seller, {
      present: () => Promise.reject(new Error('the worker died')),
    });
    await drive({ ...ports, seller }, id, { owner: 'dying', signal: new AbortController().signal });
    await purser.pass(60_000);
    await run(id);
    expect(purser.happened).toEqual([]);
    expect(await look(id)).toMatchObject({ status: 'authorized', delivery: { outcome: 'interrupted' } });
  });
});

describe('an authorization for the caller', () => {
  it('is signed, handed out and left to the caller', async () => {
    const id = await open(request('clean', 'price=10000', { kind: 'authorize', challenge: {} }));
    await run(id);
    expect(await look(id)).toMatchObject({ status: 'authorized', answerable: true, settled: false });
    await expect(cancel(purser.ports, PRINCIPAL, id, 'late')).rejects.toEqual(refusal('too_late'));
    expect(purser.happened).toEqual([]);
  });
});

describe('callers', () => {
  it('wait for an answer until their deadline', async () => {
    const id = await open(request('clean'));
    const deadline = purser.ports.clock.nowMs() + 5_000;
    const submitted = { workspaceId: WORKSPACE, operationId: id, replayed: false };
    expect(await purser.finish(awaitAnswer(purser.ports, submitted, deadline))).toMatchObject({
      status: 'opened',
    });
    expect(purser.ports.clock.nowMs()).toBeGreaterThanOrEqual(deadline);
  });

  it('do not see what belongs to others', async () => {
    const id = await open(request('clean'));
    const ref = { workspaceId: AGENT as never, operationId: id };
    await expect(viewOperation(purser.ports, ref)).rejects.toEqual(refusal('not_found'));
  });

  it('get quotes that write nothing', async () => {
    expect(await quote(purser.ports, PRINCIPAL, request('clean', 'price=15000'), null)).toMatchObject({
      kind: 'priced',
      terms: { amount: 15_000n },
      judged: { ok: true, verdict: { needsApproval: true } },
    });
    expect(purser.database.events).toEqual([]);
  });
});

describe('an operation that fails again and again', () => {
  it('stops with an alarm after eight attempts', async () => {
    const id = await open(request('clean'));
    const { ports } = purser;
    const policies = Object.assign(Object.create(ports.policies) as typeof ports.policies, {
      policiesFor: () => Promise.reject(new Error('always')),
    });
    for (let attempt = 0; attempt < 9; attempt += 1)
      await drive({ ...ports, policies }, id, { owner: 'worker', signal: new AbortController().signal });
    expect(await look(id)).toMatchObject({
      status: 'needs_attention',
      error: { details: { reason: 'too_many_attempts' } },
    });
  });
});
