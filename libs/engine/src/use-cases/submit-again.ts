// For callers without a key, and for those who repeat a refused request and mean a new one (rulings 3 and 4). Whatever is opened here has a key
// too: one derived from the operation before it. So equal requests at once, and repeats after a restored backup, still meet in one operation.
import {
  ERRORS,
  isAnswerable,
  refuse,
  type ErrorCode,
  type IdempotencyKey,
  type OperationState,
} from '#domain';
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

/** How many refusals in a row a restored database is looked behind for a payment that it has forgotten. */
const MOST_FORGOTTEN = 64;

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
  const run = async (claim: Claim) =>
    open(ports, openerOf(who), { ...input, claim: await unforgotten(ports, who, { root, claim }) });

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
    if (newest && isJoined(input, newest))
      return { workspaceId, operationId: newest.operationId, replayed: true };
    const submitted = await run(newest ? following(root, newest) : first);
    if (!submitted.replayed) return submitted;
    // Somebody opened it just now, or a clock stood wrong and it is not the newest after all.
    newest = await ports.operations.newest(workspaceId, agentId, root, submitted.operationId);
  }
  throw refuse('version_conflict');
}

/**
 * The same claim, or the one behind it whose payment the chain remembers and a restored database does not: there the caller had been refused, asked
 * again and paid, and must land on what was paid. Refuses with `quarantined` before that can be known.
 */
async function unforgotten(
  ports: Ports,
  { workspaceId, agentId }: AgentPrincipal,
  { root, claim }: { readonly root: string; readonly claim: Claim },
): Promise<Claim> {
  const { derivation, adoption } = ports;
  const claims: Claim[] = [];
  const used = await adoption.firstUsed(workspaceId, () => {
    let at = claim;
    return Array.from({ length: MOST_FORGOTTEN }, () => {
      claims.push(at);
      const operationId = derivation.operationId(workspaceId, agentId, at.key);
      at = following(root, { operationId });
      return derivation.authorizationNonce(workspaceId, operationId);
    });
  });
  if (used === 'not_yet') throw refuse('quarantined');
  return used === null ? claim : (claims[used] ?? claim);
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

/**
 * Nothing was signed, and once the cause is gone the same request may pass. A person's no stays a no; and what was refused for being the same purchase
 * again would pass by mere repeating, once the window is over.
 */
function wasRefused(state: OperationState): boolean {
  return state.status === 'refused' && mayBeRepeated(state.code);
}

/** Does the same request, after this refusal, open a new operation for callers of `submitAgain`? */
export const mayBeRepeated = (code: ErrorCode): boolean =>
  code !== 'duplicate_intent' && ERRORS[code].retry !== 'no';

function isJoined({ key }: Input, { history, keylessWindowMs, nowMs }: NewestOperation): boolean {
  const { state, times } = foldWithTimes(history);
  if (wasRefused(state)) return false;
  if (key !== null || !isAnswerable(state) || isOpen(state)) return true;
  // Whoever was told to wait for a person comes back some time after the yes.
  const grant = 'grant' in state ? state.grant : null;
  const sinceMs = times.answeredAtMs ?? 0;
  return nowMs < Math.max(sinceMs + keylessWindowMs, grant?.useByMs ?? 0);
}

/** Answered, and yet a person or the chain still has to say how it ends: a second payment now could be one too many. */
function isOpen({ status }: OperationState): boolean {
  return status === 'awaiting_approval' || status === 'authorized' || status === 'needs_attention';
}
