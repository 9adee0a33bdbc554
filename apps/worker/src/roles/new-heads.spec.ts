import type { Caip2 } from '#domain';
import { expect, it, onTestFinished, vi } from 'vitest';
import type { WorkerCore, WorkerOptions } from '../worker-core.js';
import { broadcastRole } from './broadcast-role.js';
import { watchRole } from './loop-roles.js';

const HERE = 'eip155:84532' as Caip2;
const NEVER_MS = 1_000_000;
const say = (): void => undefined;

/** Both roles on one network, whose turns end when they are let. */
async function started(role: 'watch' | 'broadcast') {
  let turns = 0;
  let end = say;
  let listeners: ((network: Caip2) => void)[] = [];
  const turn = async (): Promise<number> => {
    turns += 1;
    await new Promise<void>((resolve) => {
      end = resolve;
    });
    return NEVER_MS;
  };
  const core = {
    ports: { logger: { info: say, warn: say, error: say } },
    watchers: [{ network: HERE, tick: turn, fillFloats: () => Promise.resolve(false) }],
    broadcasters: [{ network: HERE, turn, forget: say }],
    onWaitingTransfers: () => ({ close: () => Promise.resolve() }),
    onNewHead(heard: (network: Caip2) => void) {
      listeners.push(heard);
      return () => {
        listeners = listeners.filter((it) => it !== heard);
      };
    },
  } as unknown as WorkerCore;
  const made =
    role === 'watch' ? watchRole(core, { watchEveryMs: NEVER_MS } as WorkerOptions) : broadcastRole(core);
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  await made.start();
  return {
    turns: () => turns,
    announce: (network = HERE) => {
      for (const heard of listeners) heard(network);
    },
    endTurn: async () => {
      end();
      await vi.advanceTimersByTimeAsync(0);
    },
    stop: async () => {
      const stopped = made.stop();
      end();
      await stopped;
    },
    listeners: () => listeners.length,
  };
}

it.each(['watch', 'broadcast'] as const)('a new block is the next turn of %s, at once', async (role) => {
  const running = await started(role);
  await running.endTurn();
  expect(running.turns()).toBe(1);
  running.announce();
  await running.endTurn();
  expect(running.turns()).toBe(2);
  running.announce('eip155:1' as Caip2);
  await running.endTurn();
  expect(running.turns()).toBe(2);
  await running.stop();
});

it.each(['watch', 'broadcast'] as const)('a storm of blocks is one turn of %s at a time', async (role) => {
  const running = await started(role);
  for (let blocks = 0; blocks < 1_000; blocks += 1) running.announce();
  await vi.advanceTimersByTimeAsync(10);
  expect(running.turns()).toBe(1);
  await running.endTurn();
  expect(running.turns()).toBe(2);
  await running.endTurn();
  expect(running.turns()).toBe(2);
  await running.stop();
  expect(running.listeners()).toBe(0);
});
