import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { decodeFunctionData, encodeFunctionResult, multicall3Abi, type Hex } from 'viem';
import { address, hex32 } from '../../../test/support/builders.js';
import { USDC_NETWORK } from '../../../test/support/facilitator-requests.js';
import type { Payment } from '#engine';
import { panelOf } from '../../../test/support/panel.js';
import { createPaymentChecks } from './payment-checks.js';
import { createEvmRpc } from './rpc.js';

const DIGEST = hex32(0xd1);
const YES: Hex = `0x1626ba7e${'0'.repeat(56)}`;
const word = (value: number): Hex => `0x${value.toString(16).padStart(64, '0')}`;

const transfer = (nonce: number, signature: Uint8Array = new Uint8Array(65).fill(27)): Payment => ({
  method: 'eip3009',
  network: USDC_NETWORK,
  token: address(0x70),
  from: address(0xaa),
  to: address(0xbb),
  value: 5n,
  validAfterSec: 0,
  validBeforeSec: 1_900_000_000,
  nonce: hex32(nonce),
  signature,
});

const many = (count: number) => Array.from({ length: count }, (_, index) => transfer(index));

/** Selector of a call to its answer; undefined: it reverts. */
type Answers = Readonly<Record<string, Hex | undefined>>;
const GOOD: Answers = {
  '0x70a08231': word(7),
  '0xe94a0102': word(0),
  '0x1626ba7e': '0x',
  '0xe3ee160e': '0x',
  '0xcf092995': '0x',
};

let answers: Answers;
/** Words of the addresses that have code. */
const withCode = new Set<string>();
const PROGRAM_DIGITS = 62;
let multicall: 'there' | 'absent' | 'out of gas';
let bodies: { method: string; params: readonly [{ to: string; data: Hex }] }[][];
let server: Server;

function replyTo(call: { to?: string; data: Hex }): { result?: Hex; error?: object } {
  // Which of the appended addresses have code.
  if (call.to === undefined) {
    const asked = call.data.slice(2 + PROGRAM_DIGITS).match(/.{64}/g) ?? [];
    return { result: `0x${asked.map((it) => word(withCode.has(it) ? 1 : 0).slice(2)).join('')}` };
  }
  if (call.to.toLowerCase() === '0xca11bde05977b3631167028862be2a173976ca11') {
    if (multicall === 'absent') return { result: '0x' };
    if (multicall === 'out of gas') return { error: { code: 3, message: 'execution reverted' } };
    const [calls] = decodeFunctionData({ abi: multicall3Abi, data: call.data }).args as unknown as [
      { callData: Hex }[],
    ];
    const result = calls.map(({ callData }) => {
      const answer = answers[callData.slice(0, 10)];
      return { success: answer !== undefined, returnData: answer ?? '0x' };
    });
    return { result: encodeFunctionResult({ abi: multicall3Abi, functionName: 'aggregate3', result }) };
  }
  const result = answers[call.data.slice(0, 10)];
  return result === undefined ? { error: { code: 3, message: 'execution reverted' } } : { result };
}

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

