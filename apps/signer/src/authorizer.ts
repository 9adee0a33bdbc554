// Signs authorizations in batches: read, check, write the ledger, move the mark, and only then make signatures. A crash at any instruction
// leaves either nothing or a ledger row, and a row means the same bytes next time.
import type { Caip2, WalletId } from '#domain';
import type { Derivation, OperationRef, PolicyStore } from '#engine';
import { hasherOf, type TransferTuple } from '#evm';
import type { AuthorizeReply, RuntimeLogger } from '#runtime';
import { checkAuthorization, type Check } from './check-authorization.js';
import {
  subjectKey,
  type LedgerEntry,
  type LedgerRow,
  type SignerDatabase,
  type Subject,
} from './database.js';
import type { HighWater } from './high-water.js';
import type { Wallets } from './wallets.js';
import type { WalletLimits } from './wallet-limits.js';

export interface AuthorizerDeps {
  readonly db: SignerDatabase;
  readonly wallets: Wallets;
  readonly policies: Pick<PolicyStore, 'policiesFor'>;
  readonly derivation: Pick<Derivation, 'authorizationNonce'>;
  readonly highWater: HighWater;
  readonly limits: WalletLimits;
  readonly networks: ReadonlySet<Caip2>;
  readonly maxPerSignature: bigint;
  readonly log: RuntimeLogger;
}

interface Asked {
  readonly ref: OperationRef;
  readonly answer: (reply: AuthorizeReply) => void;
}

/** More gain nothing: the signatures of a batch of this size already outweigh its two round trips. */
const MAX_BATCH = 256;

const unavailable = (reason: string): AuthorizeReply => ({ kind: 'unavailable', reason });

export class Authorizer {
  #queue: Asked[] = [];
  #running: Promise<void> | undefined;

  constructor(private readonly deps: AuthorizerDeps) {}

  /** Never throws: a fault is `unavailable`, and asking again is always safe. */
  authorize(ref: OperationRef): Promise<AuthorizeReply> {
    return new Promise((answer) => {
      this.#queue.push({ ref, answer });
      this.#running ??= this.#run();
    });
  }

  /** Resolves when everything that was asked has been answered. */
  async idle(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  /** One batch at a time: what arrives meanwhile makes the next. The ledger's order is then this process's order, which the mark relies on. */
  async #run(): Promise<void> {
    // Requests of one socket read, or of several in the same turn, belong together.
    await new Promise(setImmediate);
    while (this.#queue.length > 0) {
      const batch = this.#queue.splice(0, MAX_BATCH);
      const replies = await this.#answer(unique(batch.map((it) => it.ref)));
      for (const { ref, answer } of batch) answer(replies.get(subjectKey(ref)) ?? unavailable('not_read'));
    }
    this.#running = undefined;
  }

