// Purchases at hosts that policy calls prepaid (ruling 10): on chain first, shown to the seller afterwards.
import type { OperationId, OperationRequest } from '#domain';
import { describe, expect, it } from 'vitest';
import { aPolicy, SELLER, WORKSPACE } from '../../../../test/support/builders.js';
import { MemoryInstallation } from '../../../../test/support/memory-installation.js';
import { approve } from '../use-cases/decide-approval.js';
import { viewOperation } from '../use-cases/submit.js';

const GOODS = {
  outcome: 'delivered',
  answer: { status: 200, headers: {}, body: new TextEncoder().encode('goods') },
  claimedTxHash: null,
} as const;

async function buying(over: Partial<OperationRequest> = {}) {
  const purser = new MemoryInstallation();
  purser.policies.policies.set(WORKSPACE, aPolicy({ prepaidHosts: ['*.example'] }));
  purser.answers = [GOODS];
  const operationId = await purser.submit('order-1', over);
  return { purser, operationId };
}

const viewOf = (purser: MemoryInstallation, operationId: OperationId) =>
  viewOperation(purser.ports, { workspaceId: WORKSPACE, operationId });
const paid = (purser: MemoryInstallation): bigint => purser.chain.balanceAt(SELLER, purser.chain.head.number);
const typesOf = (purser: MemoryInstallation): string[] => purser.database.events.map((event) => event.type);

/** Drives, mines, and comes again when the step asked to look again. */
async function settled(purser: MemoryInstallation, operationId: OperationId): Promise<void> {
  await purser.drive(operationId);
  purser.chain.mine();
  purser.nowMs += 16_000;
}

const killed = (): Promise<never> => Promise.reject(new Error('killed'));
const POST = { method: 'POST' } as const;

describe('a prepaid purchase', () => {
  it('is on chain before the seller is shown it', async () => {
    const { purser, operationId } = await buying();
    await settled(purser, operationId);
    expect(purser.presented).toBe(0);
    expect(await viewOf(purser, operationId)).toMatchObject({ status: 'authorized', answerable: false });
    await purser.drive(operationId);
    expect(purser.presented).toBe(1);
    expect(await viewOf(purser, operationId)).toMatchObject({
      status: 'provisional',
      answerable: true,
      settled: true,
      sellerAccepted: true,
    });
    expect(paid(purser)).toBe(10_000n);
    expect(purser.desk.claims).toHaveLength(1);
  });

  it('that the seller does not honour is settled and not accepted, and is not paid again', async () => {
    const { purser, operationId } = await buying();
    purser.answers = [{ outcome: 'refused', answer: null, claimedTxHash: null }];
    await settled(purser, operationId);
    for (let times = 0; times < 6; times += 1) {
      await purser.drive(operationId);
      purser.nowMs += 10_000;
    }
    expect(purser.presented).toBe(3);
    expect(await viewOf(purser, operationId)).toMatchObject({
      answerable: true,
      settled: true,
      sellerAccepted: false,
    });
    expect(paid(purser)).toBe(10_000n);
    expect(typesOf(purser).filter((it) => it === 'AuthorizationPrepared')).toHaveLength(1);
  });

  it('is shown again after a crash, also when the authorization would have expired: the money has moved', async () => {
    const { purser, operationId } = await buying();
    await settled(purser, operationId);
    await purser.drive(operationId, { seller: { ...purser.ports.seller, present: killed } });
    purser.nowMs += 3_600_000;
    await purser.drive(operationId);
    expect(await viewOf(purser, operationId)).toMatchObject({ settled: true, sellerAccepted: true });
  });

  it('is claimed with the name that its header alone says, and no other claim has one', async () => {
    const { purser, operationId } = await buying();
    await settled(purser, operationId);
    expect(purser.desk.claims).toMatchObject([{ redemption: operationId }]);
  });

  it('is refused before anything is signed where no account of ours settles it', async () => {
    const { purser, operationId } = await buying();
    await purser.drive(operationId, { broadcasts: false });
    expect(await viewOf(purser, operationId)).toMatchObject({
      status: 'refused',
      error: { code: 'unpayable_challenge', details: { reasons: ['prepaid_needs_own_accounts'] } },
    });
    expect(typesOf(purser)).not.toContain('AuthorizationPrepared');
  });

  it('is refused also when the price that is asked again after an approval cannot be settled here', async () => {
    const { purser, operationId } = await buying();
    purser.policies.policies.set(WORKSPACE, aPolicy({ prepaidHosts: ['*.example'], approvalThreshold: 1n }));
    await purser.drive(operationId);
    const { approval } = await viewOf(purser, operationId);
    const by = { workspaceId: WORKSPACE, keyId: 'key_bob', person: 'bob' };
    await approve(purser.ports, by, operationId, approval?.digest ?? '');
    await purser.drive(operationId, { broadcasts: false });
    expect(await viewOf(purser, operationId)).toMatchObject({
      status: 'refused',
      error: { details: { reasons: ['prepaid_needs_own_accounts'] } },
    });
    expect(typesOf(purser)).not.toContain('AuthorizationPrepared');
  });

  it('that must not be sent twice is on record before it is sent, and is not sent again after a crash', async () => {
    const { purser, operationId } = await buying(POST);
    await settled(purser, operationId);
    const seller = {
      ...purser.ports.seller,
      present: (): Promise<never> => {
        purser.presented += 1;
        return killed();
      },
    };
    await purser.drive(operationId, { seller });
    expect(typesOf(purser).at(-1)).toBe('PresentationStarted');
    purser.nowMs += 60_000;
    await purser.drive(operationId);
    expect(purser.presented).toBe(1);
    expect(await viewOf(purser, operationId)).toMatchObject({
      answerable: true,
      settled: true,
      sellerAccepted: false,
      delivery: { outcome: 'interrupted' },
    });
    expect(paid(purser)).toBe(10_000n);
  });

  it('that must not be sent twice is sent once, by a later drive than the one that signed it', async () => {
    const { purser, operationId } = await buying(POST);
    await settled(purser, operationId);
    await purser.drive(operationId);
    expect(purser.presented).toBe(1);
    expect(await viewOf(purser, operationId)).toMatchObject({ settled: true, sellerAccepted: true });
  });

  it('is answered as unknown when it could not be settled in time, and the seller never saw it', async () => {
    const { purser, operationId } = await buying();
    purser.settles = { refused: 'invalid_exact_evm_transaction_failed' };
    for (let times = 0; times < 12; times += 1) {
      await purser.drive(operationId);
      purser.nowMs += 61_000;
    }
    expect(purser.presented).toBe(0);
    expect(await viewOf(purser, operationId)).toMatchObject({
      status: 'authorized',
      answerable: true,
      error: { code: 'outcome_unknown', details: { reason: 'invalid_exact_evm_transaction_failed' } },
    });
  });

  it('is what policy says of the host, and nothing else', async () => {
    const purser = new MemoryInstallation();
    purser.policies.policies.set(WORKSPACE, aPolicy({ prepaidHosts: ['other.test'] }));
    purser.answers = [GOODS];
    const operationId = await purser.submit('order-1');
    await purser.drive(operationId);
    expect(purser.presented).toBe(1);
    expect(purser.desk.claims).toHaveLength(0);
  });
});

