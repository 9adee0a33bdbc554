// Settle mode F: whatever facilitators answer is evidence. One authorization, shown to one after the other; the chain decides.
import type { OperationId } from '#domain';
import { describe, expect, it } from 'vitest';
import { NETWORK, SELLER, TOKEN, WORKSPACE } from '../../../../test/support/builders.js';
import type { FacilitatorConduct } from '../../../../test/support/memory-facilitators.js';
import { MemoryInstallation } from '../../../../test/support/memory-installation.js';
import { MemoryChainSource } from '../../../../test/support/memory-chain-source.js';
import { MemoryWatchStore } from '../../../../test/support/memory-watch-store.js';
import { ChainWatcher } from '../watch/watcher.js';
import { viewOperation } from '../use-cases/submit.js';

const NAMED = { payTo: SELLER, amount: 10_000n, network: NETWORK, asset: TOKEN };
const ONE = 'https://one.example/x402';
const TWO = 'https://two.example/x402';

const killed = (): Promise<never> => Promise.reject(new Error('killed'));
/** The worker dies while it asks. */
const DYING = { namesFor: () => [ONE, TWO], verify: killed, settle: killed };

async function settling(conducts: Readonly<Record<string, FacilitatorConduct>> = {}) {
  const purser = new MemoryInstallation();
  for (const [name, conduct] of Object.entries(conducts)) purser.conducts.set(name, conduct);
  const operationId = await purser.submit('order-1', {
    kind: 'settle',
    settleBy: 'facilitator',
    maxAmount: null,
    expect: NAMED,
  });
  return { purser, operationId };
}

const viewOf = (purser: MemoryInstallation, operationId: OperationId) =>
  viewOperation(purser.ports, { workspaceId: WORKSPACE, operationId });
const paid = (purser: MemoryInstallation): bigint => purser.chain.balanceAt(SELLER, purser.chain.head.number);
const typesOf = (purser: MemoryInstallation): string[] => purser.database.events.map((event) => event.type);
const shownTo = (purser: MemoryInstallation): string[] =>
  purser.facilitators.calls.filter((it) => it.question === 'verify').map((it) => it.facilitator);

async function driveOn(purser: MemoryInstallation, operationId: OperationId, times: number): Promise<void> {
  const watcher = new ChainWatcher({
    ports: purser.ports,
    source: new MemoryChainSource(purser.chain),
    store: new MemoryWatchStore(purser.database),
    owner: 'watcher',
    tokens: [TOKEN],
  });
  await watcher.tick();
  for (let n = 0; n < times; n += 1) {
    await purser.drive(operationId);
    purser.chain.mine();
    await watcher.tick();
    purser.nowMs += 16_000;
  }
}

