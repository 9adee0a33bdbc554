import type { WalletId } from '#domain';
import { beforeEach, describe, expect, it } from 'vitest';
import {
  AGENT,
  address,
  hex32,
  NETWORK,
  TOKEN,
  walletId,
  WORKSPACE,
} from '../../../../test/support/builders.js';
import { MemoryInstallation } from '../../../../test/support/memory-installation.js';
import { Floats, type FloatClaim, type FloatStore } from './floats.js';

const OWN = address(0xaa);
const CLAIM: FloatClaim = {
  workspaceId: WORKSPACE,
  walletId: walletId(5),
  network: NETWORK,
  token: TOKEN,
  serial: 3,
  amount: 700n,
  person: 'ann',
  agentId: AGENT,
  address: OWN,
};

let purser: MemoryInstallation;
let claims: FloatClaim[];
let asked: unknown[];
let noted: unknown[];
let logged: Record<string, unknown>[];
let stands: boolean;
let floats: Floats;
beforeEach(() => {
  purser = new MemoryInstallation();
  [claims, asked, noted, logged, stands] = [[CLAIM], [], [], [], true];
  const treasury = { workspaceId: WORKSPACE, walletId: walletId(77), address: address(0x77) };
  purser.policies.treasury = treasury;
  const store: FloatStore = {
    ended: () => Promise.resolve([]),
    fresh: () => Promise.resolve([]),
    claim: (_network, wallets) => (asked.push(wallets), Promise.resolve(claims)),
    begin: (claim, id) => (
      noted.push(['begin', claim.serial, id, operations().length]),
      Promise.resolve(stands)
    ),
    putOff: (claim, problem) => (noted.push(['put off', claim.serial, problem]), Promise.resolve(true)),
  };
  const logger = { ...purser.ports.logger, error: (it: Record<string, unknown>) => void logged.push(it) };
  floats = new Floats({ ...purser.ports, logger }, store, NETWORK);
});

async function check(wallets: readonly WalletId[] | null): Promise<boolean> {
  floats.touched(wallets);
  return floats.turn();
}
const operations = () => [...purser.database.operations.values()].map((it) => it.loaded);

describe('float policies', () => {
  it('open a top-up in the name of who set them, and the same one again after a crash', async () => {
    await check([walletId(5)]);
    await check([]);
    expect(asked).toEqual([[walletId(5)], []]);
    const [opened] = operations();
    expect(operations()).toHaveLength(1);
    expect(opened?.state).toMatchObject({
      requester: 'ann',
      request: {
        kind: 'top_up',
        maxAmount: 700n,
        expect: { payTo: OWN, amount: 700n },
        note: 'float policy',
      },
    });
    expect(purser.database.events[0]?.actor).toEqual({ type: 'system', id: `float/${walletId(5)}` });
    expect(noted).toEqual([
      ['begin', 3, opened?.operationId, 0],
      ['begin', 3, opened?.operationId, 1],
    ]);
    claims = [{ ...CLAIM, serial: 4 }];
    await check([]);
    expect(operations()).toHaveLength(2);
  });

  it('open nothing while their agent is stopped, and say so', async () => {
    purser.database.setStopped({ kind: 'agent', workspaceId: WORKSPACE, agentId: AGENT }, true);
    await check([walletId(5)]);
    expect([operations(), noted.at(-1)]).toEqual([[], ['put off', 3, 'agent_paused']]);
    expect(logged).toMatchObject([{ alarm: 'float_stuck', problem: 'agent_paused', walletId: walletId(5) }]);
  });

  it('open nothing without a treasury', async () => {
    purser.policies.treasury = undefined;
    await check(null);
    expect(noted).toEqual([['put off', 3, 'wallet_missing']]);
  });

  it('open nothing for a claim that does not stand any more', async () => {
    stands = false;
    await check([walletId(5)]);
    expect([operations(), noted]).toMatchObject([[], [['begin', 3, expect.any(String), 0]]]);
  });

  it('keep the claim, and look at the same wallets again, when the database is away', async () => {
    const open = purser.ports.operations.open.bind(purser.ports.operations);
    purser.ports.operations.open = () => Promise.reject(new Error(hex32(1)));
    await expect(check([walletId(5)])).rejects.toThrow(hex32(1));
    expect(noted.map((it) => (it as unknown[])[0])).toEqual(['begin']);
    purser.ports.operations.open = open;
    await floats.turn();
    expect(asked).toEqual([[walletId(5)], [walletId(5)]]);
    expect(operations()).toHaveLength(1);
  });

  it('are worked off part by part, between ticks of the watcher, and rest when nothing was read', async () => {
    expect(await floats.turn()).toBe(false);
    expect(asked).toEqual([]);
    claims = Array.from({ length: 16 }, (_, at) => ({ ...CLAIM, serial: 100 + at }));
    expect(await check([walletId(5), walletId(6)])).toBe(true);
    claims = [];
    expect(await floats.turn()).toBe(false);
    expect(asked).toEqual([
      [walletId(5), walletId(6)],
      [walletId(5), walletId(6)],
    ]);
    expect(operations()).toHaveLength(16);
  });
});
