import { describe, expect, it } from 'vitest';
import { approve, type Ports } from '#engine';
import type { OperationId } from '#domain';
import {
  address,
  AGENT,
  aPolicy,
  TOKEN,
  WALLET,
  walletId,
  WORKSPACE,
} from '../../../test/support/builders.js';
import { MemoryInstallation } from '../../../test/support/memory-installation.js';

const BOB = { workspaceId: WORKSPACE, keyId: 'key of bob', person: 'bob' };

/** The installation's rules, a note of each time they are read, and what happens once policies and wallet have been read. */
function watched(purser: MemoryInstallation, afterwards = (): void => undefined) {
  const reads: string[] = [];
  const noted = async <T>(what: string, read: Promise<T>): Promise<T> => {
    reads.push(what);
    const answer = await read;
    if (reads.length === 2) afterwards();
    return answer;
  };
  const policies: Ports['policies'] = {
    treasuryOf: () => purser.policies.treasuryOf(),
    ownsWallet: (...asked) => purser.policies.ownsWallet(...asked),
    payeeKnownTo: (...asked) => purser.policies.payeeKnownTo(...asked),
    likeOf: (...asked) => purser.policies.likeOf(...asked),
    obstacleTo: (...asked) => purser.policies.obstacleTo(...asked),
    budgetsOf: (...asked) => purser.policies.budgetsOf(...asked),
    unknownTags: (...asked) => purser.policies.unknownTags(...asked),
    policiesFor: (...who) => noted('policies', purser.policies.policiesFor(...who)),
    walletFor: (...who) => noted('wallet', purser.policies.walletFor(...who)),
  };
  return { reads, policies };
}

const setPolicy = (purser: MemoryInstallation, ...over: Parameters<typeof aPolicy>): unknown =>
  purser.policies.policies.set(WORKSPACE, aPolicy(...over));

/** A wallet with money, which takes the place of the one there is. */
function newWallet(purser: MemoryInstallation) {
  const wallet = { workspaceId: WORKSPACE, walletId: walletId(2), address: address(0xbb) };
  purser.database.wallets.set(wallet.address, wallet);
  purser.database.balances.set(`${wallet.address}/${TOKEN}`, { balance: 5_000_000n, block: 0 });
  purser.policies.wallets.set(AGENT, wallet);
  return wallet;
}

function intentOf(purser: MemoryInstallation, id: OperationId) {
  const state = purser.database.stateOf(id);
  if (state?.status !== 'authorized') throw new Error(`no intent: ${state?.status}`);
  const { authorization } = state;
  const validForSec = authorization.validBeforeSec - purser.nowMs / 1000;
  return { walletId: authorization.walletId, from: authorization.from, validForSec };
}

/** Judged under one set of rules, approved, and other rules since. */
async function approvedUnder(change: (purser: MemoryInstallation) => void) {
  const purser = new MemoryInstallation();
  setPolicy(purser, { version: 1, approvalThreshold: 5_000n, maxValiditySec: 120 });
  const id = await purser.submit('order-1');
  await purser.drive(id);
  const state = purser.database.stateOf(id);
  if (state?.status !== 'awaiting_approval') throw new Error(`not waiting: ${state?.status}`);
  change(purser);
  await approve(purser.ports, BOB, id, state.approval.digest);
  const { reads, policies } = watched(purser);
  await purser.drive(id, { policies });
  return { purser, id, reads };
}

describe('a drive that judges and pays', () => {
  it('reads policies and wallet once', async () => {
    const purser = new MemoryInstallation();
    const { reads, policies } = watched(purser);
    const id = await purser.submit('order-1');
    await purser.drive(id, { policies });
    expect(purser.database.stateOf(id)?.status).toBe('authorized');
    expect(reads.toSorted()).toEqual(['policies', 'wallet']);
  });

  it('pays by the rules that it judged by, whatever comes in between', async () => {
    const purser = new MemoryInstallation();
    setPolicy(purser, { version: 1, maxValiditySec: 120 });
    const { policies } = watched(purser, () => {
      setPolicy(purser, { version: 2, maxValiditySec: 60 });
      newWallet(purser);
    });
    const id = await purser.submit('order-1');
    await purser.drive(id, { policies });
    expect(intentOf(purser, id)).toMatchObject({ walletId: WALLET, validForSec: 120 });
  });

  it('reads them anew for the next operation', async () => {
    const purser = new MemoryInstallation();
    await purser.drive(await purser.submit('order-1'));
    setPolicy(purser, { version: 1, deniedHosts: ['shop.example'] });
    const id = await purser.submit('order-2');
    await purser.drive(id);
    expect(purser.database.stateOf(id)).toMatchObject({ status: 'refused', code: 'policy_refused' });
  });
});

describe('a drive after an approval', () => {
  it('reads policies and wallet anew, and once', async () => {
    const { purser, id, reads } = await approvedUnder(() => undefined);
    expect(intentOf(purser, id).validForSec).toBe(120);
    expect(reads.toSorted()).toEqual(['policies', 'wallet']);
  });

  it('pays nothing that the policy forbids since, and gives the budget back', async () => {
    const { purser, id } = await approvedUnder((it) =>
      setPolicy(it, { version: 2, deniedHosts: ['shop.example'] }),
    );
    expect(purser.database.stateOf(id)).toMatchObject({ status: 'refused', code: 'policy_refused' });
    expect(purser.signer.ledger.size).toBe(0);
    expect(purser.database.budgets.node(WORKSPACE, 'USD6')?.held).toBe(0n);
  });

  it('lets an authorization live no longer than the policy says since', async () => {
    const { purser, id } = await approvedUnder((it) => setPolicy(it, { version: 2, maxValiditySec: 60 }));
    expect(intentOf(purser, id).validForSec).toBe(60);
  });

  it('pays from the wallet that counts since, and from none when there is none', async () => {
    const { purser, id } = await approvedUnder(newWallet);
    expect(intentOf(purser, id)).toMatchObject({ walletId: walletId(2), from: address(0xbb) });
    const without = await approvedUnder((it) => it.policies.wallets.delete(AGENT));
    expect(without.purser.database.stateOf(without.id)).toMatchObject({
      status: 'refused',
      code: 'wallet_missing',
    });
    expect(without.purser.signer.ledger.size).toBe(0);
  });
});
