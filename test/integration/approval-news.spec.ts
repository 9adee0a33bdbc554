// Whoever waits for approvals is told by one listener per process, and by its poll when a notification was lost.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { APPROVALS_CHANNEL, CHANGED_APPROVALS_SQL, createAnswers, type ListeningAnswers } from '#postgres';
import { silentLogger } from '../support/memory-basics.js';
import {
  acceptTerms,
  aPlace,
  approve,
  opened,
  requestApproval,
  RESERVE,
  storeBench,
  type Bench,
} from '../support/postgres-store.js';

const LONG_MS = 20_000;

let bench: Bench;
let polls = 0;
beforeAll(async () => {
  bench = await storeBench();
});
afterAll(() => bench?.close());

function newsOn(channel: string): ListeningAnswers<string> {
  const url = new URL(bench.database.url);
  url.username = 'purser_system';
  const pool = bench.poolOf('purser_system');
  return createAnswers<string>({
    connectionString: url.href,
    channel,
    logger: silentLogger,
    pollMs: 200,
    poll: async (ids) => {
      polls += 1;
      return (await pool.query<{ id: string }>(CHANGED_APPROVALS_SQL, [ids])).rows.map((row) => row.id);
    },
  });
}

async function waitsFor(news: ListeningAnswers<string>, act: (workspaceId: string) => Promise<void>) {
  const { workspaceId } = await aPlace(bench.owner);
  const waiters = Array.from({ length: 50 }, () => news.changed(workspaceId, Date.now() + LONG_MS));
  const since = Date.now();
  await act(workspaceId);
  await Promise.all(waiters);
  return Date.now() - since;
}

const asked = async (workspaceId: string): Promise<void> => {
  const { rows } = await bench.owner.query<{ agent_id: string }>(
    'SELECT agent_id FROM agent WHERE workspace_id = $1',
    [workspaceId],
  );
  const place = { workspaceId, agentId: rows[0]?.agent_id } as unknown as Parameters<typeof opened>[1];
  const walker = await opened(bench.store, place);
  await walker.must(acceptTerms(1n, {}, true), RESERVE, requestApproval(Date.now() + 60_000));
  await walker.must(approve());
};

describe('news of approvals', () => {
  it('wake everybody who waits for the workspace, and nobody else', { timeout: 60_000 }, async () => {
    const news = newsOn(APPROVALS_CHANNEL);
    const elsewhere = await aPlace(bench.owner);
    let woken = false;
    void news.changed(elsewhere.workspaceId, Date.now() + LONG_MS).then(() => {
      woken = true;
    });
    expect(await waitsFor(news, asked)).toBeLessThan(LONG_MS / 2);
    expect(woken).toBe(false);
    await news.close();
  });

  it('come by the poll where no notification does: one query for all', { timeout: 60_000 }, async () => {
    const news = newsOn('nobody_speaks_here');
    polls = 0;
    const tookMs = await waitsFor(news, asked);
    expect(tookMs).toBeLessThan(LONG_MS / 2);
    expect(polls).toBeLessThanOrEqual(Math.ceil(tookMs / 200) + 2);
    await news.close();
  });
});
