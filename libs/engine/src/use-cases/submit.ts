// Accepts a purchase or an authorization request. The operation id is derived from the key, so a retry, even against a restored
// database, lands on the same operation; everything else happens in a worker.
import {
  canonicalJson,
  decide,
  evolve,
  ABSENT,
  refuse,
  type Refusal,
  STOP_CODES,
  tagsOf,
  type AgentId,
  type IdempotencyKey,
  type Json,
  type OperationId,
  type OperationRequest,
  type WorkspaceId,
} from '#domain';
import type { SignedRequest } from '../credentials.js';
import type { Actor, Blob, OperationRef, Ports } from '../ports.js';
import { viewOf, type OperationView } from '../view.js';

/** An authenticated caller acting for one agent. */
export interface AgentPrincipal {
  readonly workspaceId: WorkspaceId;
  readonly agentId: AgentId;
  /** Credential id, recorded with the event. */
  readonly keyId: string;
  /** The person who operates the credential. */
  readonly person: string;
  /** Where the request was signed. */
  readonly signed?: SignedRequest;
}

export type SubmitRequest = Omit<OperationRequest, 'agentId' | 'bodyHash'>;

export interface Submitted extends OperationRef {
  /** The key was known: this is the operation of the first call. */
  readonly replayed: boolean;
}

const BODY_TTL_MS = 7 * 24 * 3600 * 1000;
export const GENESIS_HASH = '0'.repeat(64);

/**
 * Claims the idempotency key and opens the operation in one commit.
 * Refuses with `idempotency_key_reused` when the key belongs to another request, `agent_paused` and its like when stopped (no key is bound then).
 */
export function submit(
  ports: Ports,
  who: AgentPrincipal,
  input: { readonly key: IdempotencyKey; readonly request: SubmitRequest; readonly body: Uint8Array | null },
): Promise<Submitted> {
  const claim = claimOf(ports, input.key);
  return onceSigned(ports, who, () => open(ports, openerOf(who), { ...input, claim }));
}

export function openerOf({ workspaceId, agentId, person, keyId, signed }: AgentPrincipal): Opener {
  return { workspaceId, agentId, person, actor: { type: 'agent', id: keyId }, ...(signed ? { signed } : {}) };
}

/**
 * A signed request is good for one operation, whatever idempotency key stands beside it: keys are headers, and headers are not signed
 * (ruling 27). What it opens binds it in the same commit; what it joins, before the caller hears of it.
 */
export async function onceSigned(
  { operations }: Pick<Ports, 'operations'>,
  { workspaceId, agentId, signed }: AgentPrincipal,
  run: () => Promise<Submitted>,
): Promise<Submitted> {
  if (!signed) return run();
  if (signed.operationId !== null) return { workspaceId, operationId: signed.operationId, replayed: true };
  const submitted = await run();
  if (!submitted.replayed) return submitted;
  const operationId = await operations.bindSigned(submitted, agentId, signed.digest);
  return { workspaceId, operationId, replayed: true };
}

/** Of a key that a caller sent. */
export function claimOf({ hashing }: Pick<Ports, 'hashing'>, key: string): Claim {
  return { key, keyHash: hashing.sha256(key) };
}

/** What an operation's id is derived from, and how the key is remembered. */
export interface Claim {
  readonly key: string;
  readonly keyHash: string;
}

/** On whose behalf an operation is opened, and who opens it. */
export interface Opener {
  readonly workspaceId: WorkspaceId;
  readonly agentId: AgentId;
  /** Never approves it. */
  readonly person: string;
  readonly actor: Actor;
  readonly signed?: SignedRequest;
}

