import { describe, expect, it } from 'vitest';
import { address, anAuthorization, hex32, PAYER, SELLER, TOKEN } from '../../../../test/support/builders.js';
import { fateOfPermit, tiePermits } from './permits.js';
import type { PermitSeen, TransferSeen } from './ports.js';

const [TX, LATER] = [hex32(0x77), hex32(0x78)];
const call = (nonce: number, over: Partial<PermitSeen> = {}): PermitSeen => ({
  method: 'permit2',
  token: TOKEN,
  from: PAYER,
  to: SELLER,
  value: 10_000n,
  nonce: hex32(nonce),
  txHash: TX,
  spent: true,
  ...over,
});
const transfer = (logIndex: number, over: Partial<TransferSeen> = {}): TransferSeen => ({
  method: 'permit2',
  token: TOKEN,
  from: PAYER,
  to: SELLER,
  value: 10_000n,
  txHash: TX,
  blockNumber: 9,
  blockHash: hex32(0xb9),
  logIndex,
  ...over,
});

function byNoProxy(logIndex: number): TransferSeen {
  const { method: _method, ...moved } = transfer(logIndex);
  return moved;
}

/** `nonce>log` of each use, `?` where it cannot be told, and the logs that stay unexplained. */
function tie(
  permits: readonly PermitSeen[],
  transfers: readonly TransferSeen[],
  elsewhere: (permit: PermitSeen) => boolean = () => false,
) {
  const { uses, others } = tiePermits(permits, transfers, elsewhere);
  return {
    uses: uses.map((use) => `${Number(use.nonce)}>${use.transfer?.logIndex ?? '?'}`),
    others: others.map((it) => it.logIndex),
  };
}

describe('a transfer from a wallet by Permit2', () => {
  it('belongs to the nonce that a call of its transaction names', () => {
    expect(tie([call(1)], [transfer(3)])).toEqual({ uses: ['1>3'], others: [] });
  });

  it('is unexplained without a call of its own', () => {
    expect(tie([], [transfer(3)])).toEqual({ uses: [], others: [3] });
    expect(tie([call(1, { txHash: LATER })], [transfer(3)])).toEqual({ uses: [], others: [3] });
    expect(tie([call(1)], [transfer(3), byNoProxy(4)])).toEqual({ uses: ['1>3'], others: [4] });
  });

  it.each<[string, Partial<PermitSeen>]>([
    ['another amount', { value: 9_999n }],
    ['another payee', { to: address(0xbad) }],
    ['another wallet', { from: address(0xbad) }],
    ['another token', { token: address(0xbad) }],
    ['another method', { method: 'upto' }],
  ])('is not explained by a call that says %s', (_what, over) => {
    expect(tie([call(1, over)], [transfer(3)])).toEqual({ uses: [], others: [3] });
  });

  it('is never one of nothing, nor one that no proxy made, whatever a call says', () => {
    const nothing = transfer(3, { value: 0n });
    expect(tie([call(1, { value: 0n })], [nothing])).toEqual({ uses: [], others: [3] });
    expect(tie([call(1)], [byNoProxy(3)])).toEqual({ uses: [], others: [3] });
  });

  it('is left to a person where proxies made more of them than calls say', () => {
    expect(tie([call(1)], [transfer(3), transfer(4)])).toEqual({ uses: ['1>?'], others: [] });
  });

  it('is not of a nonce that is not spent, where one of two calls failed', () => {
    expect(tie([call(1, { spent: false }), call(2)], [transfer(3)])).toEqual({ uses: ['2>3'], others: [] });
  });

  it('is of the transaction that proves it, though a call elsewhere is unclear', () => {
    const tried = [call(1, { txHash: LATER }), call(2, { txHash: LATER })];
    const seen = [transfer(1, { txHash: LATER }), transfer(3)];
    expect(tie([...tried, call(1)], seen)).toEqual({ uses: ['2>?', '1>3'], others: [] });
  });

  it('is one of many in a batch, each with its own', () => {
    const permits = [call(1), call(2, { value: 5n }), call(3)];
    const transfers = [transfer(3), transfer(5, { value: 5n }), transfer(7)];
    expect(tie(permits, transfers)).toEqual({ uses: ['1>3', '3>7', '2>5'], others: [] });
  });

  it('is left to a person where a call failed and nothing says which', () => {
    expect(tie([call(1), call(2)], [transfer(3)])).toEqual({ uses: ['1>?', '2>?'], others: [] });
  });

  it('is told from a repeat of a payment that was made before', () => {
    const repeated = [call(1, { txHash: LATER }), call(2, { txHash: LATER })];
    const late = transfer(1, { txHash: LATER });
    expect(tie([call(1), ...repeated], [transfer(3), late])).toEqual({ uses: ['1>3', '2>1'], others: [] });
    expect(tie(repeated, [late], ({ nonce }) => nonce === hex32(1))).toEqual({ uses: ['2>1'], others: [] });
  });

  it('counts where it is now, also when the books still say another transaction', () => {
    expect(tie([call(1)], [transfer(3)], () => true)).toEqual({ uses: ['1>3'], others: [] });
  });

  it('is counted once when a call comes twice in a transaction', () => {
    expect(tie([call(1), call(1)], [transfer(3)])).toEqual({ uses: ['1>3'], others: [] });
  });
});

const fate = (
  permit: PermitSeen,
  moved: TransferSeen,
  authorized = anAuthorization({ method: 'permit2' }),
) => {
  const [use] = tiePermits([permit], [moved], () => false).uses;
  return fateOfPermit(authorized, use ?? expect.fail('not tied'));
};

describe('a spent nonce of Permit2', () => {
  const ceiling = anAuthorization({ method: 'upto', facilitator: address(0xfac1) });
  const charged = (value: bigint) =>
    fate(call(1, { method: 'upto', value }), transfer(3, { method: 'upto', value }), ceiling);

  it('settles its authorization where the transfer is what was signed', () => {
    expect(fate(call(1), transfer(3))).toEqual({
      kind: 'settled',
      settlement: { txHash: TX, blockNumber: 9, blockHash: hex32(0xb9), logIndex: 3 },
    });
  });

  it.each([7_000n, 1n])('settles a ceiling with what was charged: %s', (amount) => {
    expect(charged(amount)).toMatchObject({ kind: 'settled', settlement: { amount } });
  });

  it('never settles a ceiling with nothing', () => {
    const { txHash, blockNumber, blockHash } = transfer(3);
    const use = { ...call(1, { method: 'upto' }), txHash, blockNumber, blockHash };
    const transferred = transfer(3, { method: 'upto', value: 0n });
    expect(fateOfPermit(ceiling, { ...use, transfer: transferred }).kind).toBe('foreign');
  });

  it.each<[string, PermitSeen, TransferSeen, ReturnType<typeof anAuthorization>]>([
    [
      'less than an exact amount',
      call(1, { value: 1n }),
      transfer(3, { value: 1n }),
      anAuthorization({ method: 'permit2' }),
    ],
    [
      'more than the ceiling',
      call(1, { method: 'upto', value: 10_001n }),
      transfer(3, { method: 'upto', value: 10_001n }),
      ceiling,
    ],
    [
      'another payee',
      call(1, { to: PAYER }),
      transfer(3, { to: PAYER }),
      anAuthorization({ method: 'permit2' }),
    ],
    ['another method', call(1), transfer(3), ceiling],
    ['a method of the token', call(1), transfer(3), anAuthorization()],
  ])('is foreign with %s', (_what, permit, moved, authorized) => {
    expect(fate(permit, moved, authorized)).toEqual({ kind: 'foreign', txHash: TX });
  });
});
