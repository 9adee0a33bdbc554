// Whatever callers ask, in whatever mix of dialects and order: no cap is broken, nothing is paid twice, and nobody sees another workspace. Over HTTP, on
// the real engine with in-memory adapters. PURSER_SCALE=full runs 5,000 sequences.
import fc from 'fast-check';
import { afterAll, expect, it } from 'vitest';
import { DEFAULT_POLICY, type AgentId, type OperationId } from '#domain';
import { uuid, walletAddress, WORKSPACE } from '../support/builders.js';
import { DIALECT_CALLERS } from '../support/dialect-callers.js';
import { MemoryApi } from '../support/memory-api.js';
import { decodePayment } from '../support/memory-basics.js';

const RUNS = process.env['PURSER_SCALE'] === 'full' ? 5_000 : 200;
const PRICE = 10_000n;
/** Six payments fit. */
const CAP = 65_000n;

type Action =
  | { readonly kind: 'buy'; readonly dialect: number; readonly item: number; readonly key: string | null }
  | { readonly kind: 'present'; readonly nth: number }
  | { readonly kind: 'approve' | 'reject'; readonly nth: number }
  | { readonly kind: 'threshold'; readonly on: boolean }
  | { readonly kind: 'pause' | 'resume' }
  | { readonly kind: 'wait'; readonly seconds: number }
  | { readonly kind: 'spy'; readonly dialect: number; readonly nth: number };

const nth = fc.nat(5);
const action: fc.Arbitrary<Action> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({
      kind: fc.constant('buy' as const),
      dialect: fc.nat(DIALECT_CALLERS.length - 1),
      item: fc.nat(1),
      key: fc.constantFrom(null, null, 'k1', 'k2'),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('present' as const), nth }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom('approve' as const, 'reject' as const), nth }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('threshold' as const), on: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('pause' as const, 'resume' as const) }) },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('wait' as const), seconds: fc.constantFrom(1, 11) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('spy' as const),
      dialect: fc.nat(DIALECT_CALLERS.length - 1),
      nth,
    }),
  },
);

/** What is in memory is gone through after every step, so it must not grow for ever. */
const RUNS_PER_API = 100;
let api: MemoryApi | undefined;
let runs = 0;
/** How often something worth trying has happened: sequences in which nothing does would prove nothing. */
const seen = new Map<string, number>();
const count = (what: string): void => void seen.set(what, (seen.get(what) ?? 0) + 1);
afterAll(() => api?.close());

async function freshEnough(): Promise<MemoryApi> {
  if (api !== undefined && runs % RUNS_PER_API !== 0) return api;
  await api?.close();
  api = await MemoryApi.start();
  await api.seedKey('approver2', api.otherWorkspaceId, 'approver');
  return api;
}

/** One sequence, by an agent of its own. */
class Sequence {
  private readonly agent: string;
  private readonly agentId: AgentId;
  private readonly wallet: string;
  /** Headers that callers hold. */
  private readonly held: string[] = [];

  private constructor(
    private readonly api: MemoryApi,
    private readonly number: number,
  ) {
    this.agent = `agent-${number}`;
    this.agentId = uuid(number, 2) as AgentId;
    this.wallet = walletAddress(number);
  }

  static async begin(): Promise<Sequence> {
    const on = await freshEnough();
    runs += 1;
    const sequence = new Sequence(on, 1_000 + runs);
    await on.seedAgent(sequence.agent, WORKSPACE, sequence.agentId, sequence.number);
    on.database.budgets.setLimits(sequence.agentId, 'USD6', { day: CAP });
    on.policies.policies.set(WORKSPACE, DEFAULT_POLICY);
    return sequence;
  }

  async run(actions: readonly Action[]): Promise<void> {
    for (const it of actions) {
      await this.act(it);
      this.holds();
    }
    await this.api.call({
      method: 'POST',
      path: `/purser/v1/agents/${this.agentId}/resume`,
      as: 'admin',
      body: {},
    });
  }

  private async act(action: Action): Promise<unknown> {
    switch (action.kind) {
      case 'buy':
        return this.buy(action);
      case 'present':
        return this.present(action.nth);
      case 'approve':
      case 'reject':
        return this.decide(action.kind, action.nth);
      case 'threshold':
        return this.api.policies.policies.set(WORKSPACE, {
          ...DEFAULT_POLICY,
          version: 1,
          approvalThreshold: action.on ? PRICE : null,
        });
      case 'pause':
      case 'resume': {
        const path = `/purser/v1/agents/${this.agentId}/${action.kind}`;
        return this.api.call({ method: 'POST', path, as: 'admin', body: { reason: 'x' } });
      }
      case 'wait':
        return (this.api.nowMs += action.seconds * 1_000);
      case 'spy':
        return this.spy(action.dialect, action.nth);
    }
  }

