// Signs authorizations in batches: read, check, write the ledger, move the mark, and only then make signatures. A crash at any instruction
// leaves either nothing or a ledger row, and a row means the same bytes next time.
import { movesMoney, type Caip2, type Policy, type WalletId } from '#domain';
import type { Derivation, OperationRef, PolicyStore } from '#engine';
import { hasherFor, type SignableTuple } from '#evm';
import type { AuthorizeReply, RuntimeLogger } from '#runtime';
import { checkAuthorization, type Check } from './check-authorization.js';
import {
  subjectKey,
  type LedgerEntry,
  type LedgerRow,
  type Purpose,
  type SignerDatabase,
} from './database.js';
import type { HighWater } from './high-water.js';
import type { Lane } from './lane.js';
import type { Subject } from './subject.js';
import type { Wallets } from './wallets.js';
import type { WalletLimits } from './wallet-limits.js';

export interface AuthorizerDeps {
  readonly db: SignerDatabase;
  readonly wallets: Wallets;
  readonly policies: Pick<PolicyStore, 'policiesFor'>;
  readonly derivation: Pick<Derivation, 'authorizationNonce'>;
  readonly highWater: HighWater;
  readonly lane: Lane;
  readonly limits: WalletLimits;
  readonly networks: ReadonlySet<Caip2>;
  readonly maxPerSignature: bigint;
  readonly log: RuntimeLogger;
}

interface Asked {
  readonly ref: OperationRef;
  readonly answer: (reply: AuthorizeReply) => void;
}

/** Read and checked; with a refusal nothing of it may be recorded. */
interface Prepared {
  readonly asked: readonly Asked[];
  readonly subjects: readonly Subject[];
  readonly checks: readonly Check[];
  readonly refusal: AuthorizeReply | undefined;
}

/** A reply instead of rows: nothing of this batch may be signed. */
interface Recorded extends Prepared {
  readonly rows: ReadonlyMap<string, LedgerRow> | AuthorizeReply;
}

/** More gain nothing: the signatures of a batch of this size already outweigh its two round trips. */
const MAX_BATCH = 256;

