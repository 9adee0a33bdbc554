// The local node as the chain suites handle it, and when Purser and the node itself have caught up with what was done to it.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { rows } from './measure.js';
import { until, type TestStack } from './stack.js';

const CAUGHT_UP_WITHIN_MS = 15_000;

/** One call of the node. @throws on its error. */
export async function chainRpc<T>(url: string, method: string, params: readonly unknown[] = []): Promise<T> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
  });
  const answer = (await response.json()) as { result: T; error?: { message: string } };
  if (answer.error) throw new Error(`${method}: ${answer.error.message}`);
  return answer.result;
}

/** Until the chain watcher has been through every block there is now. */
export async function chainWatched(stack: TestStack): Promise<void> {
  const number = await headOf(stack);
  await until(
    async () => {
      const [cursor] = await rows<{ scanned: number }>(
        stack.file.databaseUrl,
        'SELECT scanned_to::int AS scanned FROM chain_cursor',
      );
      return (cursor?.scanned ?? -1) >= number;
    },
    CAUGHT_UP_WITHIN_MS,
    'the watcher has caught up',
  );
}

/** Until the node, which saves itself every second, has saved every block there is now. */
export async function chainSaved(stack: TestStack): Promise<void> {
  const number = await headOf(stack);
  await until(
    () => {
      const text = readFileSync(join(stack.home, 'chain', 'state.json'), 'utf8');
      const state = JSON.parse(text) as { readonly best_block_number: number };
      return Promise.resolve(state.best_block_number >= number);
    },
    CAUGHT_UP_WITHIN_MS,
    'the node has saved itself',
  );
}

async function headOf(stack: TestStack): Promise<number> {
  return Number(await chainRpc<string>(stack.file.rpcUrl, 'eth_blockNumber'));
}
