import { expect, it } from 'vitest';
import { ChainWatcher } from '#engine';
import { TOKEN } from '../../../../test/support/builders.js';
import { MemoryChainSource } from '../../../../test/support/memory-chain-source.js';
import { MemoryInstallation } from '../../../../test/support/memory-installation.js';
import { MemoryWatchStore } from '../../../../test/support/memory-watch-store.js';

it.each([
  ['above finality is no alarm', 1, []],
  ['past finality is one, also where nothing of ours stood in those blocks', 6, ['reorg_past_finality']],
])('a reorganization %s', async (_, depth, expected) => {
  const purser = new MemoryInstallation();
  const alarms: unknown[] = [];
  const error = (fields: Record<string, unknown>) => void alarms.push(fields['alarm']);
  const watcher = new ChainWatcher({
    ports: { ...purser.ports, logger: { ...purser.ports.logger, error } },
    source: new MemoryChainSource(purser.chain),
    store: new MemoryWatchStore(purser.database),
    owner: 'watcher',
    tokens: [TOKEN],
  });
  for (let block = 0; block < 12; block += 1) {
    purser.chain.mine();
    await watcher.tick();
  }
  purser.chain.reorganize(depth, () => true);
  for (let block = 0; block < depth; block += 1) purser.chain.mine();
  await watcher.tick();
  expect(alarms).toEqual(expected);
});
