import * as fc from 'fast-check';
import { parseEvmAddress, parseHex32, type EvmAddress, type Hex32 } from '#domain';
import { describe, expect, it } from 'vitest';
import type { RawLog } from './rpc.js';
import { decodeTokenEvents, fateInLogs, indexTokenEvents, TOPICS } from './settlement-logs.js';

const address = (digit: string): EvmAddress => parseEvmAddress(`0x${digit.repeat(40)}`);
const hash = (text: string): Hex32 => parseHex32(`0x${text.padStart(64, '0')}`);
const word = (who: EvmAddress): Hex32 => parseHex32(`0x${who.slice(2).padStart(64, '0')}`);
const amount = (value: bigint): `0x${string}` => `0x${value.toString(16).padStart(64, '0')}`;

const TOKEN = address('a');
const OTHER_TOKEN = address('b');
const PAYER = address('1');
const PAYEE = address('2');
const STRANGER = address('3');
const NONCE = hash('77');
const OTHER_NONCE = hash('88');
const AUTHORIZATION = { token: TOKEN, from: PAYER, to: PAYEE, value: 50_000n, nonce: NONCE };

function at(logIndex: number, rest: Partial<RawLog> & Pick<RawLog, 'topics'>): RawLog {
  return {
    address: TOKEN,
    data: '0x',
    txHash: hash('f1'),
    blockNumber: 10,
    blockHash: hash('b10'),
    logIndex,
    ...rest,
  };
}
const used = (logIndex: number, rest: Partial<RawLog> = {}, nonce = NONCE): RawLog =>
  at(logIndex, { topics: [TOPICS.authorizationUsed, word(PAYER), nonce], ...rest });
const canceled = (logIndex: number, rest: Partial<RawLog> = {}): RawLog =>
  at(logIndex, { topics: [TOPICS.authorizationCanceled, word(PAYER), NONCE], ...rest });
const transfer = (logIndex: number, to = PAYEE, value = 50_000n, rest: Partial<RawLog> = {}): RawLog =>
  at(logIndex, { topics: [TOPICS.transfer, word(PAYER), word(to)], data: amount(value), ...rest });

const SETTLED = {
  kind: 'settled',
  settlement: { txHash: hash('f1'), blockNumber: 10, blockHash: hash('b10'), logIndex: 5 },
};
const FOREIGN = { kind: 'foreign', txHash: hash('f1') };

