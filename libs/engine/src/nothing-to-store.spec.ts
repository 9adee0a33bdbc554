import { describe, expect, it } from 'vitest';
import { cancel, type Commit } from '#engine';
import { WORKSPACE } from '../../../test/support/builders.js';
import { ALICE, MemoryInstallation } from '../../../test/support/memory-installation.js';

describe('a drive whose decisions came too late', () => {
  it('stores nothing, not even an empty commit, and gives the lease back', async () => {
    const purser = new MemoryInstallation();
    const operationId = await purser.submit('order-1');
    const commits: Commit[] = [];
    const { ports } = purser;
    const operations = new Proxy(ports.operations, {
      get(it, key) {
        if (key !== 'append') return (it as never as Record<PropertyKey, () => void>)[key]?.bind(it);
        return async (commit: Commit) => {
          if (commits.length === 0) await cancel(ports, ALICE, operationId, 'changed my mind');
          commits.push(commit);
          return it.append(commit);
        };
      },
    });
    await purser.drive(operationId, { operations });
    expect(purser.database.stateOf(operationId)?.status).toBe('cancelled');
    expect(commits.every((commit) => commit.events.length > 0)).toBe(true);
    expect(purser.database.operations.get(operationId)?.leaseOwner).toBeNull();
    expect(await ports.operations.due(1)).toEqual([]);
    expect(await ports.operations.blob({ workspaceId: WORKSPACE, operationId }, 'signature')).toBeUndefined();
  });
});
