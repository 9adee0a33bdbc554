import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { address } from '../../../test/support/builders.js';
import { codesIn } from './code-sizes.js';
import { createEvmRpc } from './rpc.js';

const word = (value: string): string => value.padStart(64, '0');
let close = (): void => undefined;
afterEach(() => close());

/** A node that answers a call without a target with this, and has code at one address. */
async function node(answer: { readonly result: string } | { readonly error: object }, contract: string) {
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const calls = JSON.parse(Buffer.concat(chunks).toString()) as {
        id: number;
        method: string;
        params: string[];
      }[];
      const replies = calls.map(({ id, method, params }) => {
        if (method === 'eth_chainId') return { id, result: '0x1' };
        return {
          id,
          ...(method === 'eth_call' ? answer : { result: params[0] === contract ? '0x60' : '0x' }),
        };
      });
      response.end(JSON.stringify(replies));
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  close = () => server.close();
  return createEvmRpc({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, chainId: 1 });
}

describe('which addresses have code', () => {
  it('is one word per address', () => {
    expect(codesIn(`0x${word('')}${word('17')}${word('5f0')}`, 3)).toEqual([false, true, true]);
  });

  it('is not read from an answer of another length', () => {
    expect(codesIn(`0x${word('')}`, 2)).toBeUndefined();
    expect(codesIn(undefined, 1)).toBeUndefined();
  });

  it.each([{ result: '0x' }, { error: { code: 3, message: 'execution reverted' } }])(
    'is asked one by one of a node that answers %j to a call without a target',
    async (answer) => {
      const rpc = await node(answer, address(2));
      expect(await rpc.hasCode([address(1), address(2)])).toEqual([false, true]);
    },
  );
});
