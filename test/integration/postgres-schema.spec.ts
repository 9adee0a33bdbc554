import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { describeSchema, migrate, runStartupChecks } from '#postgres';
import { createDatabase, type TestDatabase } from '../support/database.js';

let database: TestDatabase;
beforeAll(async () => {
  database = await createDatabase();
});
afterAll(() => database?.drop());

const as = (role: string): pg.Pool => {
  const url = new URL(database.url);
  url.username = role;
  return new pg.Pool({ connectionString: url.href, max: 1 });
};

describe('schema.sql', () => {
  // After a new migration: run this file once with `--update`, and read the difference.
  it('is what the migrations make', async () => {
    await expect(await describeSchema(database.url)).toMatchFileSnapshot('../../libs/postgres/schema.sql');
  });

  it('keys every table of a workspace by workspace_id first, so that it can be distributed', async () => {
    const owner = new pg.Client({ connectionString: database.url });
    await owner.connect();
    const { rows } = await owner.query<{ name: string }>(
      `SELECT c.relname AS name FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
         JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'workspace_id'
        WHERE c.relnamespace = 'public'::regnamespace AND i.indisprimary AND i.indkey[0] <> a.attnum ORDER BY c.relname`,
    );
    await owner.end();
    // Platform tables, on one node (ruling 19).
    expect(rows.map((row) => row.name)).toEqual([
      'answer_right',
      'chain_exception',
      'settlement',
      'signer_ledger',
    ]);
  });
});

describe('migrate', () => {
  const one = { name: '1', sql: 'CREATE TABLE t (a integer)' };

  it('applies what is missing, once', async () => {
    expect(await migrate(database.url)).toEqual([]);
  });

  it('refuses an applied migration that was changed or that it does not know', async () => {
    const server = new pg.Client({ connectionString: database.url });
    await server.connect();
    const name = `${database.name}_migrate`;
    await server.query(`CREATE DATABASE ${name}`);
    const url = new URL(database.url);
    url.pathname = `/${name}`;
    try {
      const both = await Promise.all([1, 2].map(() => migrate(url.href, { migrations: [one] })));
      expect(both.flat()).toEqual(['1']);
      const changed = { ...one, sql: 'CREATE TABLE t (a bigint)' };
      await expect(migrate(url.href, { migrations: [changed] })).rejects.toThrow(/was changed/);
      await expect(migrate(url.href, { migrations: [] })).rejects.toThrow(/unknown/);
      const broken = { name: '2', sql: 'CREATE TABLE u (a integer); SELECT 1/0' };
      await expect(migrate(url.href, { migrations: [one, broken] })).rejects.toThrow(/migration 2 failed/);
      expect(await migrate(url.href, { migrations: [one] })).toEqual([]);
    } finally {
      await server.query(`DROP DATABASE ${name} WITH (FORCE)`);
      await server.end();
    }
  });
});

describe('start-up checks', () => {
  it('name every failure at once', async () => {
    const superuser = new pg.Pool({ connectionString: database.url, max: 1 });
    const checks = runStartupChecks(superuser, { nowMs: () => Date.now() - 60_000 });
    await expect(checks).rejects.toThrow(
      /fsync is off[^]*full_page_writes is off[^]*is a superuser[^]*clocks differ by 60 s/,
    );
    await superuser.end();
  });

  it('let the roles of Purser pass, but for the durability that this server gives up', async () => {
    for (const role of ['purser_writer', 'purser_system', 'purser_reader', 'purser_signer']) {
      const pool = as(role);
      await runStartupChecks(pool, { nowMs: Date.now, throwaway: true });
      await expect(runStartupChecks(pool, { nowMs: Date.now })).rejects.toThrow(/synchronous_commit is off/);
      await pool.end();
    }
  });

  it('refuse a table without forced row-level security', async () => {
    const own = await createDatabase();
    const owner = new pg.Client({ connectionString: own.url });
    await owner.connect();
    await owner.query('ALTER TABLE approval NO FORCE ROW LEVEL SECURITY');
    await owner.end();
    const url = new URL(own.url);
    url.username = 'purser_writer';
    const pool = new pg.Pool({ connectionString: url.href, max: 1 });
    await expect(runStartupChecks(pool, { nowMs: Date.now, throwaway: true })).rejects.toThrow(
      /not forced on approval/,
    );
    await pool.end();
    await own.drop();
  });
});
