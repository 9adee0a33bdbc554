// Stops in memory, with the semantics the port documents.
import {
  isBeforeIntent,
  refuse,
  stopTargetOf,
  throughAttention,
  type StopId,
  type WorkspaceId,
} from '#domain';
import type { AgentView, OperationRef, Stop, StopOrder, StopScope, StopStore } from '#engine';
import { concerns, type MemoryDatabase } from './memory-database.js';
import { found, pageOf } from './memory-lists.js';

export class MemoryStops implements StopStore {
  private counter = 0;

  constructor(
    private readonly database: MemoryDatabase,
    private readonly agents: readonly Pick<AgentView, 'workspaceId' | 'agentId'>[],
  ) {}

  async stop(order: StopOrder): Promise<Stop> {
    const { scope } = order;
    if (scope.kind === 'agent') {
      const isIt = (it: (typeof this.agents)[number]): boolean =>
        it.workspaceId === scope.workspaceId && it.agentId === scope.agentId;
      found(this.agents.find(isIt), 'agent');
    }
    return this.put(order, false);
  }

  put(order: StopOrder, final: boolean): Stop {
    const { stops } = this.database;
    const at = stops.findIndex(({ scope }) => keyOf(scope) === keyOf(order.scope));
    const before = stops[at];
    const more = order.cancelOnChain && before?.cancelOnChain !== true;
    const stop: Stop = {
      ...(before ?? { ...order, stopId: this.next(), sinceMs: this.database.nowMs() }),
      cancelOnChain: order.cancelOnChain || before?.cancelOnChain === true,
      final: final || before?.final === true,
      carriedOut: before !== undefined && before.carriedOut && !more,
    };
    stops.splice(at < 0 ? stops.length : at, at < 0 ? 0 : 1, stop);
    return stop;
  }

  async resume(scope: StopScope): Promise<void> {
    const stop = await this.find(scope);
    if (!stop) return;
    if (stop.final) throw refuse('agent_disabled', { stop_id: stop.stopId });
    if (!stop.carriedOut) throw refuse('stop_under_way', { stop_id: stop.stopId });
    this.database.stops.splice(this.database.stops.indexOf(stop), 1);
  }

  get(workspaceId: WorkspaceId | null, stopId: StopId): Promise<Stop> {
    const stop = this.database.stops.find((it) => it.stopId === stopId && placeOf(it.scope) === workspaceId);
    return Promise.resolve().then(() => found(stop, 'stop'));
  }

  list(workspaceId: WorkspaceId | null, page: Parameters<StopStore['list']>[1]) {
    const own = this.database.stops.filter(({ scope }) => [workspaceId, null].includes(placeOf(scope)));
    return Promise.resolve(pageOf(own.toReversed(), page));
  }

  find(scope: StopScope): Promise<Stop | null> {
    return Promise.resolve(this.database.stops.find((it) => keyOf(it.scope) === keyOf(scope)) ?? null);
  }

  has(scope: StopScope): boolean {
    return this.database.stops.some((it) => !it.final && keyOf(it.scope) === keyOf(scope));
  }

  stopFor: StopStore['stopFor'] = (workspaceId, agentId) =>
    Promise.resolve(this.database.stoppedScope(workspaceId, agentId ?? '')?.kind ?? null);

  openApprovals(scope: StopScope) {
    const items = [...this.database.approvals].flatMap(([operationId, { status }]) => {
      const isOpen = status === 'pending' || status === 'approved';
      return isOpen && isBeforeIntent(this.loaded(operationId).state) ? this.inScope(scope, operationId) : [];
    });
    return Promise.resolve({ items, next: null });
  }

  stillLive(scope: StopScope) {
    const items = [...this.database.ledger.values()].flatMap(({ operationId, authorization, status }) =>
      status === 'live'
        ? this.inScope(scope, operationId).map((ref) => ({
            ...ref,
            agentId: this.loaded(operationId).agentId,
            network: authorization.network,
            token: authorization.token,
            to: authorization.to,
            value: authorization.value,
            validBeforeSec: authorization.validBeforeSec,
          }))
        : [],
    );
    return Promise.resolve({ items, next: null });
  }

  carriedOut(stop: Stop): Promise<void> {
    const at = this.database.stops.findIndex((it) => it.stopId === stop.stopId);
    const now = this.database.stops[at];
    if (now) this.database.stops[at] = { ...now, carriedOut: now.cancelOnChain === stop.cancelOnChain };
    return Promise.resolve();
  }

  take(limit: number): Promise<readonly Stop[]> {
    return Promise.resolve(this.database.stops.filter((it) => !it.carriedOut).slice(0, limit));
  }

  giveBack = (): Promise<void> => Promise.resolve();

  private inScope(scope: StopScope, operationId: OperationRef['operationId']): OperationRef[] {
    const { workspaceId, agentId, state } = this.loaded(operationId);
    const target = stopTargetOf(throughAttention(state));
    return concerns(scope, { workspaceId, agentId, ...target }) ? [{ workspaceId, operationId }] : [];
  }

  private loaded(operationId: OperationRef['operationId']) {
    const row = this.database.operations.get(operationId);
    if (!row) throw new Error('a row of no operation');
    return row.loaded;
  }

  private next(): StopId {
    this.counter += 1;
    return `stp_${this.counter.toString().padStart(26, '0')}` as StopId;
  }
}

const placeOf = (scope: StopScope): WorkspaceId | null =>
  scope.kind === 'global' ? null : scope.workspaceId;

const keyOf = (scope: StopScope): string =>
  JSON.stringify(
    Object.entries(scope)
      .map(String)
      .toSorted((a, b) => (a < b ? -1 : 1)),
  );
