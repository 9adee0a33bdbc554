// Commits as the parameters of `purser_commit`: parallel arrays, written as Postgres array literals once per batch.
import {
  BUDGET_UNITS,
  canonicalJson,
  eventDataToJson,
  EVENT_VERSIONS,
  isAnswerable,
  stopTargetOf,
} from '#domain';
import type { Blob, Commit, OpenCommit } from '#engine';
import { effectsOf, type Effects, type WalletRow } from './effects.js';
import { linkOf } from './event-hash.js';

export interface PreparedEvent {
  readonly version: number;
  readonly type: string;
  readonly schema: number;
  readonly prevHash: string;
  readonly hash: string;
  readonly data: string;
}

/** A commit with everything computed that does not depend on its batch. */
export interface PreparedCommit {
  readonly commit: Commit;
  readonly open: OpenCommit | null;
  readonly events: readonly PreparedEvent[];
  readonly effects: Effects;
  readonly version: number;
  readonly lastHash: string;
  readonly actor: string;
  readonly answerable: boolean;
}

export function prepareCommit(commit: Commit, open: OpenCommit | null = null): PreparedCommit {
  const { workspaceId, operationId, actor } = commit;
  if (commit.events.length === 0) throw new Error('a commit without events');
  let lastHash = commit.lastHash;
  let version = commit.expectedVersion;
  const events = commit.events.map((event): PreparedEvent => {
    const data = canonicalJson(eventDataToJson(event));
    const prevHash = lastHash;
    version += 1;
    const { type } = event;
    const schema = EVENT_VERSIONS[type];
    const link = { workspaceId, operationId, version, type, schema, actor, occurredAtMs: commit.nowMs };
    lastHash = linkOf(prevHash, link, data);
    return { version, type, schema, prevHash, hash: lastHash, data };
  });
  const effects = effectsOf(commit);
  if (open && (effects.stoppable || effects.money.length > 0 || effects.approvals.length > 0))
    throw new Error('an opening moves no money');
  const answerable = isAnswerable(commit.state);
  return { commit, open, events, effects, version, lastHash, actor: canonicalJson({ ...actor }), answerable };
}

const COLUMNS = [
  'boolean',
  'uuid[]',
  'uuid[]',
  'uuid[]',
  'integer[]',
  'bytea[]',
  'bigint[]',
  'date[]',
  'integer[]',
  'bytea[]',
  'text[]',
  'boolean[]',
  'bigint[]',
  'boolean[]',
  'bigint[]',
  'bigint[]',
  'jsonb',
  'text[]',
  'text[]',
  'text[]',
  'integer[]',
  'integer[]',
  'text[]',
  'integer[]',
  'bytea[]',
  'bytea[]',
  'jsonb',
  'integer[]',
  'integer[]',
  'text[]',
  'text[]',
  'text[]',
  'integer[]',
  'text[]',
  'jsonb',
  'uuid[]',
  'uuid[]',
  'text[]',
  'uuid[]',
  'text[]',
  'text[]',
  'text[]',
  'integer[]',
  'text[]',
  'numeric[]',
  'integer[]',
  'integer[]',
  'integer[]',
  'jsonb',
  'integer[]',
  'text[]',
  'bytea[]',
  'jsonb',
  'bigint[]',
] as const;

export const COMMIT_SQL = `SELECT outcome, reasons FROM purser_commit(${COLUMNS.map((type, at) => `$${at + 1}::${type}`).join(', ')})`;

/** The values for `COMMIT_SQL`, in its order. `wait`: block on rows that others hold instead of answering 'busy'. */
export function batchValues(batch: readonly PreparedCommit[], wait: boolean): unknown[] {
  const numbered = batch.map((it, at) => ({ ...it, number: at + 1 }));
  const events = numbered.flatMap((it) => it.events.map((event) => ({ number: it.number, ...event })));
  const approvals = numbered.flatMap((it) =>
    it.effects.approvals.map((effect) => ({ number: it.number, ...effect })),
  );
  const blobs = numbered.flatMap((it) =>
    [...(it.commit.blobs ?? []), ...signedRequestOf(it.open)].map((blob) => ({ number: it.number, ...blob })),
  );
  return [
    wait,
    ...commandValues(batch),
    plain(events, (it) => it.number),
    plain(events, (it) => it.version),
    plain(events, (it) => it.type),
    plain(events, (it) => it.schema),
    plain(events, (it) => bytes(it.prevHash)),
    plain(events, (it) => bytes(it.hash)),
    jsonOf(events, (it) => it.data),
    ...stopValues(numbered),
    plain(approvals, (it) => it.number),
    plain(approvals, (it) => it.kind),
    jsonOf(approvals, (it) => JSON.stringify(it.data)),
    ...moneyValues(numbered),
    ...blobValues(blobs),
  ];
}

function commandValues(batch: readonly PreparedCommit[]): unknown[] {
  return [
    plain(batch, (it) => it.commit.workspaceId),
    plain(batch, (it) => it.commit.operationId),
    plain(batch, (it) => it.commit.agentId),
    plain(batch, (it) => it.commit.expectedVersion),
    plain(batch, (it) => bytes(it.commit.lastHash)),
    plain(batch, (it) => it.commit.leaseEpoch),
    plain(batch, (it) => monthOf(it.commit.openedAtMs)),
    plain(batch, (it) => it.version),
    plain(batch, (it) => bytes(it.lastHash)),
    plain(batch, (it) => it.commit.state.status),
    plain(batch, (it) => it.answerable),
    plain(batch, (it) => whole(it.commit.nextAttemptAtMs)),
    plain(batch, (it) => it.commit.releaseLease),
    plain(batch, (it) => it.commit.openedAtMs),
    plain(batch, (it) => it.commit.nowMs),
    jsonOf(batch, (it) => it.actor),
    plain(batch, (it) => kindOf(it)),
    quoted(batch, (it) => it.open?.idempotencyKeyHash ?? null),
    quoted(batch, (it) => it.open?.fingerprint ?? null),
  ];
}

