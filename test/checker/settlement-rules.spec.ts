import { describe, expect, it } from 'vitest';
import type { Books, NonceUse, SettlementRow, TransferLog, Violation } from './model.js';
import { checkSettlements } from './settlement-rules.js';

const AT = { token: '0xt', txHash: '0x1', blockNumber: 7, blockHash: '0xb' };
const USE: NonceUse = { ...AT, kind: 'used', from: '0xa', nonce: '0xn', logIndex: 4 };
const TRANSFER: TransferLog = { ...AT, from: '0xa', to: '0xp', value: 5n, logIndex: 5 };
const ROW: SettlementRow = {
  method: 'eip3009',
  token: '0xt',
  payer: '0xa',
  nonce: '0xn',
  payee: '0xp',
  value: 5n,
  status: 'settled',
  txHash: '0x1',
  logIndex: 5,
};
const FAILED = { ...ROW, status: 'failed', txHash: null, logIndex: null } as const;

function rulesBroken(
  settlements: readonly SettlementRow[],
  uses: readonly NonceUse[] = [USE],
  transfers: readonly TransferLog[] = [TRANSFER],
): readonly string[] {
  const found: Violation[] = [];
  const books = { settlements, uses, transfers } as unknown as Books;
  checkSettlements(books, (rule, where, what) => void found.push({ rule, where, what }));
  return found.map((it) => it.rule);
}

describe('what was said of claims', () => {
  it('is clean when the chain says the same', () => {
    expect(rulesBroken([ROW])).toEqual([]);
    expect(rulesBroken([FAILED], [], [])).toEqual([]);
    expect(rulesBroken([{ ...FAILED, status: 'waiting' }], [], [])).toEqual([]);
    // Cancelled by its payer: nothing was paid.
    expect(rulesBroken([FAILED], [{ ...USE, kind: 'cancelled' }], [])).toEqual([]);
  });

  it('of a cancellation is that the token says so, or that the transfer was first', () => {
    const cancelled: NonceUse = { ...USE, kind: 'cancelled' };
    const row = { ...ROW, method: 'cancel', payee: '0xa', value: 0n, logIndex: 4 };
    expect(rulesBroken([row], [cancelled], [])).toEqual([]);
    expect(rulesBroken([{ ...FAILED, method: 'cancel' }])).toEqual([]);
    expect(rulesBroken([row])).toEqual(['S7']);
    expect(rulesBroken([{ ...row, txHash: '0x2' }], [cancelled], [])).toEqual(['S7']);
    expect(rulesBroken([{ ...FAILED, method: 'cancel' }], [cancelled], [])).toEqual(['S8']);
  });

  it.each<[string, Parameters<typeof rulesBroken>, string]>([
    ['settled without a transfer', [[ROW], [], []], 'S7'],
    ['settled for another amount', [[{ ...ROW, value: 6n }]], 'S7'],
    ['settled to somebody else', [[{ ...ROW, payee: '0xq' }]], 'S7'],
    ['settled in another transaction', [[{ ...ROW, txHash: '0x2' }]], 'S7'],
    ['settled by another log', [[{ ...ROW, logIndex: 6 }]], 'S7'],
    ['failed and paid', [[FAILED]], 'S8'],
    ['paid twice', [[ROW], [USE, { ...USE, txHash: '0x2' }]], 'S1'],
  ])('is a violation: %s', (_, books, rule) => {
    expect(rulesBroken(...books)).toEqual([rule]);
  });
});
