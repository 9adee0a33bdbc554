import type { OperationEvent } from '#domain';
import { sql } from 'kysely';
import { hostOf } from './operations.js';
import { underneath, type ProjectedEvent, type Projection } from './projection.js';

/** Who did what, when, to which payment: one row per event, in commit order. The full data stays with the event. */
export const auditProjection: Projection = {
  name: 'audit',
  version: 1,
  tables: ['projection_audit'],
  async apply(events, { trx, table }) {
    const rows = events.map(rowOf);
    await sql`INSERT INTO ${sql.table(table('projection_audit'))}
      SELECT workspace_id, cluster_epoch, txid::xid8, position, operation_id, version, type, actor, agent_id, unit, amount, host, tx_hash,
        occurred_at_ms, decode(hash, 'hex')
      FROM jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) AS row(workspace_id uuid, cluster_epoch integer, txid text, position bigint,
        operation_id uuid, version integer, type text, actor jsonb, agent_id uuid, unit text, amount numeric, host text, tx_hash text,
        occurred_at_ms bigint, hash text)`.execute(trx);
  },
};

function rowOf(at: ProjectedEvent) {
  const state = underneath(at.after);
  const terms = 'terms' in state ? state.terms : null;
  return {
    workspace_id: at.workspaceId,
    cluster_epoch: at.order.clusterEpoch,
    txid: at.order.txid,
    position: at.order.position,
    operation_id: at.operationId,
    version: at.version,
    type: at.event.type,
    actor: at.actor,
    agent_id: at.agentId,
    unit: terms?.unit ?? null,
    amount: amountIn(at.event) ?? terms?.amount.toString() ?? null,
    host: 'request' in state ? hostOf(state.request.url) : null,
    tx_hash: txHashIn(at.event),
    occurred_at_ms: at.occurredAtMs,
    hash: at.hash.toString('hex'),
  };
}

function amountIn({ data }: OperationEvent): string | null {
  return 'amount' in data ? data.amount.toString() : null;
}

function txHashIn({ data }: OperationEvent): string | null {
  if ('settlement' in data) return data.settlement.txHash;
  return 'proof' in data ? (data.proof.txHash ?? null) : null;
}
