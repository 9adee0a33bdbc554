import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  aPlace,
  acceptTerms,
  opened,
  RESERVE,
  storeBench,
  type Bench,
  type Place,
} from '../support/postgres-store.js';

let bench: Bench;
let mine: Place;
let theirs: Place;
beforeAll(async () => {
  bench = await storeBench();
  mine = await aPlace(bench.owner);
  theirs = await aPlace(bench.owner);
  for (const place of [mine, theirs]) {
    const walker = await opened(bench.store, place);
    await walker.must(acceptTerms(5n), RESERVE);
  }
});
afterAll(() => bench?.close());

const denied = /permission denied|append-only/;

// Written down, not derived: who may do what to which table. S select, I insert, U update (u: only some columns), D delete.
const RIGHTS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  purser_writer: {
    agent: 'S',
    approval: 'SIU',
    approval_vote: 'SI',
    approver_roster: 'Su',
    authorization_ledger: 'SIU',
    blob: 'SIU',
    budget_minute: 'SIU',
    budget_node: 'Su',
    cluster: 'S',
    control: 'Su',
    events: 'SI',
    idempotency: 'SI',
    like_intent: 'SI',
    operations: 'SIU',
    reservation: 'SIU',
    signed_request: 'SIu',
    stop: 'S',
    usage_event: 'SI',
    wallet_asset: 'Su',
  },
  purser_system: {
    activity: 'SIu',
    admin_event: 'SI',
    agent: 'SIu',
    agent_setup: 'SIu',
    answer_right: 'SIu',
    api_key: 'SIu',
    applied_migration: 'S',
    approval: 'S',
    approval_vote: 'S',
    approver_delegation: 'SIu',
    approver_group: 'SI',
    approver_key: 'SIu',
    approver_member: 'SIu',
    approver_roster: 'SIU',
    authorization_ledger: 'S',
    blob: 'SD',
    broadcast: 'SIu',
    broadcast_account: 'SIu',
    broadcast_attempt: 'SI',
    budget_minute: 'S',
    budget_node: 'SIu',
    chain_block: 'SIUD',
    chain_cursor: 'SIU',
    chain_exception: 'SIU',
    change_request: 'SIu',
    cluster: 'Su',
    control: 'SIu',
    events: 'S',
    idempotency: 'S',
    like_intent: 'S',
    oauth_grant: 'SIu',
    operations: 'Su',
    policy: 'SI',
    projection_approvals: 'SIU',
    projection_audit: 'SIU',
    projection_balances: 'SIU',
    projection_checkpoint: 'SIU',
    projection_operations: 'SIU',
    projection_spend: 'SIU',
    reservation: 'S',
    settlement: 'SIu',
    signed_request: 'SID',
    signer_ledger: 'S',
    singleton_lease: 'SIU',
    stop: 'SIuD',
    tag: 'SIu',
    team: 'SI',
    usage_event: 'S',
    wallet: 'SIu',
    wallet_asset: 'SIu',
    wallet_float: 'SIU',
    workspace: 'SIu',
  },
  purser_reader: {
    admin_event: 'S',
    agent: 'S',
    api_key: 's',
    approval: 'S',
    approval_vote: 'S',
    approver_delegation: 'S',
    approver_member: 'S',
    authorization_ledger: 'S',
    blob: 'S',
    budget_minute: 'S',
    budget_node: 'S',
    change_request: 'S',
    events: 'S',
    idempotency: 'S',
    operations: 'S',
    policy: 'S',
    projection_approvals: 'S',
    projection_audit: 'S',
    projection_balances: 'S',
    projection_operations: 'S',
    projection_spend: 'S',
    reservation: 'S',
    stop: 'S',
    tag: 'S',
    team: 'S',
    usage_event: 'S',
    wallet: 'S',
    wallet_asset: 'S',
    wallet_float: 'S',
    workspace: 'S',
  },
  purser_signer: {
    agent: 'S',
    api_key: 's',
    approval: 'S',
    approval_vote: 'S',
    approver_delegation: 'S',
    approver_member: 'S',
    authorization_ledger: 'S',
    broadcast: 's',
    broadcast_attempt: 's',
    cluster: 'S',
    control: 'S',
    events: 'S',
    operations: 'S',
    policy: 'S',
    reservation: 'S',
    settlement: 's',
    signer_ledger: 'SI',
    stop: 'S',
    wallet: 'S',
  },
  purser_issuer: {
    oauth_grant: 'Su',
    oauth_record: 'SIUD',
  },
};

const ENUMERATE = `
SELECT c.relname AS name, concat(
    CASE WHEN has_table_privilege($1, c.oid, 'SELECT') THEN 'S' WHEN has_any_column_privilege($1, c.oid, 'SELECT') THEN 's' END, CASE WHEN has_table_privilege($1, c.oid, 'INSERT') THEN 'I' END,
    CASE WHEN has_table_privilege($1, c.oid, 'UPDATE') THEN 'U' WHEN has_any_column_privilege($1, c.oid, 'UPDATE') THEN 'u' END,
    CASE WHEN has_table_privilege($1, c.oid, 'DELETE') THEN 'D' END, CASE WHEN has_table_privilege($1, c.oid, 'TRUNCATE') THEN 'T' END) AS rights
  FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm') ORDER BY c.relname`;

