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
let floats: Floats;
beforeEach(() => {
  purser = new MemoryInstallation();
  [claims, asked, noted, logged] = [[CLAIM], [], [], []];
  const treasury = { workspaceId: WORKSPACE, walletId: walletId(77), address: address(0x77) };
  purser.policies.treasury = treasury;
  const store: FloatStore = {
    ended: () => Promise.resolve([]),
    claim: (_network, wallets) => (asked.push(wallets), Promise.resolve(claims)),
    opened: (claim, id) => (noted.push(['opened', claim.serial, id]), Promise.resolve()),
    giveBack: (claim, problem) => (noted.push(['back', claim.serial, problem]), Promise.resolve(true)),
  };
  const logger = { ...purser.ports.logger, error: (it: Record<string, unknown>) => void logged.push(it) };
  floats = new Floats({ ...purser.ports, logger }, store, NETWORK);
});

const operations = () => [...purser.database.operations.values()].map((it) => it.loaded);

describe('float policies', () => {
  it('open a top-up in the name of who set them, and the same one again after a crash', async () => {
    await floats.check([walletId(5)]);
    await floats.check([]);
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
      ['opened', 3, opened?.operationId],
      ['opened', 3, opened?.operationId],
    ]);
    claims = [{ ...CLAIM, serial: 4 }];
    await floats.check([]);
    expect(operations()).toHaveLength(2);
  });

  it('open nothing while their agent is stopped, and say so', async () => {
    purser.database.stopped.add(`agent:${AGENT}`);
    await floats.check([walletId(5)]);
    expect([operations(), noted]).toEqual([[], [['back', 3, 'agent_paused']]]);
    expect(logged).toMatchObject([{ alarm: 'float_stuck', problem: 'agent_paused', walletId: walletId(5) }]);
  });

  it('open nothing without a treasury', async () => {
    purser.policies.treasury = undefined;
    await floats.check(null);
    expect(noted).toEqual([['back', 3, 'wallet_missing']]);
  });

  it('keep the claim, and stop nobody, when the database is away', async () => {
    purser.ports.operations.open = () => Promise.reject(new Error(hex32(1)));
    await expect(floats.check(null)).resolves.toBeUndefined();
    expect(noted).toEqual([]);
  });
});
