// For callers without a key, and for those who repeat a refused request and mean a new one (rulings 3 and 4). Whatever is opened here has a key
// too: one derived from the operation before it. So equal requests at once, and repeats after a restored backup, still meet in one operation.
import { ERRORS, isAnswerable, refuse, type IdempotencyKey, type OperationState } from '#domain';
import type { NewestOperation, OperationRef, Ports } from '../ports.js';
import { foldWithTimes } from '../view.js';
import {
  claimOf,
  fingerprintOf,
  onceSigned,
  open,
  openerOf,
  wholeRequest,
  type AgentPrincipal,
  type Claim,
  type SubmitRequest,
  type Submitted,
} from './submit.js';

/** How often in a row an operation may turn out to be over while its successor is being opened. */
const MOST_STEPS = 8;

interface Input {
  /** null: the caller gave none. */
  readonly key: IdempotencyKey | null;
  readonly request: SubmitRequest;
  readonly body: Uint8Array | null;
}

/**
 * As `submit`, but without a key the request joins the agent's unfinished equal one, or the one answered a moment ago; and a request whose operation was
 * refused before anything was signed opens a new one. An operation that may be paid is never followed by another while its outcome is open.
 */
export function submitAgain(ports: Ports, who: AgentPrincipal, input: Input): Promise<Submitted> {
  return onceSigned(ports, who, () => joinOrOpen(ports, who, input));
}

async function joinOrOpen(ports: Ports, who: AgentPrincipal, input: Input): Promise<Submitted> {
  const { workspaceId, agentId } = who;
  const run = (claim: Claim) => open(ports, openerOf(who), { ...input, claim });

  let root: string;
  let first: Claim;
  if (input.key === null) {
    root = `keyless:${fingerprintOf(ports, wholeRequest(ports, agentId, input))}`;
    first = following(root, null);
  } else {
    first = claimOf(ports, input.key);
    root = `again:${first.keyHash}`;
    const submitted = await run(first);
    if (!submitted.replayed || !(await isRefused(ports, submitted))) return submitted;
    first = following(root, submitted);
  }

  let newest = await ports.operations.newest(workspaceId, agentId, root);
  for (let steps = 0; steps < MOST_STEPS; steps += 1) {
    if (newest && isJoined(ports, input, newest))
      return { workspaceId, operationId: newest.operationId, replayed: true };
    const submitted = await run(newest ? following(root, newest) : first);
    if (!submitted.replayed) return submitted;
    // Somebody opened it just now, or a clock stood wrong and it is not the newest after all.
    newest = await ports.operations.newest(workspaceId, agentId, root, submitted.operationId);
  }
  throw refuse('version_conflict');
}

/** No caller can send such a key: it begins with a line feed. */
function following(root: string, before: Pick<OperationRef, 'operationId'> | null): Claim {
  const keyHash = `${root}:${before?.operationId ?? 'first'}`;
  return { key: `\n${keyHash}`, keyHash };
}

async function isRefused(ports: Ports, ref: OperationRef): Promise<boolean> {
  const loaded = await ports.operations.load(ref);
  return loaded !== undefined && wasRefused(loaded.state);
}

/** Nothing was signed, and once the cause is gone the same request may pass. A person's no stays a no. */
function wasRefused(state: OperationState): boolean {
  return state.status === 'refused' && ERRORS[state.code].retry !== 'no';
}

function isJoined(ports: Ports, { key }: Input, { history, keylessWindowMs }: NewestOperation): boolean {
  const { state, times } = foldWithTimes(history);
  if (wasRefused(state)) return false;
  if (key !== null || !isAnswerable(state) || isOpen(state)) return true;
  // Whoever was told to wait for a person comes back some time after the yes.
  const grant = 'grant' in state ? state.grant : null;
  const sinceMs = times.answeredAtMs ?? 0;
  return ports.clock.nowMs() < Math.max(sinceMs + keylessWindowMs, grant?.useByMs ?? 0);
}

/** Answered, and yet a person or the chain still has to say how it ends: a second payment now could be one too many. */
function isOpen({ status }: OperationState): boolean {
  return status === 'awaiting_approval' || status === 'authorized' || status === 'needs_attention';
}