  private async buy({ dialect, item, key }: Extract<Action, { kind: 'buy' }>): Promise<void> {
    const caller = DIALECT_CALLERS[dialect] as (typeof DIALECT_CALLERS)[number];
    const call = caller.buy({ agentId: this.agentId, url: `https://shop.example/item-${item}`, key });
    const { status, headers, body } = await this.api.call({ ...call, as: this.agent });
    expect(status, JSON.stringify(body)).toBeLessThan(500 + 3);
    expect(headers['payment-required']).toBeUndefined();
    count(`${caller.name} ${status}`);
    const payment = status === 200 ? caller.payment(body) : null;
    if (payment !== null) this.held.push(payment);
    await this.api.runWorkers();
  }

  /** The caller shows a header that it holds to the seller, again and again if it likes. */
  private present(which: number): void {
    const value = this.held[which % Math.max(1, this.held.length)];
    if (value === undefined) return;
    this.api.chain.submit(decodePayment({ name: 'payment-signature', value }));
    this.api.chain.mine();
  }

  private async decide(verdict: 'approve' | 'reject', which: number): Promise<void> {
    const waiting = this.operations().flatMap((id) => {
      const approval = this.api.database.approvals.get(id);
      return approval?.status === 'pending' ? [approval] : [];
    });
    const approval = waiting[which % Math.max(1, waiting.length)];
    if (approval === undefined) return;
    const path = `/purser/v1/approvals/${approval.approvalId}/${verdict}`;
    const body = verdict === 'approve' ? { digest: approval.digest } : { reason: 'no' };
    const answer = await this.api.call({ method: 'POST', path, as: 'approver', body });
    count(`${verdict} ${answer.status}`);
    expect([200, 409], JSON.stringify(answer.body)).toContain(answer.status);
    await this.api.runWorkers();
  }

  /** Somebody of another workspace who knows every id. */
  private async spy(dialect: number, which: number): Promise<void> {
    const caller = DIALECT_CALLERS[dialect] as (typeof DIALECT_CALLERS)[number];
    const ids = this.operations();
    const operationId = ids[which % Math.max(1, ids.length)];
    if (operationId === undefined) return;
    const approvalId = this.api.database.approvals.get(operationId)?.approvalId ?? null;
    for (const call of caller.look({ operationId, approvalId })) {
      const { status } = await this.api.call({ ...call, as: call.as ?? 'agent2' });
      count('spied');
      expect(status, call.path).toBe(404);
    }
    for (const path of caller.lists) {
      const { body } = await this.api.call({ path, as: 'agent2' });
      for (const secret of [...ids, this.agentId, this.wallet])
        expect(JSON.stringify(body)).not.toContain(secret);
    }
  }

  private operations(): readonly OperationId[] {
    return [...this.api.database.operations.values()]
      .filter(({ loaded }) => loaded.agentId === this.agentId)
      .map(({ loaded }) => loaded.operationId);
  }

  /** What must be so at every moment. */
  private holds(): void {
    const transfers = this.api.chain.blocks
      .flatMap((block) => block.logs)
      .filter((log) => log.kind === 'transfer' && log.from === this.wallet);
    const rows = [...this.api.database.operations.values()].filter(
      ({ loaded }) => loaded.agentId === this.agentId,
    );
    const authorized = rows.filter(({ loaded }) => 'authorization' in loaded.state);
    expect(BigInt(authorized.length) * PRICE, 'the cap').toBeLessThanOrEqual(CAP);
    expect(transfers.length, 'one transfer per authorization').toBeLessThanOrEqual(authorized.length);
    const paidUnder = new Map<string, number>();
    const open = new Set<string>();
    for (const { loaded } of authorized) {
      const [how, hash] = loaded.idempotencyKeyHash.split(':');
      const key = hash ?? loaded.idempotencyKeyHash;
      if (how === 'keyless') {
        if (loaded.state.status !== 'authorized') continue;
        expect(open, 'payments of one request without a key whose outcome is open').not.toContain(key);
        open.add(key);
        continue;
      }
      paidUnder.set(key, (paidUnder.get(key) ?? 0) + 1);
    }
    for (const [key, times] of paidUnder) expect(times, `payments under ${key}`).toBe(1);
  }
}

it('no cap is broken, nothing is paid twice, nobody sees another workspace', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(action, { minLength: 10, maxLength: 30, size: 'max' }), async (actions) => {
      await (await Sequence.begin()).run(actions);
    }),
    { numRuns: RUNS, seed: Number(process.env['FC_SEED'] ?? 20261121) },
  );
  for (const { name, needsKey } of DIALECT_CALLERS) {
    expect(seen.get(`${name} ${name === 'native' ? 201 : 200}`), `${name} has bought`).toBeGreaterThan(10);
    expect(seen.get(`${name} 202`), `${name} has waited for a person`).toBeGreaterThan(0);
    if (needsKey) expect(seen.get(`${name} 400`), `${name} without a key`).toBeGreaterThan(0);
  }
  for (const what of ['approve 200', 'reject 200', 'spied']) expect(seen.get(what), what).toBeGreaterThan(0);
}, 3_600_000);
