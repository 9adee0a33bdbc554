import { parseIdempotencyKey, refuse, type ErrorCode, type ErrorDetails, type IdempotencyKey } from '#domain';
import {
  mayBeRepeated,
  submit,
  submitAgain,
  type AgentPrincipal,
  type OperationView,
  type SubmitRequest,
} from '#engine';
import type { ApiCore } from '../core.js';
import type { Rendered } from './dialect.js';
import type { Stopping } from './stopping.js';

/** A request as the core takes it, however its dialect spelled it. */
export interface Command {
  readonly request: SubmitRequest;
  readonly body: Uint8Array | null;
  /** How long the caller waits for an answer. */
  readonly waitMs: number;
}

export interface Answered {
  readonly view: OperationView;
  /** The operation was there before this request. */
  readonly replayed: boolean;
}

interface Served {
  readonly core: Pick<ApiCore, 'ports'>;
  readonly stopping: Stopping;
}

/** For dialects whose callers always send a key: the same key and request is the same operation, for ever. */
export async function submitAndWait(
  served: Served,
  who: AgentPrincipal,
  key: IdempotencyKey,
  command: Command,
): Promise<Answered> {
  return answered(served, command, () => submit(served.core.ports, who, { key, ...command }));
}

/** For the others (rulings 3 and 4): no key joins the equal request, and what was refused may be asked again. */
export async function submitAgainAndWait(
  served: Served,
  who: AgentPrincipal,
  key: IdempotencyKey | null,
  command: Command,
): Promise<Answered> {
  return answered(served, command, () => submitAgain(served.core.ports, who, { key, ...command }));
}

async function answered(
  { core: { ports }, stopping }: Served,
  { waitMs }: Command,
  run: () => ReturnType<typeof submit>,
): Promise<Answered> {
  const deadlineMs = ports.clock.nowMs() + waitMs;
  const submitted = await run();
  const view = await stopping.awaitAnswer(ports, submitted, deadlineMs);
  return { view, replayed: submitted.replayed };
}

/** What a caller of `submitAgainAndWait` is told to try again with: after a refusal the same request opens a new operation, a payment that died keeps its key. */
export function retryAdvice({ status, error, retryWith }: OperationView): 'same_key' | 'new_key' | null {
  if (retryWith === null) return null;
  return status === 'refused' && error !== null && mayBeRepeated(error.code) ? 'same_key' : retryWith;
}

/** What belongs to the code that a dialect says of an operation; nothing where it says another than the operation ended with. */
export const detailsOf = ({ error }: OperationView, code: ErrorCode): ErrorDetails =>
  error?.code === code ? error.details : {};

/** Nothing is decided yet, and nothing was refused, so never 402. The same request again finds the same operation. */
export function pending({ status, approval, operationId }: OperationView): Rendered {
  const waits =
    status === 'awaiting_approval' && approval
      ? {
          status: 'pending_approval',
          approvalId: approval.approvalId,
          expiresAt: new Date(approval.decideByMs).toISOString(),
        }
      : { status: 'pending' };
  return { status: 202, body: { ...waits, operationId } };
}

/** The header's key or the body's; both, and different: the request means two things. */
export function keyFrom(
  header: unknown,
  body?: { readonly field: string; readonly key: string | undefined },
) {
  const given = body?.key;
  if (header === undefined) return given === undefined ? null : parseIdempotencyKey(given);
  if (given !== undefined && given !== header)
    throw refuse('validation_failed', {
      field: body?.field ?? '',
      reason: 'differs_from_idempotency_key_header',
    });
  return parseIdempotencyKey(header);
}
