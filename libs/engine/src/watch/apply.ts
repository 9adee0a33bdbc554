import { decide, evolve, nextStep, type OperationCommand, type OperationState } from '#domain';
import type { OperationRef, Ports } from '../ports.js';

const MAX_CONFLICTS = 8;
/** Facts appended at once; the store's group commit makes one transaction of them. */
const AT_ONCE = 256;

/** Appends what the chain says to one operation, whoever else is appending. Repeating it is harmless. */
export async function applyFact(ports: Ports, ref: OperationRef, command: OperationCommand): Promise<void> {
  for (let conflicts = 0; conflicts <= MAX_CONFLICTS; conflicts += 1) {
    const loaded = await ports.operations.load(ref);
    if (!loaded) throw new Error('the ledger names an operation that does not exist');
    const decision = decide(loaded.state, command);
    if (!decision.ok || decision.events.length === 0) return;
    const { workspaceId, operationId, agentId, openedAtMs, version, lastHash } = loaded;
    const nowMs = ports.clock.nowMs();
    const state = decision.events.reduce(evolve, loaded.state);
    const outcome = await ports.operations.append({
      workspaceId,
      operationId,
      agentId,
      openedAtMs,
      expectedVersion: version,
      lastHash,
      leaseEpoch: null,
      events: decision.events,
      actor: { type: 'system', id: 'chain-watcher' },
      nowMs,
      state,
      nextAttemptAtMs: dueAt(state, nowMs),
      releaseLease: false,
    });
    if (outcome.ok) {
      ports.metrics.ended(state.status);
      return;
    }
    if (outcome.reason === 'guard') throw new Error(`a chain fact met a guard: ${outcome.guard}`);
  }
  throw new Error('operation changes faster than the chain can be recorded');
}

export async function applyFacts<T extends OperationRef>(
  ports: Ports,
  items: readonly T[],
  commandFor: (item: T) => OperationCommand | null,
): Promise<void> {
  for (let start = 0; start < items.length; start += AT_ONCE) {
    await Promise.all(
      items.slice(start, start + AT_ONCE).map(async (item) => {
        const command = commandFor(item);
        if (command) await applyFact(ports, item, command);
      }),
    );
  }
}

/** When a worker should look at the operation next, by its state alone. */
export function dueAt(state: OperationState, nowMs: number): number | null {
  const step = nextStep(state, nowMs);
  if (step.kind === 'stop') return null;
  return step.kind === 'wait' ? step.untilMs : nowMs;
}
