import { parseEvmAddress, parseHex32, type Hex32 } from '#domain';
import { describe, expect, it } from 'vitest';
import { findForkPoint, scanRange } from './chain-watcher.js';
import { finalityWitnesses, finalizedBlock } from './finality.js';
import { RpcError } from './json-rpc.js';
import type { BlockHeader, EvmRpc, LogFilter, RawLog } from './rpc.js';
import { TOPICS } from './settlement-logs.js';

const hash = (n: number, fork = 0): Hex32 =>
  parseHex32(`0x${fork.toString(16).padStart(8, '0')}${n.toString(16).padStart(56, '0')}`);
const header = (number: number, fork = 0): BlockHeader => ({
  number,
  hash: hash(number, fork),
  parentHash: hash(number - 1, fork),
  timestampSec: 1_700_000_000 + number,
  baseFeePerGas: 0n,
});

/** A node whose chain leaves fork 0 after block `common`. */
function forkedNode(common: number, head: number): Pick<EvmRpc, 'block'> & { asked: number[] } {
  const asked: number[] = [];
  return {
    asked,
    block(at) {
      const number = typeof at === 'number' ? at : head;
      asked.push(number);
      return Promise.resolve(number > head ? undefined : header(number, number > common ? 1 : 0));
    },
  };
}

describe('the fork point', () => {
  const stored = Array.from({ length: 40 }, (_, i) => ({ number: 100 + i, hash: hash(100 + i) }));

  it.each([139, 138, 131, 130, 117, 100])('is the newest block both sides hold: %i', async (common) => {
    expect(await findForkPoint(stored, forkedNode(common, 150))).toEqual({
      number: common,
      hash: hash(common),
    });
  });

  it('is found when the new chain is shorter', async () => {
    expect(await findForkPoint(stored, forkedNode(120, 122))).toEqual({ number: 120, hash: hash(120) });
  });

  it('does not exist when the reorg is deeper than the memory', async () => {
    expect(await findForkPoint(stored, forkedNode(99, 150))).toBeUndefined();
    expect(await findForkPoint([], forkedNode(99, 150))).toBeUndefined();
  });

  it('costs one step of header reads for a shallow reorg', async () => {
    const node = forkedNode(137, 150);
    await findForkPoint(stored, node);
    expect(node.asked).toHaveLength(8);
  });
});

const TOKEN = parseEvmAddress(`0x${'a'.repeat(40)}`);
const wallet = (i: number) => parseEvmAddress(`0x${i.toString(16).padStart(40, '0')}`);

function logAt(blockNumber: number, address = TOKEN): RawLog {
  return {
    address,
    topics: [TOPICS.authorizationUsed, parseHex32(`0x${'1'.padStart(64, '0')}`), hash(blockNumber)],
    data: '0x',
    txHash: hash(blockNumber),
    blockNumber,
    blockHash: hash(blockNumber),
    logIndex: 0,
  };
}

function logNode(answer: (filter: LogFilter) => readonly RawLog[]) {
  const asked: LogFilter[] = [];
  const rpc = {
    logs(filter: LogFilter) {
      asked.push(filter);
      return Promise.resolve().then(() => answer(filter));
    },
  } as unknown as EvmRpc;
  return { rpc, asked };
}

const inRange = (filter: LogFilter) =>
  [10, 11, 12, 13].filter((n) => n >= filter.fromBlock && n <= filter.toBlock);

