// The kill switch. Stopping is one commit; what follows from it is carried out afterwards, by whoever is there: the request itself as far as it comes in
// its time, the worker for the rest, and again from the start after a crash. Nothing can open or be signed in the scope meanwhile (S17).
import {
  refuse,
  Refusal,
  UnreadableHistory,
  type AgentId,
  type OperationId,
  type WorkspaceId,
} from '#domain';
import type { AgentStore, AgentView } from '../admin-ports.js';
import type { OperationRef, Ports } from '../ports.js';
import type { Slice, StillLive, Stop, Stopper, StopOrder, StopScope, StopStore } from '../stop-ports.js';
import { cancel, cancelOnChain, type ApproverPrincipal } from './decide-approval.js';

/** `too_late`: it is on chain already, or of a kind that cannot be cancelled there. */
export type Asked = 'requested' | 'too_late';

type Came = Asked | 'later' | 'unreadable';

export interface Carried {
  /** Nothing is left to be done, or the stop was lifted in the meantime; else a worker goes on. */
  readonly finished: boolean;
  /** Approvals that were released in this go. */
  readonly released: number;
  /** What came of asking the chain, where that was ordered. */
  readonly asked: ReadonlyMap<OperationId, Asked>;
  /** Nobody can release these, or use them, until their history is mended. They hold up nothing else, nor the end of the stop. */
  readonly unreadable: readonly OperationId[];
}

export interface StopReport extends Carried {
  readonly stop: Stop;
  readonly live: readonly StillLive[];
  /** There are more than are listed. */
  readonly moreLive: boolean;
}

/** How long the request itself works at what a stop leaves to be done. */
const WITHIN_MS = 5_000;
/** Well within the time a worker has a stop to itself. */
const TURN_MS = 15_000;
const MOST_LISTED = 1_000;
const AT_ONCE = 200;
const MAX_TRIES = 5;

/** Refuses with `validation_failed` where `cancelOnChain` is asked for and no account of ours broadcasts, else as the store does. */
export async function stopScope(ports: Ports, stops: StopStore, order: StopOrder): Promise<StopReport> {
  assertCanCancel(ports, order);
  return report(ports, stops, await stops.stop(order));
}

/** An agent, for ever. Refuses with `not_found`. */
export async function kill(
  ports: Ports,
  { agents, stops }: { readonly agents: AgentStore; readonly stops: StopStore },
  order: StopOrder & {
    readonly scope: { readonly kind: 'agent'; readonly workspaceId: WorkspaceId; readonly agentId: AgentId };
  },
): Promise<StopReport & { readonly agent: AgentView }> {
  assertCanCancel(ports, order);
  const { scope, by, reason, cancelOnChain: onChain } = order;
  const how = { reason, person: by.person, cancelOnChain: onChain };
  const agent = await agents.disable(scope.workspaceId, scope.agentId, by.actor, how);
  const stop = await stops.find(scope);
  if (!stop) throw new Error('a killed agent without its stop');
  return { ...(await report(ports, stops, stop)), agent };
}

/** Lifts a stop, after the rest of it is carried out. Refuses with `stop_under_way` when that takes longer than a request may. */
export async function unstop(ports: Ports, stops: StopStore, scope: StopScope, by: Stopper): Promise<void> {
  await finishStop(ports, stops, scope);
  await stops.resume(scope, by.actor);
}

/** Carries out what a stop leaves to be done, as far as a request may take. Null: there is none. */
export async function finishStop(ports: Ports, stops: StopStore, scope: StopScope): Promise<Stop | null> {
  const stop = await stops.find(scope);
  if (stop && !stop.carriedOut && !stop.final)
    await carryOut(ports, stops, stop, ports.clock.nowMs() + WITHIN_MS);
  return stop;
}

function assertCanCancel(ports: Pick<Ports, 'broadcasts'>, order: StopOrder): void {
  if (order.cancelOnChain && !ports.broadcasts)
    throw refuse('validation_failed', { field: 'cancel_on_chain', reason: 'nothing_broadcasts_here' });
}

async function report(ports: Ports, stops: StopStore, stop: Stop): Promise<StopReport> {
  const carried = await carryOut(ports, stops, stop, ports.clock.nowMs() + WITHIN_MS);
  const { items, next } = await stops.stillLive(stop.scope, null);
  const live = items.slice(0, MOST_LISTED);
  return { stop, ...carried, live, moreLive: next !== null || items.length > live.length };
}

