import { describe, expect, it } from 'vitest';
import { MAX_ATTEMPTS, quote, type CommitOutcome } from '#engine';
import { aRequest } from '../../../test/support/builders.js';
import { ALICE, MemoryInstallation } from '../../../test/support/memory-installation.js';

const away = { isContract: () => Promise.reject(new Error('rpc is away')) };

describe('what passes by itself', () => {
  it('an unreadable chain never makes an operation a case for a person', async () => {
    const purser = new MemoryInstallation();
    const operationId = await purser.submit('order-1');
    for (let n = 0; n < MAX_ATTEMPTS * 2; n += 1) {
      await purser.drive(operationId, { chain: { ...purser.ports.chain, ...away } });
      purser.nowMs += 30_000;
    }
    expect(purser.database.stateOf(operationId)?.status).toBe('opened');
    await purser.drive(operationId);
    expect(purser.database.stateOf(operationId)?.status).toBe('authorized');
  });

  it('an unreadable chain is told to whoever asks for a quote', async () => {
    const purser = new MemoryInstallation();
    const ports = { ...purser.ports, chain: { ...purser.ports.chain, ...away } };
    const { agentId: _agentId, bodyHash: _bodyHash, ...request } = aRequest();
    await expect(quote(ports, ALICE, request, null)).rejects.toMatchObject({ code: 'chain_unavailable' });
  });

  it('a quarantine keeps what was decided: the seller is asked its price once, not at every attempt', async () => {
    const purser = new MemoryInstallation();
    const operationId = await purser.submit('order-1');
    const refused = {
      ok: false,
      reason: 'guard',
      guard: 'stopped',
      details: { scope: 'quarantine' },
    } as const;
    const { ports } = purser;
    const operations = new Proxy(ports.operations, {
      get(it, key) {
        if (key !== 'append') return (it as never as Record<PropertyKey, () => void>)[key]?.bind(it);
        return (commit: Parameters<typeof it.append>[0]): Promise<CommitOutcome> =>
          commit.events.some((event) => event.type === 'AuthorizationPrepared')
            ? Promise.resolve(refused)
            : it.append(commit);
      },
    });
    let asked = 0;
    const askPrice = (): Promise<typeof purser.price> => Promise.resolve(((asked += 1), purser.price));
    for (let n = 0; n < MAX_ATTEMPTS * 2; n += 1) {
      await purser.drive(operationId, { operations, seller: { ...ports.seller, askPrice } });
      purser.nowMs += 5_000;
    }
    expect([asked, purser.database.stateOf(operationId)?.status]).toEqual([1, 'reserved']);
    await purser.drive(operationId);
    expect(purser.database.stateOf(operationId)?.status).toBe('authorized');
  });
});