describe('scanning a range', () => {
  it('is one query for all tokens, events and up to 500 wallets', async () => {
    const { rpc, asked } = logNode((filter) => inRange(filter).map((n) => logAt(n)));
    const wallets = Array.from({ length: 500 }, (_, i) => wallet(i + 1));
    const events = await scanRange(rpc, { tokens: [TOKEN], wallets }, { fromBlock: 10, toBlock: 13 });
    expect(events.map((event) => event.blockNumber)).toEqual([10, 11, 12, 13]);
    expect(asked).toHaveLength(1);
    expect(asked[0]?.topics[0]).toEqual([
      TOPICS.authorizationUsed,
      TOPICS.authorizationCanceled,
      TOPICS.transfer,
      TOPICS.approval,
    ]);
    expect(asked[0]?.topics[1]).toHaveLength(500);
    expect(asked[0]?.topics[1]?.[0]).toBe(`0x${'1'.padStart(64, '0')}`);
  });

  it('splits above 500 wallets and asks nothing without wallets, tokens or blocks', async () => {
    const { rpc, asked } = logNode(() => []);
    const wallets = Array.from({ length: 1_001 }, (_, i) => wallet(i + 1));
    await scanRange(rpc, { tokens: [TOKEN], wallets }, { fromBlock: 10, toBlock: 13 });
    expect(asked.map((filter) => filter.topics[1]?.length)).toEqual([500, 500, 1]);
    await scanRange(rpc, { tokens: [TOKEN], wallets: [] }, { fromBlock: 10, toBlock: 13 });
    await scanRange(rpc, { tokens: [], wallets }, { fromBlock: 10, toBlock: 13 });
    await scanRange(rpc, { tokens: [TOKEN], wallets }, { fromBlock: 14, toBlock: 13 });
    expect(asked).toHaveLength(3);
  });

  it('halves the range until the provider is content, without losing or repeating a log', async () => {
    const { rpc } = logNode((filter) => {
      const blocks = inRange(filter);
      if (blocks.length > 1) throw new RpcError('range_too_large', 'eth_getLogs');
      return blocks.map((n) => logAt(n));
    });
    const events = await scanRange(
      rpc,
      { tokens: [TOKEN], wallets: [wallet(1)] },
      { fromBlock: 10, toBlock: 13 },
    );
    expect(events.map((event) => event.blockNumber)).toEqual([10, 11, 12, 13]);
  });

  it('gives up on one block that is too large, and on every other fault at once', async () => {
    const tooLarge = logNode(() => {
      throw new RpcError('range_too_large', 'eth_getLogs');
    });
    const watched = { tokens: [TOKEN], wallets: [wallet(1)] };
    await expect(scanRange(tooLarge.rpc, watched, { fromBlock: 10, toBlock: 11 })).rejects.toThrow(RpcError);
    const down = logNode(() => {
      throw new RpcError('timeout', 'eth_getLogs');
    });
    await expect(scanRange(down.rpc, watched, { fromBlock: 10, toBlock: 13 })).rejects.toThrow('timeout');
    expect(down.asked).toHaveLength(1);
  });

  it.each([
    ['a block outside the range', logAt(14)],
    ['another token', logAt(11, parseEvmAddress(`0x${'b'.repeat(40)}`))],
  ])('refuses an answer with %s', async (_what, log) => {
    const { rpc } = logNode(() => [log]);
    const scan = scanRange(rpc, { tokens: [TOKEN], wallets: [wallet(1)] }, { fromBlock: 10, toBlock: 13 });
    await expect(scan).rejects.toThrow('bad_response');
  });
});

describe('finality', () => {
  it('by depth is that many blocks below the newest, and nothing on a younger chain', async () => {
    const rule = { kind: 'depth', blocks: 2 } as const;
    expect((await finalizedBlock(forkedNode(200, 150), rule))?.number).toBe(148);
    expect(await finalizedBlock(forkedNode(200, 1), rule)).toBeUndefined();
  });

  it('is witnessed only by nodes that hold the very block and call it final', async () => {
    const rule = { kind: 'depth', blocks: 2 } as const;
    const good = forkedNode(200, 150);
    const forked = forkedNode(140, 150);
    const behind = forkedNode(200, 144);
    const block = { number: 145, hash: hash(145) };
    expect(await finalityWitnesses([good, good], rule, block)).toBe(2);
    expect(await finalityWitnesses([good, forked], rule, block)).toBe(1);
    expect(await finalityWitnesses([good, behind], rule, block)).toBe(1);
    const silent = { block: () => Promise.reject(new RpcError('timeout', 'eth_getBlockByNumber')) };
    await expect(finalityWitnesses([good, silent], rule, block)).rejects.toThrow(RpcError);
  });
});