beforeEach(async () => {
  answers = GOOD;
  withCode.clear();
  multicall = 'there';
  bodies = [];
  server = createServer((request, response) => {
    void textOf(request).then((text) => {
      const batch = JSON.parse(text) as { id: number; method: string; params: [{ to: string; data: Hex }] }[];
      bodies.push(batch.filter((call) => call.method === 'eth_call'));
      const replies = batch.map((call) => ({
        id: call.id,
        ...(call.method === 'eth_chainId' ? { result: '0x14a34' } : replyTo(call.params[0])),
      }));
      response.end(JSON.stringify(replies));
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
});
afterEach(() => {
  server.closeAllConnections();
  server.close();
});

function checks() {
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const rpc = createEvmRpc({ url, chainId: 84532 });
  return createPaymentChecks({ panels: new Map([[USDC_NETWORK, panelOf([rpc])]]) });
}

describe('what the chain says of a payment', () => {
  it('is one call, with the transfer after everything that it would change', async () => {
    expect(await checks().factsOf(transfer(1), DIGEST)).toEqual({
      balance: 7n,
      nonceUsed: false,
      payer: 'account',
      transferable: true,
      allowance: null,
      deployed: true,
    });
    expect(bodies).toHaveLength(1);
    const [calls] = decodeFunctionData({ abi: multicall3Abi, data: bodies[0]?.[0]?.params[0].data ?? '0x' })
      .args as unknown as [{ callData: Hex }[]];
    expect(calls.map((it) => it.callData.slice(0, 10))).toEqual([
      '0x70a08231',
      '0xe94a0102',
      '0x1626ba7e',
      '0xe3ee160e',
    ]);
  });

  it.each([
    [{ '0x1626ba7e': YES }, { payer: 'accepts' }],
    [{ '0x1626ba7e': word(1) }, { payer: 'refuses' }],
    [{ '0x1626ba7e': undefined }, { payer: 'refuses' }],
    // A precompile that gives back what it is asked begins with the right four bytes too.
    [{ '0x1626ba7e': `${YES}00` as const }, { payer: 'refuses' }],
    [{ '0xe3ee160e': undefined }, { transferable: false }],
    [{ '0xe94a0102': word(1) }, { nonceUsed: true }],
    [{ '0xe94a0102': word(2) }, { nonceUsed: undefined }],
    [
      { '0x70a08231': '0x' as const, '0xe94a0102': '0x' as const },
      { balance: undefined, nonceUsed: undefined },
    ],
  ] as const)('reads %j as %j', async (said, facts) => {
    answers = { ...GOOD, ...said };
    expect(await checks().factsOf(transfer(1), DIGEST)).toMatchObject(facts);
  });

  it('asks with the bytes of the signature where it is not made by a key', async () => {
    answers = { ...GOOD, '0xe3ee160e': undefined, '0x1626ba7e': YES };
    const facts = await checks().factsOf(transfer(1, new Uint8Array(130)), DIGEST);
    expect(facts).toMatchObject({ payer: 'accepts', transferable: true });
  });

  it.each(['absent', 'out of gas'] as const)('is the same where Multicall3 is %s', async (state) => {
    multicall = state;
    answers = { ...GOOD, '0xe3ee160e': undefined };
    const beside = { allowance: null, deployed: true };
    const facts = { balance: 7n, nonceUsed: false, payer: 'account', transferable: false, ...beside };
    expect(await checks().factsOf(transfer(1), DIGEST)).toEqual(facts);
  });

  it('comes from the next RPC when the first is away, and from nowhere on an unknown network', async () => {
    const good = createEvmRpc({
      url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      chainId: 84532,
    });
    const away = createEvmRpc({ url: 'http://127.0.0.1:1', chainId: 84532 });
    const asking = createPaymentChecks({ panels: new Map([[USDC_NETWORK, panelOf([away, good])]]) });
    expect((await asking.factsOf(transfer(1), DIGEST)).balance).toBe(7n);
    await expect(createPaymentChecks({ panels: new Map() }).factsOf(transfer(1), DIGEST)).rejects.toThrow(
      'wrong_chain',
    );
  });
});

describe('whether payments would succeed', () => {
  it('is asked of fifty at once in a call or two, of nothing but the transfers', async () => {
    const asking = checks();
    const asked = many(50).map(async (it, index) => {
      // As requests arrive: not all in one turn of the event loop.
      if (index % 2 === 1) await new Promise(setImmediate);
      return asking.transferable(it);
    });
    expect((await Promise.all(asked)).every(Boolean)).toBe(true);
    expect(bodies.flat().length).toBeLessThanOrEqual(4);
    expect(bodies.length).toBeLessThanOrEqual(2);
  });

  it('waits for nobody when it is asked of one', async () => {
    expect(await checks().transferable(transfer(1))).toBe(true);
    answers = { ...GOOD, '0xe3ee160e': undefined };
    expect(await checks().transferable(transfer(1))).toBe(false);
    const asked = bodies.flat().map((call) => call.params[0].to);
    expect(asked).toEqual([undefined, address(0x70), undefined, address(0x70)]);
  });

  it('has no word for a payer with code, and keeps it apart from the others', async () => {
    const asking = checks();
    const tricky = { ...transfer(9), from: address(0xcc) };
    withCode.add(address(0xcc).slice(2).padStart(64, '0'));
    const asked = [transfer(1), tricky, transfer(2)].map((it) => asking.transferable(it));
    expect(await Promise.all(asked)).toEqual([true, false, true]);
  });

  it('lets no payment speak for another: whoever is paid in the same look is tried out alone', async () => {
    const asking = checks();
    const feeds = { ...transfer(3), to: address(0xee) };
    const fed = { ...transfer(4), from: address(0xee) };
    await Promise.all([transfer(1), feeds, fed].map((it) => asking.transferable(it)));
    const carried = bodies.flat().map((call) => call.params[0].data.includes(address(0xee).slice(2)));
    const tried = bodies.flat().filter((call, index) => call.params[0].to !== undefined && carried[index]);
    expect(tried.map((call) => call.params[0].to === address(0x70))).toEqual([false, true]);
  });

  it.each(['absent', 'out of gas'] as const)('is the same where Multicall3 is %s', async (state) => {
    multicall = state;
    const asking = checks();
    expect(await Promise.all(many(3).map((it) => asking.transferable(it)))).toEqual([true, true, true]);
    answers = { ...GOOD, '0xe3ee160e': undefined };
    expect(await Promise.all(many(3).map((it) => asking.transferable(it)))).toEqual([false, false, false]);
  });
});
