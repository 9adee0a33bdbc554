// What a projection is: one file with a name, a version, its tables and a handler. Handlers call nothing outside the database and write
// nothing that depends on when they run, so that a rebuild gives the same bytes.
import type { AgentId, Json, OperationEvent, OperationId, OperationState, WorkspaceId } from '#domain';
import type { Transaction } from 'kysely';

/** An event with the state of its operation around it; the domain's own fold made both. */
export interface ProjectedEvent {
  readonly workspaceId: WorkspaceId;
  readonly operationId: OperationId;
  readonly agentId: AgentId;
  readonly version: number;
  readonly event: OperationEvent;
  readonly actor: Json;
  readonly occurredAtMs: number;
  readonly openedAtMs: number;
  /** When the payment was committed; spend counts in that day (ruling 15). */
  readonly intentAtMs: number | null;
  readonly hash: Buffer;
  readonly order: Order;
  readonly before: OperationState;
  readonly after: OperationState;
}

/** Place in the log: cluster epoch, transaction id, position (ruling 19). The last two are text: they may exceed what a number holds. */
export interface Order {
  readonly clusterEpoch: number;
  readonly txid: string;
  readonly position: string;
}

export const BEGINNING: Order = { clusterEpoch: 0, txid: '0', position: '0' };

/** Below 0: `a` comes first. */
export function compareOrder(a: Order, b: Order): number {
  if (a.clusterEpoch !== b.clusterEpoch) return a.clusterEpoch - b.clusterEpoch;
  return compareNumbers(a.txid, b.txid) || compareNumbers(a.position, b.position);
}

function compareNumbers(a: string, b: string): number {
  const [one, other] = [BigInt(a), BigInt(b)];
  return one < other ? -1 : Number(one > other);
}

export interface Target {
  readonly trx: Transaction<unknown>;
  /** Where rows of this table go: the live one, or the one being built beside it. */
  readonly table: (name: string) => string;
}

export interface Projection {
  readonly name: string;
  /** Raise it when the handler's meaning changes; the next start then needs a rebuild. */
  readonly version: number;
  readonly tables: readonly string[];
  /** Applies a batch in log order. Rows and checkpoint commit together, so a batch is applied once. */
  readonly apply: (events: readonly ProjectedEvent[], target: Target) => Promise<void>;
}

/** The state without the attention mark: what happens on chain still counts. */
export function underneath(state: OperationState): Exclude<OperationState, { status: 'needs_attention' }> {
  return state.status === 'needs_attention' ? state.before : state;
}

/** Adds up per key, so that a hot row is written once per batch. */
export function sumBy<Item, Sum>(
  items: Iterable<Item>,
  {
    key,
    zero,
    add,
  }: { key: (item: Item) => string; zero: (item: Item) => Sum; add: (sum: Sum, item: Item) => void },
): readonly Sum[] {
  const sums = new Map<string, Sum>();
  for (const item of items) {
    const at = key(item);
    const sum = sums.get(at) ?? zero(item);
    sums.set(at, sum);
    add(sum, item);
  }
  // Sorted, so that two transactions never lock the same rows in different orders.
  return [...sums.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, sum]) => sum);
}