const unavailable = (reason: string): AuthorizeReply => ({ kind: 'unavailable', reason });
const QUARANTINED = unavailable('quarantined');
const scopeOf = ({ workspaceId, agentId }: Subject): string => `${workspaceId}/${agentId}`;

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

  /** Batches are finished one after another. The next one is already being read while this one is signed. */
  async #run(): Promise<void> {
    // Requests of one socket read, or of several in the same turn, belong together.
    await new Promise(setImmediate);
    let next = this.#next();
    while (next !== undefined) {
      const { asked, subjects, checks, rows } = await next;
      next = this.#next();
      if ('kind' in rows) for (const { answer } of asked) answer(rows);
      else
        this.#answer(
          asked,
          new Map(subjects.map((it, i) => [subjectKey(it), [it, checks[i] as Check]])),
          rows,
        );
      next ??= this.#next();
    }
    this.#running = undefined;
  }

  #next(): Promise<Recorded> | undefined {
    if (this.#queue.length === 0) return undefined;
    return this.deps.lane.run(async () => {
      const prepared = await this.#prepare(this.#queue.splice(0, MAX_BATCH));
      const { subjects, checks, refusal } = prepared;
      return { ...prepared, rows: refusal ?? (await this.#record(subjects, checks)) };
    });
  }

  async #prepare(asked: readonly Asked[]): Promise<Prepared> {
    const none = { asked, subjects: [], checks: [] };
    try {
      if (!(await this.deps.highWater.allows())) return { ...none, refusal: QUARANTINED };
      const subjects = await this.deps.db.read(unique(asked.map((it) => it.ref)));
      const [first] = subjects;
      if (first === undefined) return { ...none, refusal: unavailable('not_read') };
      if (!(await this.deps.highWater.sawEpoch(first.clusterEpoch, first.nowSec * 1000)))
        return { ...none, refusal: QUARANTINED };
      return { asked, subjects, checks: await this.#check(subjects), refusal: undefined };
    } catch (error) {
      return { ...none, refusal: this.#failed(error, asked.length) };
    }
  }

  /** Everything that must be durable before a signature may exist. */
  async #record(
    subjects: readonly Subject[],
    checks: readonly Check[],
  ): Promise<ReadonlyMap<string, LedgerRow> | AuthorizeReply> {
    const { db, highWater } = this.deps;
    const nowMs = (subjects[0]?.nowSec ?? 0) * 1000;
    try {
      if (highWater.quarantined) return QUARANTINED;
      const inserted: LedgerRow[] = [];
      const rows = new Map<string, LedgerRow>();
      for (const purpose of PURPOSES) {
        const entries = subjects.flatMap((subject, index) =>
          purposeOf(subject) === purpose ? entryOf(subject, checks[index] as Check) : [],
        );
        if (entries.length === 0) continue;
        const recorded = await db.record(purpose, entries);
        inserted.push(...recorded.inserted);
        for (const [subject, row] of recorded.rows) rows.set(subject, row);
      }
      if (inserted.length === 0 && rows.size === 0) return rows;
      return (await highWater.advance(inserted, nowMs)) ? rows : QUARANTINED;
    } catch (error) {
      return this.#failed(error, subjects.length);
    }
  }

  #answer(
    asked: readonly Asked[],
    checked: ReadonlyMap<string, readonly [Subject, Check]>,
    rows: ReadonlyMap<string, LedgerRow>,
  ): void {
    const replies = new Map<string, AuthorizeReply>();
    for (const { ref, answer } of asked) {
      const key = subjectKey(ref);
      const found = checked.get(key);
      const reply = replies.get(key) ?? (found && this.#replyTo(found[0], found[1], rows.get(key)));
      if (found && reply && reply.kind !== 'signed') this.#logRefusal(found[0], reply);
      if (reply) replies.set(key, reply);
      answer(reply ?? unavailable('not_read'));
    }
  }

  #failed(error: unknown, asked: number): AuthorizeReply {
    this.deps.highWater.connectionLost();
    this.deps.log.error({ error, asked }, 'batch failed');
    return unavailable('signer_failed');
  }

  async #check(subjects: readonly Subject[]): Promise<Check[]> {
    const { wallets, derivation, networks, maxPerSignature, limits } = this.deps;
    const policies = await this.#policiesOf(subjects);
    return subjects.map((subject) => {
      const walletId = subject.authorization?.walletId;
      const check = checkAuthorization(subject, {
        networks,
        maxPerSignature,
        policies: policies.get(scopeOf(subject)) ?? [],
        wallet: walletId && wallets.find(walletId),
        payee: subject.payee ? wallets.find(subject.payee.walletId) : undefined,
        expectedNonce: derivation.authorizationNonce(subject.workspaceId, subject.operationId),
      });
      if (check.kind !== 'sign' || check.again || purposeOf(subject) === 'allowance') return check;
      const room = limits.take(walletId as WalletId, check.tuple.value, subject.nowSec * 1000);
      return room ? check : { kind: 'burn', reason: 'limit_per_wallet_hour' };
    });
  }

  async #policiesOf(subjects: readonly Subject[]): Promise<ReadonlyMap<string, readonly Policy[]>> {
    const scopes = new Map(subjects.map((subject) => [scopeOf(subject), subject]));
    const read = await Promise.all(
      [...scopes].map(async ([scope, { workspaceId, agentId }]) => {
        const policies = agentId === null ? [] : await this.deps.policies.policiesFor(workspaceId, agentId);
        return [scope, policies] as const;
      }),
    );
    return new Map(read);
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

  #signature(subject: Subject, digest: string, tuple: SignableTuple): AuthorizeReply {
    const { authorization } = subject;
    const wallet = authorization && this.deps.wallets.find(authorization.walletId);
    const hasher = authorization && hasherFor(authorization);
    if (!wallet || !hasher) return unavailable('wallet_unknown');
    try {
      const signed = wallet.key.signTransfer(hasher, tuple);
      if (signed.digest !== digest) return { kind: 'refused', reason: 'digest_conflict' };
      return { kind: 'signed', signature: Buffer.from(signed.signature).toString('hex') };
    } catch (error) {
      // Most of all: the signature did not recover to its key and was discarded.
      this.deps.log.error({ error, operationId: subject.operationId }, 'signing failed');
      return unavailable('signing_failed');
    }
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

/** What is asked for is told by the committed intent: a payment and an allowance never stand in for each other in the ledger. */
const PURPOSES = ['authorize', 'allowance'] as const satisfies readonly Purpose[];

function purposeOf({ authorization }: Subject): (typeof PURPOSES)[number] {
  return movesMoney(authorization?.method) ? 'authorize' : 'allowance';
}

function entryOf(subject: Subject, check: Check): LedgerEntry[] {
  const entry = { subject: subjectKey(subject), workspaceId: subject.workspaceId };
  if (check.kind === 'burn') return [{ ...entry, digest: null, reason: check.reason }];
  if (check.kind === 'sign' && !check.again) return [{ ...entry, digest: check.digest, reason: null }];
  return [];
}

function unique(refs: readonly OperationRef[]): OperationRef[] {
  return [...new Map(refs.map((ref) => [subjectKey(ref), ref])).values()];
}
