// The engine on in-memory ports, one story per test. What happens under faults is the simulation's business.
import { beforeEach, describe, expect, it } from 'vitest';
import { parseIdempotencyKey, Refusal, type OperationId } from '#domain';
import {
  AGENT,
  aPolicy,
  aRequest,
  NOON,
  PAYER,
  TOKEN,
  WALLET,
  WORKSPACE,
} from '../../../test/support/builders.js';
import { MemoryAdoption } from '../../../test/support/memory-adoption.js';
import {
  memoryAssets,
  memoryDerivation,
  memoryHashing,
  memoryHeaders,
  memoryIds,
  memoryVault,
  MemoryPolicies,
  noMetrics,
  silentLogger,
} from '../../../test/support/memory-basics.js';
import { MemoryChain } from '../../../test/support/memory-chain.js';
import { MemoryChainReader, MemoryChainSource } from '../../../test/support/memory-chain-source.js';
import { promptDesk } from '../../../test/support/memory-desk.js';
import { MemoryDatabase } from '../../../test/support/memory-database.js';
import { MemoryOperations } from '../../../test/support/memory-operations.js';
import { MemorySeller, type Mode } from '../../../test/support/memory-seller.js';
import { MemorySigner } from '../../../test/support/memory-signer.js';
import { MemoryWatchStore } from '../../../test/support/memory-watch-store.js';
import { Scheduler } from '../../../test/simulation/scheduler.js';
import {
  approve,
  awaitAnswer,
  cancel,
  ChainWatcher,
  drive,
  quote,
  reject,
  submit,
  sweep,
  viewOperation,
  type AgentPrincipal,
  type Ports,
} from './index.js';

const PRINCIPAL: AgentPrincipal = { workspaceId: WORKSPACE, agentId: AGENT, keyId: 'key', person: 'alice' };
const BOB = { workspaceId: WORKSPACE, keyId: 'key of bob', person: 'bob' };

/** The chain makes a block every second of virtual time, which passes only while something is awaited with it. */
function installation() {
  const scheduler = new Scheduler(NOON);
  const clock = { nowMs: () => scheduler.nowMs };
  const chain = new MemoryChain(clock.nowMs, 2);
  scheduler.every(1_000, () => void chain.mine());
  const pass = (ms: number): Promise<void> => scheduler.run(scheduler.nowMs + ms);
  const finish = async <T>(work: Promise<T>): Promise<T> => {
    let done = false;
    const end = (): void => void (done = true);
    work.then(end, end);
    await new Promise((resolve) => setImmediate(resolve));
    await scheduler.run(scheduler.nowMs + 120_000, () => done);
    return work;
  };
  const database = new MemoryDatabase(clock.nowMs);
  const policies = new MemoryPolicies();
  const woken: OperationId[] = [];
  const happened: string[] = [];
  const seller = new MemorySeller({
    chain,
    ...clock,
    sleep: (ms) => scheduler.sleep(ms),
    chance: () => false,
    breakChainReads: () => {},
    happened: (what) => happened.push(what),
  });
  const signer = new MemorySigner(database);
  const ports: Ports = {
    clock,
    ids: memoryIds(),
    hashing: memoryHashing,
    derivation: memoryDerivation,
    vault: memoryVault,
    operations: new MemoryOperations(database),
    policies,
    assets: memoryAssets,
    signer,
    seller,
    headers: memoryHeaders,
    chain: new MemoryChainReader(chain),
    settlements: promptDesk(chain, clock.nowMs),
    adoption: new MemoryAdoption(database),
    waker: { wake: (ids) => void woken.push(...ids) },
    answers: { changed: () => scheduler.sleep(1_000) },
    logger: silentLogger,
    metrics: noMetrics,
  };
  const wallet = { workspaceId: WORKSPACE, walletId: WALLET, address: PAYER };
  policies.wallets.set(AGENT, wallet);
  policies.policies.set(WORKSPACE, aPolicy({ approvalThreshold: 15_000n }));
  database.wallets.set(PAYER, wallet);
  database.budgets.setLimits(WORKSPACE, 'USD6', { day: 50_000n });
  chain.fund(PAYER, 40_000n);
  const watcher = new ChainWatcher({
    ports,
    source: new MemoryChainSource(chain),
    store: new MemoryWatchStore(database),
    owner: 'watcher',
    tokens: [TOKEN],
  });
  return { ports, database, policies, signer, chain, watcher, pass, finish, woken, happened };
}

let purser: ReturnType<typeof installation>;
let keys = 0;

beforeEach(async () => {
  purser = installation();
  await purser.pass(1_000);
  await purser.watcher.tick();
});

