import { createHash } from 'node:crypto';
import { canonicalJson, type Json } from '#domain';

export interface HashedEvent {
  readonly workspaceId: string;
  readonly operationId: string;
  readonly version: number;
  readonly type: string;
  readonly schema: number;
  readonly data: Json;
  readonly actor: { readonly type: string; readonly id: string };
  readonly occurredAtMs: number;
}

/** What the first event of an operation follows: 32 zero bytes, hex. */
export const GENESIS_PREV_HASH = '0'.repeat(64);

/**
 * Link of an operation's hash chain (S14), as 64 lower-case hex digits:
 *
 *   SHA-256( previous hash, 32 raw bytes  ||  UTF-8 of the canonical JSON of
 *     { "actor", "data", "occurred_at_ms", "operation_id", "schema", "type", "version", "workspace_id" } )
 *
 * Canonical JSON: keys of every object sorted by UTF-16 code unit, no white space, strings as JSON.stringify writes them, numbers are
 * integers. `data` and `actor` are the stored jsonb values; `schema`, `version` and `occurred_at_ms` are JSON numbers; the ids are lower-case
 * UUID text. The columns `prev_hash` and `hash` of `events` hold the raw bytes. The independent checker implements this text.
 */
export function eventHash(prevHash: string, event: HashedEvent): string {
  return linkOf(prevHash, event, canonicalJson(event.data));
}

/** As `eventHash`, when the canonical text of `data` is at hand. The keys below are in order already. */
export function linkOf(prevHash: string, event: Omit<HashedEvent, 'data'>, data: string): string {
  const { type, id } = event.actor;
  const text =
    `{"actor":{"id":${JSON.stringify(id)},"type":${JSON.stringify(type)}},"data":${data},"occurred_at_ms":${event.occurredAtMs},` +
    `"operation_id":"${event.operationId}","schema":${event.schema},"type":"${event.type}","version":${event.version},"workspace_id":"${event.workspaceId}"}`;
  return createHash('sha256').update(Buffer.from(prevHash, 'hex')).update(text, 'utf8').digest('hex');
}
