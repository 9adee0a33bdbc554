// Whole histories written straight into the event log, for tests of what reads it. The group commit has its own tests.
import { createHash, randomUUID } from 'node:crypto';
import type pg from 'pg';
import { EVENT_VERSIONS, eventDataToJson, fold, type OperationCommand, type OperationEvent } from '#domain';
import { approvalId, aRequest, eventsFrom, hex32, NOON, someTerms, WAYS } from './builders.js';

export interface HistoryOf {
  readonly workspaceId: string;
  readonly agentId: string;
  readonly operationId?: string;
  readonly way: keyof typeof WAYS;
  readonly openedAtMs?: number;
  readonly amount?: bigint;
  readonly url?: string;
}

export interface History {
  readonly workspaceId: string;
  readonly agentId: string;
  readonly operationId: string;
  readonly approvalId: string;
  readonly openedAtMs: number;
  readonly events: readonly OperationEvent[];
}

let approvals = 1_000;

/** The facts of an operation that went this way. */
export function historyOf({
  way,
  amount = 10_000n,
  url = 'https://shop.example/item',
  ...of
}: HistoryOf): History {
  approvals += 1;
  const own = approvalId(approvals);
  const commands = WAYS[way].map((command: OperationCommand): OperationCommand => {
    if (command.type === 'Open')
      return { ...command, request: aRequest({ url, agentId: of.agentId as never, note: 'please' }) };
    if (command.type === 'AcceptTerms' || command.type === 'ConfirmTerms')
      return { ...command, terms: someTerms({ amount, resourceUrl: url }) };
    if (command.type === 'RequestApproval') return { ...command, approvalId: own };
    if (command.type === 'PrepareAuthorization')
      return { ...command, authorization: { ...command.authorization, value: amount } };
    return command;
  });
  return {
    workspaceId: of.workspaceId,
    agentId: of.agentId,
    operationId: of.operationId ?? randomUUID(),
    approvalId: own,
    openedAtMs: of.openedAtMs ?? NOON,
    events: eventsFrom(commands),
  };
}

/** Appends some of a history's events, as one statement would. */
export async function appendEvents(
  client: pg.ClientBase | pg.Pool,
  history: History,
  { from = 0, to = history.events.length } = {},
): Promise<void> {
  const rows = history.events.slice(from, to).map((event, index) => ({
    version: from + index + 1,
    type: event.type,
    schema: EVENT_VERSIONS[event.type],
    data: eventDataToJson(event),
    occurred_at_ms: history.openedAtMs + from + index,
    hash: createHash('sha256')
      .update(`${history.operationId}/${from + index + 1}`)
      .digest('hex'),
  }));
  await client.query(
    `INSERT INTO events (workspace_id, opened_month, operation_id, version, type, schema, data, actor, occurred_at_ms, prev_hash, hash, cluster_epoch)
     SELECT $1, $2, $3, version, type, schema, data, '{"type":"system","id":"test"}', occurred_at_ms, '', decode(hash, 'hex'), (SELECT epoch FROM cluster)
     FROM jsonb_to_recordset($4::jsonb) AS it(version int, type text, schema smallint, data jsonb, occurred_at_ms bigint, hash text)`,
    [
      history.workspaceId,
      `${new Date(history.openedAtMs).toISOString().slice(0, 7)}-01`,
      history.operationId,
      JSON.stringify(rows),
    ],
  );
}

/** The events and the write model's rows that reads join: operation, approval, reservation, hold. */
export async function writeOperation(pool: pg.Pool, history: History): Promise<void> {
  await appendEvents(pool, history);
  const state = fold(history.events);
  const { workspaceId, operationId, agentId, openedAtMs } = history;
  await pool.query(
    `INSERT INTO operations (workspace_id, operation_id, agent_id, kind, status, version, last_hash, opened_at_ms, idempotency_key_hash, fingerprint)
     VALUES ($1, $2, $3, 'purchase', $4, $5, '', $6, 'k', 'f')`,
    [workspaceId, operationId, agentId, state.status, history.events.length, openedAtMs],
  );
  for (const event of history.events) {
    if (event.type === 'BudgetReserved') {
      await pool.query(
        `INSERT INTO reservation (workspace_id, operation_id, agent_id, unit, amount, state) VALUES ($1, $2, $3, $4, $5, 'held')`,
        [workspaceId, operationId, agentId, event.data.unit, event.data.amount.toString()],
      );
      await pool.query(
        `UPDATE budget_node SET held = held + $3, held_count = held_count + 1 WHERE workspace_id = $1 AND node_id IN ($1, $2) AND unit = 'USD6'`,
        [workspaceId, agentId, event.data.amount.toString()],
      );
    }
    if (event.type === 'ApprovalRequested') {
      await pool.query(
        `INSERT INTO approval (workspace_id, approval_id, operation_id, agent_id, digest, status, decide_by)
         VALUES ($1, $2, $3, $4, $5, 'pending', to_timestamp($6 / 1000.0))`,
        [workspaceId, event.data.approvalId, operationId, agentId, event.data.digest, event.data.decideByMs],
      );
    }
  }
}

export const randomHex32 = () => hex32(Math.floor(Math.random() * Number.MAX_SAFE_INTEGER));