const request = (mode: Mode, query = 'price=10000', over: Parameters<typeof aRequest>[0] = {}) => {
  const {
    agentId: _agentId,
    bodyHash: _bodyHash,
    ...rest
  } = aRequest({
    url: `https://${mode.replaceAll('_', '-')}.example/item?${query}`,
    ...over,
  });
  return rest;
};

const open = async (wanted: ReturnType<typeof request>, key = `key-${(keys += 1)}`): Promise<OperationId> => {
  const body = wanted.method === 'POST' ? new TextEncoder().encode('body') : null;
  return (await submit(purser.ports, PRINCIPAL, { key: parseIdempotencyKey(key), request: wanted, body }))
    .operationId;
};
const run = (operationId: OperationId) =>
  purser.finish(drive(purser.ports, operationId, { owner: 'worker', signal: new AbortController().signal }));
const look = (operationId: OperationId) =>
  viewOperation(purser.ports, { workspaceId: WORKSPACE, operationId });
/** Lets blocks come and the watcher look at each. */
const blocks = async (count: number): Promise<void> => {
  for (let n = 0; n < count; n += 1) {
    await purser.pass(1_000);
    await purser.watcher.tick();
  }
};
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
      'insufficient_funds',
      () => purser.database.balances.set(`${PAYER}/${TOKEN}`, { balance: 9_999n, block: 1e9 }),
    ],
    ['workspace_paused', () => purser.database.stopped.add(`workspace:${WORKSPACE}`)],
    ['agent_paused', () => purser.database.stopped.add(`agent:${AGENT}`)],
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
    purser.database.stopped.add('global');
    await expect(open(request('clean'), 'during')).rejects.toEqual(refusal('system_paused'));
    expect(await open(request('clean'), 'before')).toBe(first);
    purser.database.stopped.delete('global');
    await expect(open(request('clean', 'price=1'), 'during')).resolves.toBeDefined();
  });
});

const waiting = async (mode: Mode = 'clean') => {
  const id = await open(request(mode, 'price=15000'));
  await run(id);
  const view = await look(id);
  return { id, digest: view.approval?.digest ?? '', view };
};

describe('above the threshold', () => {
  it('nothing is signed before somebody else has approved exactly these terms', async () => {
    const { id, digest, view } = await waiting();
    expect(view).toMatchObject({ status: 'awaiting_approval', answerable: true });
    await expect(approve(purser.ports, { ...BOB, person: 'alice' }, id, digest)).rejects.toEqual(
      refusal('approver_not_eligible'),
    );
    await expect(approve(purser.ports, BOB, id, 'other')).rejects.toEqual(
      refusal('approval_digest_mismatch'),
    );
    expect(purser.signer.ledger.size).toBe(0);
    expect(await approve(purser.ports, BOB, id, digest)).toMatchObject({ status: 'approved' });
    await run(id);
    expect(await look(id)).toMatchObject({ status: 'provisional' });
  });

  it('a changed price is asked about again', async () => {
    const { id, digest } = await waiting('price_changes');
    await approve(purser.ports, BOB, id, digest);
    await run(id);
    const again = await look(id);
    expect(again).toMatchObject({ status: 'awaiting_approval', terms: { amount: 16_000n } });
    expect(again.approval?.digest).not.toBe(digest);
    expect(purser.signer.ledger.size).toBe(0);
  });

  it('a rejection, a cancellation and the end of time each release the hold', async () => {
    const held = (): unknown => purser.database.budgets.node(WORKSPACE, 'USD6')?.held;
    const rejected = await waiting();
    await reject(purser.ports, BOB, rejected.id, 'too dear');
    await expect(approve(purser.ports, BOB, rejected.id, rejected.digest)).rejects.toEqual(
      refusal('already_decided'),
    );
    expect(held()).toBe(0n);
    const cancelled = await waiting();
    await cancel(purser.ports, PRINCIPAL, cancelled.id, 'not needed');
    expect(held()).toBe(0n);
    const expired = await waiting();
    await purser.pass(3_600_000);
    await expect(approve(purser.ports, BOB, expired.id, expired.digest)).rejects.toEqual(
      refusal('approval_expired'),
    );
    await run(expired.id);
    expect(await look(expired.id)).toMatchObject({ status: 'expired', error: { code: 'approval_expired' } });
    expect(held()).toBe(0n);
  });

  it('a look that began before the approval does not put its own, later time in its place', async () => {
    const { id, digest } = await waiting();
    const claimed = await purser.ports.operations.claim(id, 'a worker with an old job');
    await approve(purser.ports, BOB, id, digest);
    if (claimed)
      await purser.ports.operations.yieldLease(claimed, purser.ports.clock.nowMs() + 3_600_000, null);
    expect(await purser.ports.operations.due(10)).toEqual([id]);
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
