// One seed: a phase full of faults, then a phase without any in which everything must come to its end, then the checkers.
import { fold, nextStep, TERMINAL, upcast, type OperationState } from '#domain';
import { check } from './checker.js';
import type { Violation } from './evidence.js';
import type { Counters } from './faults.js';
import { People } from './people.js';
import { Installation } from './processes.js';
import { BLOCK_MS, FINALITY_DEPTH, World, type Mutation } from './world.js';

export interface SimOptions {
  readonly seed: number;
  readonly ops: number;
  readonly mutation?: Mutation;
}

export interface SimResult {
  readonly seed: number;
  readonly violations: readonly Violation[];
  readonly counters: Counters;
  /** Operations by the status they ended in. */
  readonly ends: ReadonlyMap<string, number>;
  readonly events: number;
  readonly transfers: number;
}

const FAULT_PHASE_MS = 150_000;
/** Longest life of anything that was begun in the fault phase, with the largest clock error, and room to spare. */
const LIVENESS_PHASE_MS = 45 * 60_000;

export async function simulate({ seed, ops, mutation }: SimOptions): Promise<SimResult> {
  const world = new World(seed, mutation);
  const installation = new Installation(world);
  const people = new People(world, installation);
  const { scheduler, random, plan } = world;
  keepMining(world);
  scheduler.every(1_500, () => people.approvals());
  scheduler.every(4_000, () => people.operator());
  scheduler.every(10_000, () => loseRedis(world));
  for (let index = 0; index < ops; index += 1)
    scheduler.after(random.between(6_000, FAULT_PHASE_MS - 20_000), () => void people.client(index));
  await scheduler.run(scheduler.nowMs + FAULT_PHASE_MS);

  plan.on = false;
  world.redisDown = false;
  for (const { scope } of world.database.stops.slice()) world.setStopped(scope, false);
  let quiet = false;
  scheduler.every(BLOCK_MS, () => void (quiet = people.waiting === 0 && unfinished(world).length === 0));
  await scheduler.run(scheduler.nowMs + LIVENESS_PHASE_MS, () => quiet);
  return judge(world, seed, people);
}

function keepMining(world: World): void {
  const { chain, random } = world;
  world.scheduler.every(BLOCK_MS, () => {
    if (!world.happens(0.06, 'fault:reorg')) return void chain.mine();
    const depth = 1 + random.int(FINALITY_DEPTH);
    if (chain.blocks.length <= depth + 1) return void chain.mine();
    world.counters.add(`fault:reorg_depth_${depth}`);
    chain.reorganize(depth, () => random.chance(0.7));
    for (let block = 0; block <= depth; block += 1) chain.mine();
  });
}

/** Redis is away for a while and comes back empty. */
function loseRedis(world: World): void {
  if (!world.happens(0.15, 'fault:redis_lost')) return;
  world.redisDown = true;
  world.scheduler.after(world.random.between(2_000, 15_000), () => (world.redisDown = false));
}

/** Neither ended nor in a named waiting state in which only a person can help. */
function unfinished(world: World): readonly OperationState[] {
  const states = [...world.database.operations.values()].map((row) => row.loaded.state);
  return states.filter((state) => !TERMINAL[state.status] && !waitsForAPerson(state));
}

function waitsForAPerson(state: OperationState): boolean {
  return state.status === 'needs_attention' && !('authorization' in state.before);
}

function judge(world: World, seed: number, people: People): SimResult {
  const { database, chain, counters } = world;
  const violations: Violation[] = check({
    events: database.events,
    chain: chain.blocks.flatMap((block) => block.logs),
    blocks: chain.blocks,
    history: world.history,
    paidRequests: world.seller.paidRequests,
    signed: new Set<string>(world.signer.ledger.keys()),
  });
  const report = (rule: string, where: string, what: string): void =>
    void violations.push({ rule, where, what });
  if (people.waiting > 0) report('L1', 'clients', `${people.waiting} never had an answer`);
  for (const [operationId, { loaded }] of database.operations) {
    const { state } = loaded;
    if (!TERMINAL[state.status] && !waitsForAPerson(state)) report('L1', operationId, describe(state, world));
    const folded = fold(database.events.filter((event) => event.operationId === operationId).map(upcast));
    if (folded.status !== state.status)
      report('S14', operationId, `row says ${state.status}, events say ${folded.status}`);
  }
  for (const exception of database.exceptions) report('S6', exception.txHash ?? '', exception.kind);
  const ends = new Map<string, number>();
  for (const { loaded } of database.operations.values())
    ends.set(loaded.state.status, (ends.get(loaded.state.status) ?? 0) + 1);
  const transfers = chain.blocks.reduce(
    (sum, block) => sum + block.logs.filter((it) => it.kind === 'transfer').length,
    0,
  );
  return { seed, violations, counters, ends, events: database.events.length, transfers };
}

function describe(state: OperationState, world: World): string {
  const before =
    state.status === 'needs_attention' ? `${state.before.status} ${JSON.stringify(state.details)}` : '';
  return `stuck in ${state.status} ${before}, next ${nextStep(state, world.scheduler.nowMs).kind}`;
}
