// The right to be told an outcome, one row per settlement. Requests that come together share a statement and a commit.
import type { AnswerRights, TransferKey } from '#engine';
import type pg from 'pg';
import { coalesce } from './admin/coalesce.js';

const KEYS = `unnest($1::text[], $2::text[], $3::text[], $4::text[]) AS asked(network, token, payer, nonce)`;
const BY_KEY = `r.network = asked.network AND r.token = asked.token AND r.payer = asked.payer AND r.nonce = asked.nonce`;

const TAKE = `INSERT INTO answer_right AS r (network, token, payer, nonce, held_until)
  SELECT network, token, payer, nonce, to_timestamp(until_ms / 1000)
    FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::numeric[]) AS asked(network, token, payer, nonce, until_ms)
   ORDER BY network, token, payer, nonce
  ON CONFLICT (network, token, payer, nonce) DO UPDATE SET held_until = excluded.held_until WHERE r.held_until <= clock_timestamp()
  RETURNING r.network, r.token, r.payer, r.nonce`;
const TOLD = `UPDATE answer_right r SET held_until = 'infinity' FROM ${KEYS} WHERE ${BY_KEY}`;
// Whoever has been told stays told.
const GIVE_BACK = `UPDATE answer_right r SET held_until = '-infinity' FROM ${KEYS} WHERE ${BY_KEY} AND r.held_until < 'infinity'`;

interface Row {
  readonly network: string;
  readonly token: string;
  readonly payer: string;
  readonly nonce: string;
}

/** The pool's role is `purser_system`. */
export function createAnswerRights(pool: pg.Pool): AnswerRights {
  const take = coalesce(async (asked: readonly (TransferKey & { readonly untilMs: number })[]) => {
    // A statement touches a row once: of equal ones in this batch the first asks, the others are too late.
    const first = new Map<string, number>();
    asked.forEach((it, index) => {
      if (!first.has(textOf(it))) first.set(textOf(it), index);
    });
    const asking = [...first.values()].flatMap((index) => asked[index] ?? []);
    const values = [...listsOf(asking), asking.map((it) => it.untilMs)];
    const { rows } = await pool.query<Row>({ name: 'purser_answer_take', text: TAKE, values });
    const taken = new Set(
      rows.map(({ payer, ...row }) => [row.network, row.token, payer, row.nonce].join('/')),
    );
    return asked.map((it, index) => taken.has(textOf(it)) && first.get(textOf(it)) === index);
  });
  const marking = (name: string, text: string) =>
    coalesce(async (keys: readonly TransferKey[]) => {
      await pool.query({ name: `purser_answer_${name}`, text, values: [...listsOf(keys)] });
      return keys.map(() => undefined);
    });
  const told = marking('told', TOLD);
  const giveBack = marking('give_back', GIVE_BACK);
  return { take: (key, untilMs) => take({ ...key, untilMs }), told, giveBack };
}

function listsOf(keys: readonly TransferKey[]): readonly (readonly string[])[] {
  return [
    keys.map((it) => it.network),
    keys.map((it) => it.token),
    keys.map((it) => it.from),
    keys.map((it) => it.nonce),
  ];
}

function textOf({ network, token, from, nonce }: TransferKey): string {
  return [network, token, from, nonce].join('/');
}