describe('the fate of an authorization in the logs', () => {
  it('is settled by the exact transfer directly after its nonce was used', () => {
    expect(fateInLogs(AUTHORIZATION, [used(4), transfer(5)])).toEqual(SETTLED);
  });

  it('is the same in any order of the logs and when ranges overlap', () => {
    expect(fateInLogs(AUTHORIZATION, [transfer(5), used(4), transfer(5), used(4)])).toEqual(SETTLED);
  });

  it('is cancelled by the cancellation event', () => {
    expect(fateInLogs(AUTHORIZATION, [canceled(4)])).toEqual({
      kind: 'cancelled',
      txHash: hash('f1'),
      blockNumber: 10,
      blockHash: hash('b10'),
    });
  });

  it.each([
    ['no log at all', []],
    ['a transfer alone', [transfer(5)]],
    ['another nonce', [used(4, {}, OTHER_NONCE), transfer(5)]],
    [
      'another token',
      [used(4, { address: OTHER_TOKEN }), transfer(5, PAYEE, 50_000n, { address: OTHER_TOKEN })],
    ],
    ['another payer', [at(4, { topics: [TOPICS.authorizationUsed, word(STRANGER), NONCE] }), transfer(5)]],
  ])('is unused with %s', (_what, logs) => {
    expect(fateInLogs(AUTHORIZATION, logs)).toEqual({ kind: 'unused' });
  });

  it.each([
    ['no transfer follows', [used(4)]],
    ['another payee is paid', [used(4), transfer(5, STRANGER)]],
    ['less is paid', [used(4), transfer(5, PAYEE, 49_999n)]],
    ['more is paid', [used(4), transfer(5, PAYEE, 50_001n)]],
    ['the transfer comes first', [transfer(3), used(4)]],
    ['something stands between', [used(4), transfer(6)]],
    ['the transfer is of another token', [used(4), transfer(5, PAYEE, 50_000n, { address: OTHER_TOKEN })]],
    [
      'the transfer is in another transaction',
      [used(4), transfer(5, PAYEE, 50_000n, { txHash: hash('f2') })],
    ],
    ['the transfer is in another block', [used(4), transfer(5, PAYEE, 50_000n, { blockHash: hash('b11') })]],
    [
      'somebody else pays',
      [used(4), at(5, { topics: [TOPICS.transfer, word(STRANGER), word(PAYEE)], data: amount(50_000n) })],
    ],
    ['the nonce is used twice', [used(4), transfer(5), used(8), transfer(9)]],
    ['the nonce is used and cancelled', [used(4), transfer(5), canceled(6)]],
  ])('is foreign, for a person to look at, when %s', (_what, logs) => {
    expect(fateInLogs(AUTHORIZATION, logs)).toEqual(FOREIGN);
  });

  it('belongs to each authorization alone when many settle in one transaction', () => {
    const count = 20;
    const nonces = Array.from({ length: count }, (_, i) => hash((i + 1).toString(16)));
    const logs = nonces.flatMap((nonce, i) => [
      used(2 * i, {}, nonce),
      transfer(2 * i + 1, PAYEE, BigInt(i)),
    ]);
    nonces.forEach((nonce, i) => {
      const authorization = { ...AUTHORIZATION, nonce, value: BigInt(i) };
      expect(fateInLogs(authorization, logs)).toMatchObject({
        kind: 'settled',
        settlement: { logIndex: 2 * i + 1 },
      });
      expect(fateInLogs({ ...authorization, value: BigInt(i) + 1n }, logs)).toEqual(FOREIGN);
    });
    expect(indexTokenEvents(decodeTokenEvents(logs)).otherTransfers).toEqual([]);
  });

  it('never lends one transfer to two authorizations of equal payee and value', () => {
    const logs = [used(3, {}, OTHER_NONCE), used(4), transfer(5)];
    expect(fateInLogs(AUTHORIZATION, logs)).toEqual(SETTLED);
    expect(fateInLogs({ ...AUTHORIZATION, nonce: OTHER_NONCE }, logs)).toEqual(FOREIGN);
  });

  it('shows transfers that no authorization explains', () => {
    const index = indexTokenEvents(decodeTokenEvents([used(4), transfer(5), transfer(7, STRANGER, 9n)]));
    expect(index.uses).toHaveLength(1);
    expect(index.otherTransfers).toMatchObject([{ to: STRANGER, value: 9n, logIndex: 7 }]);
  });
});

describe('token events', () => {
  it.each([
    ['too few topics', at(4, { topics: [TOPICS.authorizationUsed, word(PAYER)] })],
    [
      'too many topics',
      at(4, { topics: [TOPICS.transfer, word(PAYER), word(PAYEE), NONCE], data: amount(1n) }),
    ],
    ['no topics', at(4, { topics: [] })],
    ['data where none belongs', used(4, { data: amount(1n) })],
    ['no amount', transfer(5, PAYEE, 1n, { data: '0x' })],
    ['two amounts', transfer(5, PAYEE, 1n, { data: `${amount(1n)}${'0'.repeat(64)}` })],
    [
      'a payer that is no address',
      at(4, { topics: [TOPICS.authorizationUsed, hash('f'.repeat(64)), NONCE] }),
    ],
    ['another event', at(4, { topics: [hash('1'), word(PAYER), NONCE] })],
  ])('are not read from a log with %s', (_what, log) => {
    expect(decodeTokenEvents([log])).toEqual([]);
  });

  it('settle whatever the payee and value are, and only those', () => {
    fc.assert(
      fc.property(fc.bigInt(0n, (1n << 256n) - 1n), fc.bigInt(0n, (1n << 256n) - 1n), (value, paid) => {
        const fate = fateInLogs({ ...AUTHORIZATION, value }, [used(4), transfer(5, PAYEE, paid)]);
        expect(fate.kind).toBe(value === paid ? 'settled' : 'foreign');
      }),
    );
  });
});