  async #answer(refs: readonly OperationRef[]): Promise<ReadonlyMap<string, AuthorizeReply>> {
    try {
      if (!(await this.deps.highWater.allows())) return all(refs, unavailable('quarantined'));
      return await this.#sign(refs);
    } catch (error) {
      this.deps.highWater.connectionLost();
      this.deps.log.error({ error, asked: refs.length }, 'batch failed');
      return all(refs, unavailable('signer_failed'));
    }
  }

  async #sign(refs: readonly OperationRef[]): Promise<ReadonlyMap<string, AuthorizeReply>> {
    const subjects = await this.deps.db.read(refs);
    const [first] = subjects;
    if (first === undefined) return new Map();
    if (!(await this.deps.highWater.sawEpoch(first.clusterEpoch, first.nowSec * 1000)))
      return all(refs, unavailable('quarantined'));
    const checks = await this.#check(subjects);

    const entries = subjects.flatMap((subject, index) => entryOf(subject, checks[index] as Check));
    const recorded = entries.length === 0 ? undefined : await this.deps.db.record(entries);
    const moved = await this.deps.highWater.advance(recorded?.inserted ?? [], first.nowSec * 1000);
    if (!moved) return all(refs, unavailable('quarantined'));

    const replies = new Map<string, AuthorizeReply>();
    subjects.forEach((subject, index) => {
      const check = checks[index] as Check;
      const reply = this.#replyTo(subject, check, recorded?.rows.get(subjectKey(subject)));
      if (reply.kind !== 'signed') this.#logRefusal(subject, reply);
      replies.set(subjectKey(subject), reply);
    });
    return replies;
  }

  async #check(subjects: readonly Subject[]): Promise<Check[]> {
    const { wallets, derivation, networks, maxPerSignature, limits } = this.deps;
    const policies = await Promise.all(
      subjects.map((subject) =>
        subject.agentId === null
          ? Promise.resolve([])
          : this.deps.policies.policiesFor(subject.workspaceId, subject.agentId),
      ),
    );
    return subjects.map((subject, index) => {
      const walletId = subject.authorization?.walletId;
      const check = checkAuthorization(subject, {
        networks,
        maxPerSignature,
        policies: policies[index] ?? [],
        wallet: walletId && wallets.find(walletId),
        expectedNonce: derivation.authorizationNonce(subject.workspaceId, subject.operationId),
      });
      if (check.kind !== 'sign' || check.again) return check;
      const room = limits.take(walletId as WalletId, check.tuple.value, subject.nowSec * 1000);
      return room ? check : { kind: 'burn', reason: 'limit_per_wallet_hour' };
    });
  }

  /** The ledger has the last word: another signer may have written first. */
  #replyTo(subject: Subject, check: Check, row: LedgerRow | undefined): AuthorizeReply {
    switch (check.kind) {
      case 'burned':
      case 'unavailable':
      case 'refused':
        return check;
      case 'burn':
        if (row === undefined) return unavailable('ledger_not_read');
        if (row.digest === null) return { kind: 'burned', reason: row.reason ?? check.reason };
        return unavailable('signed_meanwhile');
      case 'sign':
        if (!check.again) {
          if (row === undefined) return unavailable('ledger_not_read');
          if (row.digest === null) return { kind: 'burned', reason: row.reason ?? 'burned' };
          if (row.digest !== check.digest) return { kind: 'refused', reason: 'digest_conflict' };
        }
        return this.#signature(subject, check.digest, check.tuple);
    }
  }

  #signature(subject: Subject, digest: string, tuple: TransferTuple): AuthorizeReply {
    const { authorization } = subject;
    const wallet = authorization && this.deps.wallets.find(authorization.walletId);
    const hasher = authorization && hasherOf(authorization.network, authorization.token);
    if (!wallet || !hasher) return unavailable('wallet_unknown');
    const signed = wallet.key.signTransfer(hasher, tuple);
    if (signed.digest !== digest) return { kind: 'refused', reason: 'digest_conflict' };
    return { kind: 'signed', signature: Buffer.from(signed.signature).toString('hex') };
  }

  #logRefusal(subject: Subject, reply: AuthorizeReply): void {
    const fields = {
      workspaceId: subject.workspaceId,
      operationId: subject.operationId,
      kind: reply.kind,
      reason: 'reason' in reply ? reply.reason : undefined,
    };
    if (reply.kind === 'refused') this.deps.log.error(fields, 'refused to sign what differs from the ledger');
    else this.deps.log.warn(fields, 'not signed');
  }
}

function entryOf(subject: Subject, check: Check): LedgerEntry[] {
  const { workspaceId, operationId } = subject;
  if (check.kind === 'burn') return [{ workspaceId, operationId, digest: null, reason: check.reason }];
  if (check.kind === 'sign' && !check.again)
    return [{ workspaceId, operationId, digest: check.digest, reason: null }];
  return [];
}

function unique(refs: readonly OperationRef[]): OperationRef[] {
  return [...new Map(refs.map((ref) => [subjectKey(ref), ref])).values()];
}

function all(refs: readonly OperationRef[], reply: AuthorizeReply): Map<string, AuthorizeReply> {
  return new Map(refs.map((ref) => [subjectKey(ref), reply]));
}
