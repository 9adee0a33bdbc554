import { describe, expect, it } from 'vitest';
import {
  chainIdOf,
  parseAgentId,
  parseApprovalId,
  parseCaip2,
  parseEvmAddress,
  parseHex32,
  parseIdempotencyKey,
  parseKeyId,
  parseOperationId,
  parseWalletId,
  parseWorkspaceId,
} from './ids.js';
import { Refusal } from './refusal.js';

const UUID = '0f8fad5b-d9cb-469f-a165-70867728950e';

describe('ids', () => {
  it.each([parseWorkspaceId, parseAgentId, parseOperationId])(
    'uuids are read in any case and kept in lower case',
    (parse) => {
      expect(parse(UUID.toUpperCase())).toBe(UUID);
      for (const bad of [
        '',
        UUID.slice(1),
        `${UUID}0`,
        ` ${UUID}`,
        `{${UUID}}`,
        UUID.replaceAll('-', ''),
        5,
        null,
        [UUID],
      ])
        expect(() => parse(bad)).toThrow(Refusal);
    },
  );

  it.each([
    ['apr', parseApprovalId],
    ['wal', parseWalletId],
    ['key', parseKeyId],
  ])('%s_ ids keep their kind', (prefix, parse) => {
    const tail = '01hzzzzzzzzzzzzzzzzzzzzzzz';
    expect(parse(`${prefix}_${tail}`)).toBe(`${prefix}_${tail}`);
    for (const bad of [
      tail,
      `xyz_${tail}`,
      `${prefix}_${tail}0`,
      `${prefix}_${tail.slice(1)}i`,
      `${prefix}_${tail}\n`,
      null,
    ])
      expect(() => parse(bad)).toThrow(Refusal);
  });

  it('an address and 32 bytes are hex of exactly their length', () => {
    expect(parseEvmAddress(`0x${'Ab'.repeat(20)}`)).toBe(`0x${'ab'.repeat(20)}`);
    expect(parseHex32(`0x${'F0'.repeat(32)}`)).toBe(`0x${'f0'.repeat(32)}`);
    for (const bad of [
      '0x',
      `0X${'a'.repeat(40)}`,
      'a'.repeat(40),
      `0x${'g'.repeat(40)}`,
      `0x${'a'.repeat(41)}`,
      0,
      null,
    ]) {
      expect(() => parseEvmAddress(bad)).toThrow(Refusal);
      expect(() => parseHex32(bad)).toThrow(Refusal);
    }
  });

  it('a network is an EVM chain in CAIP-2', () => {
    expect(chainIdOf(parseCaip2('eip155:8453'))).toBe(8453);
    for (const bad of [
      'eip155:0',
      'eip155:08453',
      'eip155:',
      'base',
      'solana:1',
      'EIP155:1',
      'eip155:1 ',
      8453,
    ])
      expect(() => parseCaip2(bad)).toThrow(Refusal);
  });
});

describe('an idempotency key', () => {
  it('is 1 to 200 printable ASCII characters', () => {
    expect(parseIdempotencyKey('a b-1')).toBe('a b-1');
    expect(parseIdempotencyKey('x'.repeat(200))).toHaveLength(200);
  });

  it.each([
    [undefined, 'idempotency_key_missing'],
    ['', 'idempotency_key_missing'],
    ['  ', 'idempotency_key_missing'],
    [7, 'idempotency_key_missing'],
    ['x'.repeat(201), 'idempotency_key_invalid'],
    ['naïve', 'idempotency_key_invalid'],
    ['a\u0000b', 'idempotency_key_invalid'],
    ['a\nb', 'idempotency_key_invalid'],
    ['ｋey', 'idempotency_key_invalid'],
  ])('is not %j: %s', (text, code) => {
    expect(() => parseIdempotencyKey(text)).toThrow(expect.objectContaining({ code }));
  });
});