describe('settle through a facilitator', () => {
  it('records who is shown the payment before it is shown, and pays', async () => {
    const { purser, operationId } = await settling();
    const seen: string[][] = [];
    const verify = purser.facilitators.verify.bind(purser.facilitators);
    purser.facilitators.verify = (call) => {
      seen.push(typesOf(purser));
      return verify(call);
    };
    await driveOn(purser, operationId, 2);
    expect(seen[0]).toContain('SettlementHandedOver');
    expect(seen[0]).toContain('AuthorizationSigned');
    expect(await viewOf(purser, operationId)).toMatchObject({ settled: true, error: null });
    expect(purser.facilitators.calls.map((it) => `${it.question} ${it.facilitator}`)).toContain(
      `settle ${ONE}`,
    );
    expect(purser.desk.claims).toHaveLength(0);
    expect(paid(purser)).toBe(10_000n);
  });

  it.each([
    'claims_foreign_hash',
    'calls_it_invalid',
    'calls_it_invalid_and_keeps_it',
    'fails_and_mines_later',
    'pends',
    'pends_for_ever',
    'times_out_and_mines',
    'bad_gateway',
    'bad_gateway_after_mining',
    'is_away',
    'settles_twice',
  ] as const)('pays once when the first one %s: the same payment goes to the next', async (conduct) => {
    const { purser, operationId } = await settling({ [ONE]: conduct });
    await driveOn(purser, operationId, 4);
    for (const run of purser.kept) run();
    await driveOn(purser, operationId, 2);
    expect(await viewOf(purser, operationId)).toMatchObject({ settled: true });
    expect(paid(purser)).toBe(10_000n);
    expect(new Set(purser.facilitators.calls.map((it) => it.body)).size).toBe(1);
    expect(typesOf(purser).filter((it) => it === 'AuthorizationSigned')).toHaveLength(1);
  });

  it('fails over at once on a refusal, then waits before it begins again', async () => {
    const { purser, operationId } = await settling({ [ONE]: 'calls_it_invalid', [TWO]: 'is_away' });
    await purser.drive(operationId);
    expect(shownTo(purser)).toEqual([ONE, TWO]);
    expect(await viewOf(purser, operationId)).toMatchObject({
      status: 'authorized',
      answerable: false,
      submission: { attempt: 2, reason: 'facilitator_unreachable', retryAtMs: purser.nowMs + 5_000 },
      error: { code: 'outcome_unknown', details: { reason: 'facilitator_unreachable' } },
    });
  });

  it('stays unknown until the chain proves that nobody ever settled it, and asks a bounded number of times', async () => {
    const { purser, operationId } = await settling({ [ONE]: 'pends_for_ever', [TWO]: 'claims_foreign_hash' });
    await driveOn(purser, operationId, 18);
    expect(await viewOf(purser, operationId)).toMatchObject({ status: 'authorized', settled: false });
    expect(purser.database.budgets.reservations.get(operationId)?.state).toBe('held');
    await driveOn(purser, operationId, 12);
    expect(await viewOf(purser, operationId)).toMatchObject({
      status: 'failed',
      submission: { retryAtMs: null },
      error: { code: 'payment_expired' },
    });
    expect(purser.facilitators.calls.length).toBeLessThan(45);
    expect(purser.database.budgets.reservations.get(operationId)?.state).toBe('released');
    expect(paid(purser)).toBe(0n);
  });

  it('shows the same payment to the same one after a crash in between', async () => {
    const { purser, operationId } = await settling();
    await purser.drive(operationId, { facilitators: DYING });
    expect(typesOf(purser).at(-1)).toBe('SettlementHandedOver');
    purser.nowMs += 60_000;
    await driveOn(purser, operationId, 2);
    expect(shownTo(purser)[0]).toBe(ONE);
    expect(typesOf(purser).filter((it) => it === 'SettlementHandedOver')).toHaveLength(1);
    expect(paid(purser)).toBe(10_000n);
  });

  it('goes on with the next when the one on record was taken out of the settings', async () => {
    const { purser, operationId } = await settling();
    await purser.drive(operationId, { facilitators: DYING });
    purser.facilitators.names = [TWO];
    purser.nowMs += 60_000;
    await driveOn(purser, operationId, 3);
    expect(shownTo(purser)).toEqual([TWO]);
    expect(paid(purser)).toBe(10_000n);
  });

  it('is what happens by itself where no account broadcasts, and is refused before anything is signed where nobody can', async () => {
    const purser = new MemoryInstallation();
    const request = { kind: 'settle', maxAmount: null, expect: NAMED } as const;
    const first = await purser.submit('order-1', request);
    await purser.drive(first, { broadcasts: false });
    expect(shownTo(purser)).toEqual([ONE]);
    purser.facilitators.names = [];
    const second = await purser.submit('order-2', request);
    await purser.drive(second, { broadcasts: false });
    expect(await viewOf(purser, second)).toMatchObject({
      status: 'refused',
      error: { code: 'unpayable_challenge', details: { reasons: ['nothing_settles_here'] } },
    });
  });
});