/** Asks the chain to kill what is live where that is ordered, and releases every open approval in the scope. Any number of times, by anybody. */
export async function carryOut(
  ports: Ports,
  stops: StopStore,
  stop: Stop,
  untilMs: number,
): Promise<Carried> {
  let released = 0;
  const asked = new Map<OperationId, Asked>();
  const unreadable = new Set<OperationId>();
  const { scope } = stop;
  // Asked behind every look at what there is: while the stop stands nothing opens in its scope, so all that was found is older than its end.
  const may = async (): Promise<Pace> => {
    if (ports.clock.nowMs() >= untilMs) return 'time_is_up';
    return (await stops.find(scope))?.stopId === stop.stopId ? 'go_on' : 'lifted';
  };
  // What is live can be used until its time; an approval can be used by nobody meanwhile.
  const askedAll = !stop.cancelOnChain
    ? 'all'
    : await each(
        (after) => stops.stillLive(scope, after),
        may,
        async (ref) => {
          const came = await ask(ports, stop, ref, cancelOnChain);
          if (came === 'unreadable') unreadable.add(ref.operationId);
          else if (came !== 'later') asked.set(ref.operationId, came);
          return came;
        },
      );
  const releasedAll = await each(
    (after) => stops.openApprovals(scope, after),
    may,
    async (ref) => {
      const came = await ask(ports, stop, ref, cancel);
      if (came === 'unreadable') unreadable.add(ref.operationId);
      else if (came === 'requested') released += 1;
      return came;
    },
  );
  const lifted = askedAll === 'lifted' || releasedAll === 'lifted';
  const finished = lifted || (askedAll === 'all' && releasedAll === 'all');
  if (finished) await stops.carriedOut(stop);
  else await stops.giveBack(stop);
  return { finished, released, asked, unreadable: [...unreadable] };
}

/** One turn of a worker. True: there is more to do at once. */
export async function carryOutStops(ports: Ports, stops: StopStore): Promise<boolean> {
  const [stop] = await stops.take(1);
  if (!stop) return false;
  const carried = await carryOut(ports, stops, stop, ports.clock.nowMs() + TURN_MS);
  const { finished, released, unreadable } = carried;
  const { stopId, scope } = stop;
  ports.logger.info(
    { stopId, scope: scope.kind, released, finished, unreadable: unreadable.length },
    'carried out a stop',
  );
  return finished || released > 0;
}

type Pace = 'go_on' | 'time_is_up' | 'lifted';

async function each<Item extends OperationRef>(
  read: (after: OperationRef | null) => Promise<Slice<Item>>,
  may: () => Promise<Pace>,
  act: (item: Item) => Promise<Came>,
): Promise<'all' | 'some' | 'lifted'> {
  let done: 'all' | 'some' = 'all';
  let after: OperationRef | null = null;
  do {
    const slice: Slice<Item> = await read(after);
    for (let at = 0; at < slice.items.length; at += AT_ONCE) {
      const pace = await may();
      if (pace !== 'go_on') return pace === 'lifted' ? 'lifted' : 'some';
      const came = await Promise.all(slice.items.slice(at, at + AT_ONCE).map(act));
      if (came.includes('later')) done = 'some';
    }
    after = slice.next;
  } while (after !== null);
  return done;
}

async function ask(
  ports: Ports,
  stop: Stop,
  { workspaceId, operationId }: OperationRef,
  wish: typeof cancel,
): Promise<Came> {
  for (let tries = 0; tries < MAX_TRIES; tries += 1) {
    try {
      await wish(ports, stopperOf(stop, workspaceId), operationId, reasonOf(stop));
      return 'requested';
    } catch (error) {
      // One bad operation must not keep the others from being stopped.
      if (!(error instanceof Refusal)) {
        ports.logger.error({ operationId, stopId: stop.stopId, error }, 'cannot be stopped');
        return error instanceof UnreadableHistory ? 'unreadable' : 'later';
      }
      if (error.code === 'too_late' || error.code === 'not_found') return 'too_late';
      if (error.code !== 'version_conflict') {
        ports.logger.warn({ operationId, stopId: stop.stopId, reason: error.code }, 'not stopped yet');
        return 'later';
      }
    }
  }
  return 'later';
}

/** Whoever runs the installation is nobody that a workspace knows. */
function stopperOf({ scope, by }: Stop, workspaceId: WorkspaceId): ApproverPrincipal {
  return isOwn(scope)
    ? { workspaceId, keyId: by.actor.id, person: by.person }
    : { workspaceId, keyId: 'operator', person: 'operator' };
}

function reasonOf({ scope, reason, stopId }: Stop): string {
  const why = isOwn(scope) && reason !== '' ? `: ${reason}` : '';
  return `${scope.kind} stopped (${stopId})${why}`;
}

const isOwn = (scope: StopScope): boolean => scope.kind !== 'global' && scope.workspaceId !== null;
