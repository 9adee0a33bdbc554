// A wallet of ours whose payments go through Permit2's proxies on a local node, sent by an account of somebody else.
import { x402ExactPermit2ProxyABI, x402UptoPermit2ProxyABI } from '@x402/evm';
import { expect } from 'vitest';
import { encodeFunctionData, multicall3Abi, type Address, type Hex } from 'viem';
import { parseEvmAddress, parseHex32, type Authorization, type Hex32, type WalletId } from '#domain';
import { decodePrivateKey, hasherFor, openAuthorizationKey, PROXY_OF, toHex } from '#evm';
import { chainClients, freshAccount } from './chain.js';
import { freshNonce, MULTICALL3, NETWORK, PAYEE, TOKEN } from './evm-wallet.js';
import { allowPermit2 } from './permit2.js';

export interface Call {
  readonly to: Address;
  readonly data: Hex;
}

/** One transaction through Multicall3, in which each may fail without the others. */
export const together = (calls: readonly Call[]): Call => ({
  to: MULTICALL3,
  data: encodeFunctionData({
    abi: multicall3Abi,
    functionName: 'aggregate3',
    args: [calls.map(({ to, data }) => ({ target: to, allowFailure: true, callData: data }))],
  }),
});

export async function permit2WalletOn(url: string) {
  const { privateKey } = await freshAccount({ usdc: 1_000_000n, rpcUrl: url });
  const key = openAuthorizationKey(decodePrivateKey(privateKey));
  await allowPermit2(url, key.address);
  const sender = await freshAccount({ rpcUrl: url });
  const facilitator = parseEvmAddress(sender.address);
  const clients = chainClients(url);

  const authorize = (method: 'permit2' | 'upto', value: bigint, over: Partial<Authorization> = {}) => {
    const tuple = {
      method,
      ...(method === 'upto' ? { facilitator } : {}),
      network: NETWORK,
      token: TOKEN,
      walletId: 'wal_00000000000000000000000000' as WalletId,
      from: key.address,
      to: PAYEE,
      value,
      validAfterSec: 0,
      validBeforeSec: 4_000_000_000,
      nonce: freshNonce(),
      digest: parseHex32(`0x${'0'.repeat(64)}`),
      ...over,
    };
    return tuple satisfies Authorization as Authorization;
  };
  /** The call that settles it, with `charge` where the method lets the seller choose. */
  const callOf = (authorization: Authorization, charge = authorization.value): Call => {
    const { method, network, token } = authorization;
    if (method === 'eip3009' || method === 'allowance') return expect.fail('not by Permit2');
    const hasher = hasherFor({ network, token, method }) ?? expect.fail('not registered');
    const signature = toHex(key.signTransfer(hasher, authorization).signature);
    const permit = {
      permitted: { token, amount: authorization.value },
      nonce: BigInt(authorization.nonce),
      deadline: BigInt(authorization.validBeforeSec),
    };
    const witness = { to: authorization.to, validAfter: BigInt(authorization.validAfterSec) };
    const chargedBy = authorization.facilitator ?? facilitator;
    const data =
      method === 'permit2'
        ? encodeFunctionData({
            abi: x402ExactPermit2ProxyABI,
            functionName: 'settle',
            args: [permit, authorization.from, witness, signature],
          })
        : encodeFunctionData({
            abi: x402UptoPermit2ProxyABI,
            functionName: 'settle',
            args: [permit, charge, authorization.from, { ...witness, facilitator: chargedBy }, signature],
          });
    return { to: PROXY_OF[method], data };
  };
  const send = async ({ to, data }: Call): Promise<Hex32> => {
    const hash = await clients.wallet.sendTransaction({ account: sender, to, data });
    const receipt = await clients.reader.waitForTransactionReceipt({ hash });
    expect(receipt.status).toBe('success');
    return parseHex32(hash);
  };
  return { address: key.address, authorize, callOf, send, sender };
}
