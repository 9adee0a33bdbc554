import { describe, expect, it } from 'vitest';
import { parseEvmAddress, parseHex32, type Hex32 } from '#domain';
import { panelOf } from '../../../test/support/panel.js';
import { createChainSource } from './chain-source.js';
import { networkProfile, type NetworkProfile } from './chains.js';
import { RpcError } from './json-rpc.js';
import type { EvmRpc, LogFilter } from './rpc.js';
import { TOPICS } from './settlement-logs.js';

const TOKEN = parseEvmAddress(`0x${'70'.repeat(20)}`);
const WALLET = parseEvmAddress(`0x${'aa'.repeat(20)}`);
const LOCAL = networkProfile('local') as NetworkProfile;
const hash = (n: number): Hex32 => parseHex32(`0x${n.toString(16).padStart(64, '0')}`);

const topic = (address: string): Hex32 => parseHex32(`0x${address.slice(2).padStart(64, '0')}`);

const block = (number: number) => ({
  number,
  hash: hash(number + 1),
  parentHash: hash(number),
  timestampSec: number,
  baseFeePerGas: 0n,
});

/** A node at this height that gives out no more than so many blocks of logs at once. */
function node(height: number, mostBlocks = 10_000) {
  const asked: LogFilter[] = [];
  const rpc: Partial<EvmRpc> = {
    block: (at) => {
      const number = typeof at === 'number' ? at : height;
      return Promise.resolve(number <= height ? block(number) : undefined);
    },
    logs: (filter) => {
      asked.push(filter);
      return filter.toBlock - filter.fromBlock < mostBlocks
        ? Promise.resolve([])
        : Promise.reject(new RpcError('range_too_large', 'eth_getLogs'));
    },
  };
  return { rpc: rpc as EvmRpc, asked };
}

describe('a chain over several RPCs', () => {
  it('finds the final block that all of them can agree on, however far one is behind', async () => {
    const rpcs = [node(100).rpc, node(97).rpc, node(99).rpc];
    const source = createChainSource({ profile: LOCAL, panel: panelOf(rpcs), tokens: [TOKEN] });
    const final = await source.finalized();
    expect(final?.number).toBe(95);
    expect(await source.witnesses(block(95))).toBe(3);
  });

  it('has no final block while one of them has none', async () => {
    const rpcs = [node(100).rpc, node(1).rpc, node(50).rpc];
    expect(
      await createChainSource({ profile: LOCAL, panel: panelOf(rpcs), tokens: [TOKEN] }).finalized(),
    ).toBeUndefined();
  });

  it('reads incoming transfers and forgotten uses in smaller ranges where a provider asks for that', async () => {
    const { rpc, asked } = node(6_000, 400);
    const source = createChainSource({ profile: LOCAL, panel: panelOf([rpc]), tokens: [TOKEN] });
    await source.scan([WALLET], { fromBlock: 1, toBlock: 1_000 });
    const authorization = {
      network: LOCAL.network,
      token: TOKEN,
      from: WALLET,
      to: TOKEN,
      value: 1n,
      nonce: hash(9),
      method: 'eip3009' as const,
      validBeforeSec: 1,
    };
    expect(await source.findUse(authorization, { number: 6_000 })).toEqual({ kind: 'unused' });
    expect(asked.length).toBeGreaterThan(4);
  });

  describe('about what gives money back', () => {
    const payment = {
      network: LOCAL.network,
      token: TOKEN,
      from: WALLET,
      to: TOKEN,
      value: 1n,
      nonce: hash(9),
      method: 'eip3009' as const,
      validBeforeSec: 1,
    };
    const seen = { txHash: hash(5), blockNumber: 50, blockHash: hash(51), logIndex: 1 };
    const position = { address: TOKEN, txHash: hash(5), blockNumber: 50, blockHash: hash(51) };
    const used = { ...position, topics: [TOPICS.authorizationUsed, topic(WALLET), hash(9)], logIndex: 0 };
    const moved = { ...position, topics: [TOPICS.transfer, topic(WALLET), topic(TOKEN)], logIndex: 1 };
    /** Shows the payment, or one of its own making. */
    const showing = (over: Partial<EvmRpc> = {}): EvmRpc => ({
      ...node(100).rpc,
      logs: () => Promise.resolve([{ ...used, data: '0x' }]),
      receipt: () =>
        Promise.resolve({
          ...position,
          succeeded: true,
          logs: [
            { ...used, data: '0x' },
            { ...moved, data: hash(1) },
          ],
        } as never),
      ...over,
    });
    const away: Partial<EvmRpc> = {
      block: () => Promise.reject(new RpcError('timeout', 'away')),
      logs: () => Promise.reject(new RpcError('timeout', 'away')),
      receipt: () => Promise.reject(new RpcError('timeout', 'away')),
    };
    const sourceOf = (...rpcs: readonly EvmRpc[]) =>
      createChainSource({ profile: LOCAL, panel: panelOf(rpcs), tokens: [TOKEN] });

    it('has its word from all of them, or none', async () => {
      const all = sourceOf(showing(), showing());
      expect(await all.findUse(payment, { number: 100 })).toEqual({ kind: 'settled', settlement: seen });
      expect(await all.settlementWitnesses(payment, seen)).toBe(2);
      expect(await sourceOf(showing(), showing(away)).findUse(payment, { number: 100 })).toBeUndefined();
      expect(await sourceOf(showing(), showing(away)).settlementWitnesses(payment, seen)).toBe(0);
    });

    it('is no word where they contradict each other', async () => {
      const other = showing({ receipt: () => Promise.resolve(undefined) });
      await expect(sourceOf(showing(), other).findUse(payment, { number: 100 })).rejects.toThrow(
        'disagreement',
      );
      expect(await sourceOf(showing(), other).settlementWitnesses(payment, seen)).toBe(1);
    });

    it.each<[string, Partial<typeof seen> & { amount?: bigint }]>([
      ['block', { blockHash: hash(52) }],
      ['log', { logIndex: 3 }],
      ['amount', { amount: 0n }],
    ])('holds the %s to be part of it', async (_what, over) => {
      expect(await sourceOf(showing()).settlementWitnesses(payment, { ...seen, ...over })).toBe(0);
    });
  });
});
