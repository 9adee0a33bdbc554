import { describe, expect, it } from 'vitest';
import type { EventRow, NonceUse, TransferLog } from './model.js';
import { claimedPermits, permitsIn, permitUses, type Permit } from './permit-uses.js';

const AT = { token: '0xt', blockNumber: 7, blockHash: '0xb' };
const nonce = (n: number): string => `0x${n.toString(16).padStart(64, '0')}`;
const permit = (n: number, over: Partial<Permit> = {}): Permit => ({
  from: '0xa',
  to: '0xp',
  nonce: nonce(n),
  value: 5n,
  exact: true,
  ...over,
});
const transfer = (txHash: string, logIndex: number, value = 5n): TransferLog => ({
  ...AT,
  txHash,
  from: '0xa',
  to: '0xp',
  value,
  logIndex,
});
const INPUTS: Readonly<Record<string, string>> = {
  '0x1': `0xabcd${nonce(1).slice(2)}ff`,
  '0x12': `0xabcd${nonce(1).slice(2)}ff${nonce(2).slice(2)}`,
  '0x0': '0x',
};

const UPTO_PROXY = '0x4020A4f3b7b90ccA423B9fabCc0CE57C6C240002';
const BATCH = '0xcA11bde05977b3631167028862bE2a173976CA11';

async function found(permits: readonly Permit[], transfers: readonly TransferLog[], uses: NonceUse[] = []) {
  const all = await permitUses(permits, { uses, transfers }, (hash) =>
    Promise.resolve({ to: hash === '0x12' ? BATCH : UPTO_PROXY, input: INPUTS[hash] ?? '' }),
  );
  return all.map((it) => `${Number(it.nonce)}@${it.txHash}/${it.logIndex + 1}`);
}

const prepared = (method?: string) => ({
  type: 'AuthorizationPrepared',
  data: { authorization: { from: '0xA', to: '0xP', nonce: nonce(1), value: '5', method } },
});

describe('uses of Permit2', () => {
  it('are where the nonce stands in a transaction that paid it', async () => {
    expect(await found([permit(1)], [transfer('0x1', 3)])).toEqual(['1@0x1/3']);
    expect(await found([permit(1, { exact: false })], [transfer('0x1', 3, 2n)])).toEqual(['1@0x1/3']);
  });

  it.each<[string, Permit, TransferLog]>([
    ['the nonce is not in it', permit(2), transfer('0x1', 3)],
    ['it paid another amount', permit(1), transfer('0x1', 3, 4n)],
    ['it paid more than the ceiling', permit(1, { exact: false }), transfer('0x1', 3, 6n)],
    ['it moved nothing', permit(1, { exact: false }), transfer('0x1', 3, 0n)],
    ['a ceiling is named beside other calls', permit(1, { exact: false }), transfer('0x12', 3, 2n)],
    ['it paid somebody else', permit(1, { to: '0xq' }), transfer('0x1', 3)],
  ])('are none where %s', async (_what, it, log) => {
    expect(await found([it], [log])).toEqual([]);
  });

  it('are one per nonce, also where a later transaction repeats the call', async () => {
    const logs = [transfer('0x1', 3), { ...transfer('0x12', 1), blockNumber: 8 }];
    expect(await found([permit(1), permit(2)], logs)).toEqual(['1@0x1/3', '2@0x12/1']);
  });

  it("leave the token's own uses alone", async () => {
    const use: NonceUse = { ...AT, kind: 'used', txHash: '0x1', from: '0xa', nonce: nonce(9), logIndex: 2 };
    expect(await found([permit(1)], [transfer('0x1', 3)], [use])).toEqual([]);
  });

  it('are looked for where an operation prepared one', () => {
    const events = [prepared(), prepared('eip3009'), prepared('permit2'), prepared('upto')];
    expect(permitsIn(events as unknown as EventRow[])).toEqual([permit(1), permit(1, { exact: false })]);
  });

  it('of claims are for exactly what was charged, and of no other method', () => {
    const claim = { token: '0xt', payer: '0xa', payee: '0xp', nonce: nonce(1), value: 5n };
    const row = { ...claim, status: 'settled', txHash: '0x1', logIndex: 5 } as const;
    const rows = ['eip3009', 'permit2', 'upto', 'cancel'].map((method) => ({ ...row, method }));
    expect(claimedPermits(rows)).toEqual([permit(1), permit(1)]);
  });
});
