import { sql } from 'kysely';
import { underneath, type ProjectedEvent, type Projection } from './projection.js';

/** One row per operation with what people search and report by. */
export const operationsProjection: Projection = {
  name: 'operations',
  version: 1,
  tables: ['projection_operations'],
  async apply(events, { trx, table }) {
    const newest = new Map<string, ProjectedEvent>();
    for (const event of events) newest.set(event.operationId, event);
    const rows = [...newest.values()].map(rowOf).sort((a, b) => (a.operation_id < b.operation_id ? -1 : 1));
    const target = sql.table(table('projection_operations'));
    await sql`INSERT INTO ${target} AS shown
      SELECT * FROM jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) AS row(workspace_id uuid, operation_id uuid, version integer, agent_id uuid,
        kind text, status text, requester text, resource_url text, host text, network text, token text, payee text, unit text, amount numeric,
        wallet_id text, tx_hash text, delivery text, error_code text, opened_at_ms bigint, intent_at_ms bigint, last_at_ms bigint)
      ON CONFLICT (workspace_id, operation_id) DO UPDATE SET version = excluded.version, status = excluded.status, network = excluded.network,
        token = excluded.token, payee = excluded.payee, unit = excluded.unit, amount = excluded.amount, wallet_id = excluded.wallet_id,
        tx_hash = excluded.tx_hash, delivery = excluded.delivery, error_code = excluded.error_code, intent_at_ms = excluded.intent_at_ms,
        last_at_ms = excluded.last_at_ms
      WHERE shown.version < excluded.version`.execute(trx);
  },
};

function rowOf(event: ProjectedEvent) {
  const { after } = event;
  if (after.status === 'absent') throw new Error('an event left its operation absent');
  const state = underneath(after);
  if (state.status === 'absent') throw new Error('an absent operation cannot need attention');
  const terms = 'terms' in state ? state.terms : null;
  const authorization = 'authorization' in state ? state.authorization : null;
  const delivery = 'delivery' in state ? state.delivery : null;
  return {
    workspace_id: event.workspaceId,
    operation_id: event.operationId,
    version: event.version,
    agent_id: event.agentId,
    kind: after.request.kind,
    status: after.status,
    requester: after.requester,
    resource_url: after.request.url,
    host: hostOf(after.request.url),
    network: terms?.network ?? null,
    token: terms?.token ?? null,
    payee: terms?.payTo ?? null,
    unit: terms?.unit ?? null,
    amount: terms?.amount.toString() ?? null,
    wallet_id: authorization?.walletId ?? null,
    tx_hash: 'settlement' in state ? state.settlement.txHash : null,
    delivery: delivery?.outcome ?? null,
    error_code: 'code' in after ? after.code : null,
    opened_at_ms: event.openedAtMs,
    intent_at_ms: event.intentAtMs,
    last_at_ms: event.occurredAtMs,
  };
}

/** The merchant as people know it; a URL that does not parse never got this far, but history must not stop a projector. */
export function hostOf(url: string): string {
  return URL.canParse(url) ? new URL(url).host : '';
}
