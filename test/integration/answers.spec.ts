import { randomUUID } from 'node:crypto';
import { parseOperationId, type OperationId } from '#domain';
import { Client } from 'pg';
import { expect, inject, it, onTestFinished, vi } from 'vitest';
import { ANSWERS_CHANNEL, createAnswers } from '../../libs/postgres/src/answers.js';

const logger = { info: () => undefined, warn: () => undefined, error: () => undefined };

it('a notification reaches the waiter, also one who comes a moment after it or after the listening connection was killed', async () => {
  const connectionString = inject('databaseUrl');
  const client = new Client({ connectionString });
  await client.connect();
  onTestFinished(() => client.end());
  const answers = createAnswers({
    connectionString,
    logger,
    poll: (): Promise<readonly OperationId[]> => Promise.resolve([]),
    pollMs: 60_000,
  });
  onTestFinished(() => answers.close());
  const listeners = async (): Promise<number[]> => {
    const { rows } = await client.query<{ pid: number }>(
      `SELECT pid FROM pg_stat_activity WHERE application_name = 'purser-answers' AND query LIKE 'LISTEN%' AND state = 'idle'`,
    );
    return rows.map((row) => row.pid);
  };
  const notified = async (): Promise<void> => {
    const id = parseOperationId(randomUUID());
    const begun = performance.now();
    const waiting = answers.changed(id, Date.now() + 60_000);
    await client.query('SELECT pg_notify($1, $2)', [ANSWERS_CHANNEL, `${randomUUID()},${id}`]);
    await waiting;
    expect(performance.now() - begun).toBeLessThan(5_000);
  };
  const announcedBefore = async (): Promise<void> => {
    const id = parseOperationId(randomUUID());
    const heard = answers.changed(parseOperationId(randomUUID()), Date.now() + 200);
    await client.query('SELECT pg_notify($1, $2)', [ANSWERS_CHANNEL, id]);
    await heard;
    const begun = performance.now();
    await answers.changed(id, Date.now() + 60_000);
    expect(performance.now() - begun).toBeLessThan(5_000);
  };
  await vi.waitFor(async () => expect(await listeners()).toHaveLength(1), { timeout: 5_000 });
  await notified();
  await announcedBefore();
  const [pid] = await listeners();
  await client.query('SELECT pg_terminate_backend($1)', [pid]);
  await vi.waitFor(
    async () => {
      const now = await listeners();
      expect(now).toHaveLength(1);
      expect(now).not.toEqual([pid]);
    },
    { timeout: 5_000 },
  );
  await notified();
});