/** As `submit`, for callers other than the agent itself; their keys must not be ones that an agent can send. */
export async function open(
  ports: Ports,
  { workspaceId, agentId, person, actor, signed }: Opener,
  input: { readonly claim: Claim; readonly request: SubmitRequest; readonly body: Uint8Array | null },
): Promise<Submitted> {
  const request = wholeRequest(ports, agentId, input);
  const operationId = ports.derivation.operationId(workspaceId, agentId, input.claim.key);
  const fingerprint = fingerprintOf(ports, request);
  const { keyHash } = input.claim;
  await assertTags(ports, { workspaceId, operationId }, request);
  const nowMs = ports.clock.nowMs();
  const decision = decide(ABSENT, { type: 'Open', request, fingerprint, keyHash, requester: person });
  if (!decision.ok) throw refuse(decision.code, decision.details);
  const blobs: Blob[] = input.body
    ? [
        {
          kind: 'request_body',
          sealed: ports.vault.seal(workspaceId, input.body),
          meta: {},
          ttlMs: BODY_TTL_MS,
        },
      ]
    : [];
  const outcome = await ports.operations.open({
    workspaceId,
    operationId,
    agentId,
    openedAtMs: nowMs,
    expectedVersion: 0,
    lastHash: GENESIS_HASH,
    leaseEpoch: null,
    events: decision.events,
    state: decision.events.reduce(evolve, ABSENT),
    actor,
    nowMs,
    nextAttemptAtMs: nowMs,
    releaseLease: false,
    idempotencyKeyHash: keyHash,
    fingerprint,
    ...(signed ? { signedDigest: signed.digest } : {}),
    blobs,
  });
  if (!outcome.ok)
    throw refuse(STOP_CODES[String(outcome.details['scope'])] ?? 'system_paused', outcome.details);
  if (outcome.outcome === 'existing') {
    if (outcome.fingerprint !== fingerprint)
      throw refuse('idempotency_key_reused', { field: 'idempotency_key' });
    return { workspaceId, operationId: outcome.operationId, replayed: true };
  }
  ports.waker.wake([operationId]);
  return { workspaceId, operationId, replayed: false };
}

/** Before the key is bound. A repeat of what was accepted is answered, also when its tag was retired since. */
async function assertTags(ports: Ports, ref: OperationRef, request: OperationRequest): Promise<void> {
  const unknown = await unknownTag(ports, ref.workspaceId, request);
  if (unknown && !(await ports.operations.load(ref))) throw unknown;
}

/** The refusal of a tag that may not be named (any more); null: all may. */
export async function unknownTag(
  { policies }: Pick<Ports, 'policies'>,
  workspaceId: WorkspaceId,
  request: OperationRequest,
): Promise<Refusal | null> {
  const tags = tagsOf(request);
  if (tags.length === 0) return null;
  const [unknown] = await policies.unknownTags(workspaceId, tags);
  return unknown ? refuse('validation_failed', { field: unknown.kind, reason: 'no_such_tag' }) : null;
}

/** The request as it is recorded. */
export function wholeRequest(
  { hashing }: Pick<Ports, 'hashing'>,
  agentId: AgentId,
  { request, body }: { readonly request: SubmitRequest; readonly body: Uint8Array | null },
): OperationRequest {
  return { ...request, agentId, bodyHash: body ? hashing.sha256(body) : null };
}

/** Everything that makes two requests the same; how long the caller waits is not part of it. */
export function fingerprintOf(ports: Pick<Ports, 'hashing'>, request: OperationRequest): string {
  const { maxAmount, expect, timeoutMs: _timeoutMs, note: _note, ...rest } = request;
  const plain: Json = {
    ...rest,
    headers: { ...rest.headers },
    maxAmount: maxAmount === null ? null : maxAmount.toString(),
    expect: {
      payTo: expect.payTo ?? null,
      amount: expect.amount === undefined ? null : expect.amount.toString(),
      network: expect.network ?? null,
      asset: expect.asset ?? null,
    },
  };
  return ports.hashing.sha256(canonicalJson(plain));
}

/** Waits until the operation can be answered (ruling 1), at most until the deadline; then answers with what is known. */
export async function awaitAnswer(
  ports: Ports,
  submitted: Submitted,
  deadlineMs: number,
): Promise<OperationView> {
  // Opened this moment: there is nothing to read yet, and what comes is announced.
  if (!submitted.replayed) await ports.answers.changed(submitted.operationId, deadlineMs);
  for (;;) {
    const view = await viewOperation(ports, submitted);
    if (view.answerable || ports.clock.nowMs() >= deadlineMs) return view;
    await ports.answers.changed(submitted.operationId, deadlineMs);
  }
}

/** Refuses with `not_found`, also for another workspace's operation. */
export async function viewOperation(
  ports: Ports,
  ref: { readonly workspaceId: WorkspaceId; readonly operationId: OperationId },
): Promise<OperationView> {
  const loaded = await ports.operations.load(ref);
  if (!loaded) throw refuse('not_found', { object: 'operation' });
  return viewOf(loaded);
}
