import {
  decide,
  evolve,
  nextStep,
  type OperationCommand,
  type OperationId,
  type OperationState,
} from '#domain';
import type { OperationRef, Ports } from '../ports.js';

const MAX_CONFLICTS = 8;
/** Facts appended at once; the store's group commit makes one transaction of them. */
const AT_ONCE = 256;

/** How often one operation's fault may stop the watcher before it goes on without that operation (L5). */
export const PATIENCE = 3;

/** Appends what the chain says to one operation, whoever else is appending. Repeating it is harmless. False: it was known already. */
export async function applyFact(
  ports: Ports,
  ref: OperationRef,
  command: OperationCommand,
): Promise<boolean> {
  for (let conflicts = 0; conflicts <= MAX_CONFLICTS; conflicts += 1) {
    const loaded = await ports.operations.load(ref);
    if (!loaded) throw new Error('the ledger names an operation that does not exist');
    const decision = decide(loaded.state, command);
    if (!decision.ok || decision.events.length === 0) return false;
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
      return true;
    }
    if (outcome.reason === 'guard') throw new Error(`a chain fact met a guard: ${outcome.guard}`);
  }
  throw new Error('operation changes faster than the chain can be recorded');
}

/**
 * Appends facts to many operations. A fault is first taken for a passing one: everything else is appended, then it is thrown, and the tick
 * is repeated. An operation that fails again and again is left out with an alarm, so that it delays no other (L5). Its fact is not lost:
 * a use is found again when it should have expired, anything else at the next final block.
 */
export class Facts {
  private readonly failures = new Map<OperationId, number>();

  constructor(private readonly ports: Ports) {}

  /** Returns how many operations changed. */
  async apply<T extends OperationRef>(
    items: readonly T[],
    commandFor: (item: T) => OperationCommand | null | Promise<OperationCommand | null>,
  ): Promise<number> {
    let changed = 0;
    const faults: unknown[] = [];
    for (let start = 0; start < items.length; start += AT_ONCE) {
      const batch = items.slice(start, start + AT_ONCE);
      await Promise.all(
        batch.map(async (item) => {
          try {
            const command = await commandFor(item);
            if (command && (await applyFact(this.ports, item, command))) changed += 1;
            this.failures.delete(item.operationId);
          } catch (error) {
            if (this.isLeftOut(item, error)) return;
            faults.push(error);
          }
        }),
      );
    }
    if (faults.length > 0) throw faults[0];
    return changed;
  }

  private isLeftOut({ operationId }: OperationRef, error: unknown): boolean {
    const failures = (this.failures.get(operationId) ?? 0) + 1;
    this.failures.set(operationId, failures);
    if (failures < PATIENCE) return false;
    this.ports.logger.error({ operationId, failures, error }, 'a chain fact cannot be recorded');
    return true;
  }
}

/** When a worker should look at the operation next, by its state alone. */
export function dueAt(state: OperationState, nowMs: number): number | null {
  const step = nextStep(state, nowMs);
  if (step.kind === 'stop') return null;
  return step.kind === 'wait' ? step.untilMs : nowMs;
}
