// The right to be told an outcome, one row per settlement. Requests that come together share a statement and a commit. Time is the database's
// alone: processes whose clocks differ would otherwise take over too early or not at all.
import { randomUUID } from 'node:crypto';
import { coalesce, type AnswerRights, type Asker, type TransferKey } from '#engine';
import type pg from 'pg';
import { retried } from '../pool.js';
import { ASKED, KEY, KEY_LISTS, keyLists, keyOf, keyText, sameKey } from './rows.js';

const BY_KEY = sameKey('r', 'asked');

/** SQL that takes the rights of `asked(key, holder, for_ms, workspace_id, request_key)` where `free` of `r`; returns who has them now of those who asked. */
const takeWhere = (
  asked: string,
  free: string,
): string => `INSERT INTO answer_right AS r (${KEY}, holder, held_until, workspace_id, request_key)
  SELECT ${keyOf('asked')}, asked.holder, clock_timestamp() + asked.for_ms * interval '1 millisecond', asked.workspace_id, asked.request_key
    FROM ${asked} ORDER BY ${keyOf('asked')}
  ON CONFLICT (${KEY}) DO UPDATE
    SET held_until = excluded.held_until, holder = excluded.holder, workspace_id = excluded.workspace_id, request_key = excluded.request_key
    WHERE ${free}
  RETURNING r.holder`;
const FREE_NOW = 'r.held_until <= clock_timestamp()';
/** For those who make a claim: another tenant's right was to a claim that has failed, and not to theirs. */
export const takeWithClaim = (asked: string): string =>
  takeWhere(
    asked,
    `${FREE_NOW} OR (r.held_until < 'infinity' AND r.workspace_id IS DISTINCT FROM excluded.workspace_id)`,
  );
const TAKE = takeWhere(
  `unnest(${KEY_LISTS}, $6::uuid[], $7::float8[], $8::uuid[], $9::text[]) AS asked(${KEY}, holder, for_ms, workspace_id, request_key)`,
  FREE_NOW,
);
const OF = `SELECT asked.ordinal FROM unnest(${KEY_LISTS}, $6::uuid[], $7::text[]) WITH ORDINALITY AS asked(${KEY}, workspace_id, request_key, ordinal)
  JOIN answer_right r ON ${BY_KEY} AND r.request_key = asked.request_key AND r.workspace_id IS NOT DISTINCT FROM asked.workspace_id`;
const FREE = `SELECT asked.ordinal FROM ${ASKED} LEFT JOIN answer_right r ON ${BY_KEY}
  WHERE r.held_until IS NULL OR ${FREE_NOW}`;
// Locked in the order in which they are taken. What somebody else took since is not the holder's any more.
const HELD = `WITH asked AS MATERIALIZED (
    SELECT ${keyOf('r')}, r.holder FROM unnest(${KEY_LISTS}, $6::uuid[]) AS asked(${KEY}, holder)
      JOIN answer_right r ON ${BY_KEY} AND r.holder = asked.holder
     ORDER BY ${keyOf('r')} FOR UPDATE OF r)`;
const TOLD = `${HELD} UPDATE answer_right r SET held_until = 'infinity' FROM asked WHERE ${BY_KEY} RETURNING r.holder`;
// Whoever has been told stays told.
const GIVE_BACK = `${HELD} UPDATE answer_right r SET held_until = '-infinity' FROM asked WHERE ${BY_KEY} AND r.held_until < 'infinity' RETURNING r.holder`;

interface Held {
  readonly key: TransferKey;
  readonly holder: string;
}

interface Taking extends Held {
  readonly forMs: number;
  readonly by: Asker;
}

/** The pool's role is `purser_system`. */
export function createAnswerRights(pool: pg.Pool): AnswerRights {
  /** The holders whose rows it changed. */
  const run = async (name: string, text: string, asked: readonly Held[], ...more: readonly unknown[]) => {
    const values = [...keyLists(asked.map((it) => it.key)), asked.map((it) => it.holder), ...more];
    const query = { name: `purser_answer_${name}`, text, values };
    const { rows } = await retried(() => pool.query<{ holder: string }>(query));
    return new Set(rows.map((row) => row.holder));
  };
  const take = coalesce(async (asked: readonly Taking[]) => {
    // A statement touches a row once: of equal ones in this batch the first asks, the others are too late.
    const first = new Map<string, Taking>();
    for (const it of asked) if (!first.has(keyText(it.key))) first.set(keyText(it.key), it);
    const asking = [...first.values()];
    const forMs = asking.map((it) => it.forMs);
    const askers = [asking.map((it) => it.by.workspaceId), asking.map((it) => it.by.requestKey)];
    const taken = await run('take', TAKE, asking, forMs, ...askers);
    return asked.map(({ holder }) => (taken.has(holder) ? holder : undefined));
  });
  const free = coalesce(async (keys: readonly TransferKey[]): Promise<readonly boolean[]> => {
    const query = { name: 'purser_answer_free', text: FREE, values: [...keyLists(keys)] };
    const { rows } = await pool.query<{ ordinal: string }>(query);
    const found = new Set(rows.map((row) => Number(row.ordinal)));
    return keys.map((_, index) => found.has(index + 1));
  });
  const isOf = coalesce(async (asked: readonly (Asker & { readonly key: TransferKey })[]) => {
    const askers = [asked.map((it) => it.workspaceId), asked.map((it) => it.requestKey)];
    const values = [...keyLists(asked.map((it) => it.key)), ...askers];
    const { rows } = await pool.query<{ ordinal: string }>({ name: 'purser_answer_of', text: OF, values });
    const found = new Set(rows.map((row) => Number(row.ordinal)));
    return asked.map((_, index) => found.has(index + 1));
  });
  const marking = (name: string, text: string) =>
    coalesce(async (asked: readonly Held[]) => {
      const marked = await run(name, text, asked);
      return asked.map(({ holder }) => marked.has(holder));
    });
  const told = marking('told', TOLD);
  const giveBack = marking('give_back', GIVE_BACK);
  return {
    take: (key, forMs, by) => take({ key, holder: randomUUID(), forMs, by }),
    free,
    isOf: (key, by) => isOf({ ...by, key }),
    told: (key, holder) => told({ key, holder }),
    giveBack: async (key, holder) => {
      await giveBack({ key, holder });
    },
  };
}