async function rightsOf(role: string): Promise<Record<string, string>> {
  const { rows } = await bench.owner.query<{ name: string; rights: string }>(ENUMERATE, [role]);
  return Object.fromEntries(rows.filter((row) => row.rights !== '').map((row) => [row.name, row.rights]));
}

describe('roles', () => {
  it.each(Object.keys(RIGHTS))('%s may do exactly what is listed here', async (role) => {
    expect(await rightsOf(role)).toEqual(RIGHTS[role]);
  });

  it('purser_checker reads everything but secrets and writes nothing', async () => {
    const rights = await rightsOf('purser_checker');
    expect(new Set(Object.values(rights))).toEqual(new Set(['S', 's']));
    expect(rights['api_key'] ?? rights['blob'] ?? rights['events_rest']).toBeUndefined();
    const { rows } = await bench
      .poolOf('purser_checker')
      .query('SELECT count(DISTINCT workspace_id)::int AS n FROM events');
    expect(rows).toEqual([{ n: 2 }]);
  });

  it('are no owners, no superusers and do not pass by row-level security', async () => {
    const { rows } = await bench.owner.query(
      `SELECT rolname FROM pg_roles WHERE rolname LIKE 'purser\\_%' AND (rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb OR rolreplication)`,
    );
    expect(rows).toEqual([]);
    const { rows: owners } = await bench.owner.query(
      `SELECT c.relname FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner WHERE r.rolname LIKE 'purser\\_%'`,
    );
    expect(owners).toEqual([]);
  });

  it('call only their own functions', async () => {
    const { rows } = await bench.owner.query<{ role: string; name: string }>(
      `SELECT r.rolname AS role, p.proname AS name FROM pg_proc p CROSS JOIN pg_roles r
        WHERE p.pronamespace = 'public'::regnamespace AND r.rolname LIKE 'purser\\_%' AND has_function_privilege(r.oid, p.oid, 'EXECUTE')`,
    );
    const callers = rows.filter((row) => row.name === 'purser_commit').map((row) => row.role);
    expect(callers).toEqual(['purser_writer']);
    const readers = new Set(rows.filter((row) => row.role === 'purser_reader').map((row) => row.name));
    expect(readers).toEqual(
      new Set([
        'purser_load',
        'purser_newest',
        'purser_load_blob',
        'purser_month',
        'purser_ms',
        'purser_budget_use',
        'purser_moved_on',
        'purser_earliest_release',
      ]),
    );
  });
});

describe('row-level security', () => {
  it('is forced on every table with a workspace_id', async () => {
    const { rows } = await bench.owner.query(
      `SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'workspace_id'
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT (c.relrowsecurity AND c.relforcerowsecurity)`,
    );
    expect(rows).toEqual([]);
  });

  it('shows the reader its own workspace only, and nothing without one', async () => {
    const client = await bench.poolOf('purser_reader').connect();
    const seen = async (table: string): Promise<unknown[]> => {
      const { rows } = await client.query<{ id: string }>(`SELECT DISTINCT workspace_id AS id FROM ${table}`);
      return rows.map((row) => row.id);
    };
    for (const table of [
      'workspace',
      'agent',
      'events',
      'operations',
      'reservation',
      'budget_node',
      'wallet_asset',
      'idempotency',
    ]) {
      await client.query('RESET purser.workspace_id');
      expect(await seen(table)).toEqual([]);
      await client.query('BEGIN');
      await client.query(`SELECT set_config('purser.workspace_id', $1, true)`, [mine.workspaceId]);
      expect(await seen(table)).toEqual([mine.workspaceId]);
      await client.query('COMMIT');
      expect(await seen(table)).toEqual([]);
    }
    client.release();
  });

  it('answers a load of another workspace with nothing', async () => {
    const reader = bench.poolOf('purser_reader');
    const { rows } = await bench.owner.query<{ id: string }>(
      'SELECT operation_id AS id FROM operations WHERE workspace_id = $1',
      [theirs.workspaceId],
    );
    const load = async (workspaceId: string): Promise<number | null> =>
      (await reader.query('SELECT * FROM purser_load($1, $2)', [workspaceId, rows.map((row) => row.id)]))
        .rowCount;
    expect(await load(mine.workspaceId)).toBe(0);
    expect(await load(theirs.workspaceId)).toBe(1);
  });
});

describe('history', () => {
  it.each(['events', 'events_rest', 'signer_ledger', 'admin_event'])(
    'in %s is neither changed nor removed, not even by the owner',
    async (table) => {
      for (const sql of [
        `UPDATE ${table} SET workspace_id = workspace_id`,
        `DELETE FROM ${table}`,
        `TRUNCATE ${table}`,
      ]) {
        await expect(bench.owner.query(sql)).rejects.toThrow(/append-only/);
        for (const role of ['purser_writer', 'purser_system', 'purser_signer'])
          await expect(bench.poolOf(role).query(sql)).rejects.toThrow(denied);
      }
    },
  );

  it('of the signer is written by the signer alone', async () => {
    const sql = `INSERT INTO signer_ledger (purpose, subject, epoch, digest, workspace_id) VALUES ('authorize', '${randomUUID()}', 0, 'd', '${mine.workspaceId}')`;
    await bench.poolOf('purser_signer').query(sql);
    for (const role of ['purser_writer', 'purser_system', 'purser_reader', 'purser_checker'])
      await expect(bench.poolOf(role).query(sql)).rejects.toThrow(/permission denied|read-only/);
  });
});
