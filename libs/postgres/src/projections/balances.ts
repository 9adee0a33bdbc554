import type { OperationState } from '#domain';
import { sql } from 'kysely';
import { sumBy, underneath, type ProjectedEvent, type Projection } from './projection.js';

/** Held, captured, released and outstanding money by agent and unit. */
export const balancesProjection: Projection = {
  name: 'balances',
  version: 1,
  tables: ['projection_balances'],
  async apply(events, { trx, table }) {
    const sums = sumBy(
      events.filter((event) => unitOf(event) !== null),
      { key: (event) => `${event.workspaceId}/${event.agentId}/${unitOf(event)}`, zero, add },
    );
    if (sums.length === 0) return;
    const rows = sums.map((sum) => ({
      ...sum,
      held: sum.held.toString(),
      captured: sum.captured.toString(),
      released: sum.released.toString(),
      outstanding: sum.outstanding.toString(),
    }));
    await sql`INSERT INTO ${sql.table(table('projection_balances'))} AS kept
      SELECT * FROM jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) AS change(workspace_id uuid, agent_id uuid, unit text, held numeric,
        captured numeric, released numeric, outstanding numeric, outstanding_count bigint)
      ON CONFLICT (workspace_id, agent_id, unit) DO UPDATE SET held = kept.held + excluded.held, captured = kept.captured + excluded.captured,
        released = kept.released + excluded.released, outstanding = kept.outstanding + excluded.outstanding,
        outstanding_count = kept.outstanding_count + excluded.outstanding_count`.execute(trx);
  },
};

function unitOf({ after }: ProjectedEvent): string | null {
  const state = underneath(after);
  return 'terms' in state ? (state.terms?.unit ?? null) : null;
}

function zero(event: ProjectedEvent) {
  return {
    workspace_id: event.workspaceId,
    agent_id: event.agentId,
    unit: unitOf(event),
    held: 0n,
    captured: 0n,
    released: 0n,
    outstanding: 0n,
    outstanding_count: 0,
  };
}

function add(sum: ReturnType<typeof zero>, { event, before, after }: ProjectedEvent): void {
  if (event.type === 'BudgetReserved') sum.held += event.data.amount;
  if (event.type === 'BudgetCaptured') {
    sum.held -= event.data.amount;
    sum.captured += event.data.amount;
  }
  if (event.type === 'BudgetReleased') {
    sum.held -= event.data.amount;
    sum.released += event.data.amount;
  }
  sum.outstanding += outstandingIn(after) - outstandingIn(before);
  sum.outstanding_count += Number(isOutstanding(after)) - Number(isOutstanding(before));
}

function isOutstanding(state: OperationState): boolean {
  return underneath(state).status === 'authorized';
}

function outstandingIn(state: OperationState): bigint {
  const current = underneath(state);
  return current.status === 'authorized' ? current.authorization.value : 0n;
}
