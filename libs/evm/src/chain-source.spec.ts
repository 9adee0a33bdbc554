import { describe, expect, it } from 'vitest';
import { parseEvmAddress, parseHex32, type Hex32 } from '#domain';
import { panelOf } from '../../../test/support/panel.js';
import { createChainSource } from './chain-source.js';
import { networkProfile, type NetworkProfile } from './chains.js';
import { RpcError } from './json-rpc.js';
import type { EvmRpc, LogFilter } from './rpc.js';

const TOKEN = parseEvmAddress(`0x${'70'.repeat(20)}`);
const WALLET = parseEvmAddress(`0x${'aa'.repeat(20)}`);
const LOCAL = networkProfile('local') as NetworkProfile;
const hash = (n: number): Hex32 => parseHex32(`0x${n.toString(16).padStart(64, '0')}`);

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
});
