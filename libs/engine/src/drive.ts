// Runs one operation as far as it goes: ask the domain for the next step, perform it, record the outcome, until there is nothing to do now.
// Pure steps are fused into one commit; whatever a step needs durable first (an intent before its signature) is committed first.
import { ERRORS, nextStep, Refusal, type Step } from '#domain';
import { adoptForgotten } from './adopt.js';
import { Cursor } from './cursor.js';
import { refusalForGuard } from './guards.js';
import type { CommitOutcome, OperationStore, Ports } from './ports.js';
import { STEPS } from './steps/index.js';
import type { StepOutcome } from './steps/step.js';
import { dueAt } from './watch/apply.js';
import type { OperationId } from '#domain';

export type DriveResult =
  | { readonly kind: 'not_mine' }
  | { readonly kind: 'lost' }
  | { readonly kind: 'done'; readonly nextAttemptAtMs: number | null };

export interface DriveOptions {
  /** Name of this worker process, for the lease. */
  readonly owner: string;
  /** Aborted when the lease is lost or the process stops: no further effect is begun. */
  readonly signal: AbortSignal;
  readonly onClaimed?: (lease: { readonly operationId: OperationId; readonly leaseEpoch: number }) => void;
}

/** Attempts without progress after which a person must look (L5). */
export const MAX_ATTEMPTS = 8;
const MAX_CONFLICTS = 5;
const MAX_STEPS = 40;
/** How soon to come again when something that passes by itself is in the way: a quarantine, the database's clock. */
const NOT_NOW_MS = 5_000;
const STUCK_MS = 15_000;

export async function drive(
  ports: Ports,
  operationId: OperationId,
  options: DriveOptions,
): Promise<DriveResult> {
  const claimed = await ports.operations.claim(operationId, options.owner);
  if (!claimed) return { kind: 'not_mine' };
  options.onClaimed?.({ operationId, leaseEpoch: claimed.leaseEpoch });
  const cursor = new Cursor(ports, claimed);
  if (claimed.attempts > MAX_ATTEMPTS) {
    cursor.record({
      type: 'RequireAttention',
      code: 'needs_attention',
      details: { reason: 'too_many_attempts' },
    });
    ports.logger.error({ operationId, attempts: claimed.attempts }, 'operation needs attention');
    return finish(ports, cursor, dueInAttention(ports, cursor));
  }
  try {
    return await run(ports, cursor, options.signal);
  } catch (error) {
    return giveBack(ports, cursor, error);
  }
}

/** What is still done while a person must look (a kill) is tried further, slowly. */
function dueInAttention({ clock }: Ports, { state }: Cursor): number | null {
  const nowMs = clock.nowMs();
  const dueMs = state.status === 'needs_attention' ? dueAt(state, nowMs) : null;
  return dueMs === null ? null : Math.max(dueMs, nowMs + STUCK_MS);
}

async function run(ports: Ports, cursor: Cursor, signal: AbortSignal): Promise<DriveResult> {
  if ((await adoptForgotten(ports, cursor)) === 'not_yet')
    return finish(ports, cursor, ports.clock.nowMs() + NOT_NOW_MS);
  for (let steps = 0; steps < MAX_STEPS; steps += 1) {
    const step = nextStep(cursor.state, ports.clock.nowMs());
    if (step.kind === 'stop') return finish(ports, cursor, null);
    if (step.kind === 'wait') return finish(ports, cursor, step.untilMs);
    if (signal.aborted) return finish(ports, cursor, ports.clock.nowMs());
    const outcome = await perform(ports, cursor, step);
    if (outcome === 'lost') return { kind: 'lost' };
    if (outcome.kind === 'retry') {
      ports.logger.warn(
        { operationId: cursor.claimed.operationId, step: step.kind, reason: outcome.reason },
        'step will be retried',
      );
      return finish(ports, cursor, ports.clock.nowMs() + outcome.afterMs);
    }
    if (outcome.kind === 'record') cursor.record(outcome.command, outcome.blobs);
  }
  throw new Error('an operation that never comes to rest');
}

