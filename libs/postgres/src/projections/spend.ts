import { isTopUpUnit } from '#domain';
import { sql } from 'kysely';
import { hostOf } from './operations.js';
import { sumBy, underneath, type ProjectedEvent, type Projection } from './projection.js';

/** Captured payments by day, agent and merchant. A payment counts in the day of its intent, like in the budget (ruling 15). */
export const spendProjection: Projection = {
  name: 'spend',
  version: 1,
  tables: ['projection_spend'],
  async apply(events, { trx, table }) {
    const sums = sumBy(events.flatMap(captureIn), {
      key: (it) => `${it.workspace_id}/${it.day}/${it.agent_id}/${it.host}/${it.unit}`,
      zero: (it) => ({ ...it, amount: 0n, payments: 0 }),
      add: (sum, it) => {
        sum.amount += it.amount;
        sum.payments += 1;
      },
    });
    if (sums.length === 0) return;
    const rows = sums.map((sum) => ({ ...sum, amount: sum.amount.toString() }));
    await sql`INSERT INTO ${sql.table(table('projection_spend'))} AS kept
      SELECT * FROM jsonb_to_recordset(${JSON.stringify(rows)}::jsonb)
        AS change(workspace_id uuid, day date, agent_id uuid, host text, unit text, amount numeric, payments bigint)
      ON CONFLICT (workspace_id, day, agent_id, host, unit) DO UPDATE SET amount = kept.amount + excluded.amount,
        payments = kept.payments + excluded.payments`.execute(trx);
  },
};

function captureIn({ event, after, ...at }: ProjectedEvent) {
  const state = underneath(after);
  if (event.type !== 'BudgetCaptured' || !('terms' in state) || state.terms === null) return [];
  // From one wallet of ours to another: nothing is spent yet.
  if (isTopUpUnit(state.terms.unit)) return [];
  return [
    {
      workspace_id: at.workspaceId,
      day: new Date(at.intentAtMs ?? at.occurredAtMs).toISOString().slice(0, 10),
      agent_id: at.agentId,
      host: hostOf(state.terms.resourceUrl),
      unit: state.terms.unit,
      amount: event.data.amount,
    },
  ];
}