describe('a prepaid authorization', () => {
  const CHALLENGED = { kind: 'authorize' } as const;

  it('is on chain before the caller has it, with the name that its header alone says', async () => {
    const { purser, operationId } = await buying(CHALLENGED);
    await settled(purser, operationId);
    await purser.drive(operationId);
    expect(purser.presented).toBe(0);
    expect(await viewOf(purser, operationId)).toMatchObject({
      status: 'provisional',
      answerable: true,
      settled: true,
      prepaid: true,
    });
    expect(paid(purser)).toBe(10_000n);
    expect(purser.desk.claims).toMatchObject([{ redemption: operationId }]);
  });

  it('is on record, with its signature, before it can be on chain', async () => {
    const { purser, operationId } = await buying(CHALLENGED);
    const claim = purser.ports.settlements.claim.bind(purser.ports.settlements);
    const kept: unknown[] = [];
    const settlements = Object.assign(
      Object.create(purser.ports.settlements) as typeof purser.ports.settlements,
      {
        claim: async (...wanted: Parameters<typeof claim>) => {
          const ref = { workspaceId: WORKSPACE, operationId };
          kept.push(typesOf(purser).at(-1), await purser.ports.operations.blob(ref, 'signature'));
          return claim(...wanted);
        },
      },
    );
    await purser.drive(operationId, { settlements });
    expect(kept).toEqual(['AuthorizationSigned', expect.anything()]);
  });

  it('is refused before anything is signed where no account of ours settles it', async () => {
    const { purser, operationId } = await buying(CHALLENGED);
    await purser.drive(operationId, { broadcasts: false });
    expect(await viewOf(purser, operationId)).toMatchObject({
      status: 'refused',
      error: { details: { reasons: ['prepaid_needs_own_accounts'] } },
    });
    expect(typesOf(purser)).not.toContain('AuthorizationPrepared');
  });

  it('is handed out unsettled at every other host', async () => {
    const { purser, operationId } = await buying(CHALLENGED);
    purser.policies.policies.set(WORKSPACE, aPolicy({}));
    await purser.drive(operationId);
    expect(await viewOf(purser, operationId)).toMatchObject({
      status: 'authorized',
      answerable: true,
      settled: false,
      prepaid: false,
    });
    expect(purser.desk.claims).toEqual([]);
  });
});