type Working = Exclude<Step, { kind: 'wait' | 'stop' }>;

async function perform(ports: Ports, cursor: Cursor, step: Working): Promise<StepOutcome | 'lost'> {
  const handler = STEPS[step.kind];
  if (cursor.dirty && handler.needsDurable({ ports, cursor, step })) {
    const flushed = await flush(ports, cursor, { nextAttemptAtMs: ports.clock.nowMs(), releaseLease: false });
    if (flushed === 'lost') return 'lost';
    if (flushed === 'not_now') return { kind: 'retry', reason: 'not_now', afterMs: NOT_NOW_MS };
    if (flushed === 'decided_anew') return { kind: 'again' };
  }
  const started = ports.clock.nowMs();
  const outcome = await handler.run({ ports, cursor, step });
  ports.metrics.stepTook(step.kind, ports.clock.nowMs() - started);
  return outcome;
}

/**
 * `decided_anew`: the commit met a guard or a newer state; the cursor holds what follows from that, go on from there. `not_now`: the refused
 * step was taken back and can be tried again later.
 */
async function flush(
  ports: Ports,
  cursor: Cursor,
  options: { readonly nextAttemptAtMs: number | null; readonly releaseLease: boolean },
): Promise<'stored' | 'decided_anew' | 'not_now' | 'lost'> {
  const outcome: CommitOutcome = await cursor.flush(options);
  if (outcome.ok) return 'stored';
  if (outcome.reason === 'lease_lost') return 'lost';
  if (outcome.reason === 'guard') return refusalForGuard(ports, cursor, outcome);
  await cursor.reload();
  return 'decided_anew';
}

async function finish(ports: Ports, cursor: Cursor, nextAttemptAtMs: number | null): Promise<DriveResult> {
  for (let conflicts = 0; cursor.dirty; conflicts += 1) {
    const flushed = await flush(ports, cursor, { nextAttemptAtMs, releaseLease: true });
    if (flushed === 'lost') return { kind: 'lost' };
    if (flushed === 'stored') {
      ports.metrics.ended(cursor.state.status);
      return { kind: 'done', nextAttemptAtMs };
    }
    if (conflicts >= MAX_CONFLICTS) throw new Error('operation changes faster than it can be decided');
    nextAttemptAtMs = ports.clock.nowMs() + (flushed === 'not_now' ? NOT_NOW_MS : 0);
  }
  await ports.operations.yieldLease(cursor.held, nextAttemptAtMs, null);
  return { kind: 'done', nextAttemptAtMs };
}

/** A fault: nothing half-decided is stored; the attempt counts, and the next one starts from the log. */
async function giveBack(ports: Ports, cursor: Cursor, error: unknown): Promise<DriveResult> {
  const { operationId, attempts } = cursor.claimed;
  const passing = error instanceof Refusal && ERRORS[error.code].kind === 'unavailable';
  const backoffMs = passing ? 1_000 : Math.min(30_000, 500 * 2 ** attempts);
  const nextAttemptAtMs = ports.clock.nowMs() + backoffMs;
  const reason = error instanceof Refusal ? error.code : 'fault';
  ports.logger.error({ operationId, attempts, reason, error }, 'drive failed');
  // Something that is merely away does not count towards the attempts after which a person must look.
  await yieldQuietly(ports.operations, cursor, nextAttemptAtMs, passing ? null : reason);
  return { kind: 'done', nextAttemptAtMs };
}

async function yieldQuietly(
  operations: OperationStore,
  cursor: Cursor,
  nextAttemptAtMs: number,
  reason: string | null,
): Promise<void> {
  try {
    await operations.yieldLease(cursor.held, nextAttemptAtMs, reason);
  } catch {
    // The store is away: the lease runs out by itself and the sweeper finds the operation.
  }
}