function kindOf({ open, commit: { state } }: PreparedCommit): string | null {
  return open && 'request' in state ? state.request.kind : null;
}

type Numbered = PreparedCommit & { readonly number: number };

/** Which commands a stop stops, and whom they and the openings concern. */
function stopValues(batch: readonly Numbered[]): unknown[] {
  const stoppable = batch.filter((it) => it.effects.stoppable);
  const targets = batch
    .filter((it) => it.effects.stoppable || it.open !== null)
    .map(({ number, commit }) => ({ number, ...stopTargetOf(commit.state) }));
  return [
    plain(stoppable, (it) => it.number),
    plain(targets, (it) => it.number),
    quoted(targets, (it) => it.network),
    quoted(targets, (it) => it.payee),
    quoted(targets, (it) => it.host),
  ];
}

function moneyValues(batch: readonly Numbered[]): unknown[] {
  const nodes = new Slots<{ ws: string; id: string; unit: string }>((it) => `${it.ws}${it.id}${it.unit}`);
  const wallets = new Slots<WalletRow & { ws: string }>(
    (it) => `${it.ws}${it.walletId} ${it.network} ${it.token}`,
  );
  const moves = batch.flatMap(({ number, commit: { workspaceId: ws, agentId }, effects }) => {
    if (effects.unitsChanged) {
      for (const unit of BUDGET_UNITS) for (const id of [ws, agentId]) nodes.at({ ws, id, unit });
    }
    return effects.money.map(({ kind, amount, unit, wallet, data }) => ({
      number,
      kind,
      amount,
      data: JSON.stringify(data),
      k1: unit && nodes.at({ ws, id: ws, unit }),
      k2: unit && nodes.at({ ws, id: agentId, unit }),
      w: wallet && wallets.at({ ws, ...wallet }),
    }));
  });
  return [
    plain(nodes.all, (it) => it.ws),
    plain(nodes.all, (it) => it.id),
    plain(nodes.all, (it) => it.unit),
    plain(wallets.all, (it) => it.ws),
    quoted(wallets.all, (it) => it.walletId),
    quoted(wallets.all, (it) => it.network),
    quoted(wallets.all, (it) => it.token),
    plain(moves, (it) => it.number),
    plain(moves, (it) => it.kind),
    plain(moves, (it) => it.amount),
    plain(moves, (it) => it.k1),
    plain(moves, (it) => it.k2),
    plain(moves, (it) => it.w),
    jsonOf(moves, (it) => it.data),
  ];
}

type StoredBlob = Omit<Blob, 'kind'> & { readonly kind: string };

/** The table of blobs turns it away to that of signed requests. */
function signedRequestOf(open: OpenCommit | null): readonly StoredBlob[] {
  if (!open?.signedDigest) return [];
  const sealed = Buffer.from(open.signedDigest, 'hex');
  return [{ kind: 'signed_request', sealed, meta: { agent_id: open.agentId }, ttlMs: null }];
}

function blobValues(blobs: readonly (StoredBlob & { readonly number: number })[]): unknown[] {
  return [
    plain(blobs, (it) => it.number),
    plain(blobs, (it) => it.kind),
    plain(blobs, (it) => bytes(Buffer.from(it.sealed).toString('hex'))),
    jsonOf(blobs, (it) => JSON.stringify(it.meta)),
    plain(blobs, (it) => it.ttlMs),
  ];
}

/** Numbers, from 1, the distinct rows that a batch touches. */
class Slots<Row> {
  readonly all: Row[] = [];
  private readonly numbers = new Map<string, number>();

  constructor(private readonly keyOf: (row: Row) => string) {}

  at(row: Row): number {
    const key = this.keyOf(row);
    const known = this.numbers.get(key);
    if (known !== undefined) return known;
    this.all.push(row);
    this.numbers.set(key, this.all.length);
    return this.all.length;
  }
}

type Cell = string | number | bigint | boolean | null;

/** For values that need no quoting: numbers, ids, names of ours. */
function plain<Row>(rows: readonly Row[], cell: (row: Row) => Cell): string {
  return `{${rows.map((row) => cell(row) ?? 'NULL').join(',')}}`;
}

function quoted<Row>(rows: readonly Row[], cell: (row: Row) => string | null): string {
  const cells = rows.map((row) => {
    const text = cell(row);
    return text === null ? 'NULL' : `"${text.replace(/["\\]/g, String.raw`\$&`)}"`;
  });
  return `{${cells.join(',')}}`;
}

function jsonOf<Row>(rows: readonly Row[], text: (row: Row) => string): string {
  return `[${rows.map(text).join(',')}]`;
}

function bytes(hex: string): string {
  return String.raw`\\x${hex}`;
}

/** Retry times may come with a fraction of a millisecond. */
function whole(ms: number | null): number | null {
  return ms === null ? null : Math.ceil(ms);
}

/** First day of the UTC month the operation was opened in; part of its events' key (ruling 19). */
function monthOf(openedAtMs: number): string {
  return `${new Date(openedAtMs).toISOString().slice(0, 7)}-01`;
}
