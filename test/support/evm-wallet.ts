// A wallet of ours on a local node, and what both sides know of the token there.
import { expect } from 'vitest';
import { encodeFunctionData, multicall3Abi, type Address, type Hex } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import {
  parseCaip2,
  parseEvmAddress,
  parseHex32,
  type Authorization,
  type Hex32,
  type WalletId,
} from '#domain';
import {
  createEvmRpc,
  decodePrivateKey,
  hasherOf,
  networkProfile,
  openAuthorizationKey,
  toHex,
  type EvmRpc,
} from '#evm';
import { chainClients, freshAccount, LOCAL_TOKEN, usdcAbi } from './chain.js';

export const NETWORK = parseCaip2('eip155:84532');
export const TOKEN = parseEvmAddress(LOCAL_TOKEN);
export const MULTICALL3: Address = '0xcA11bde05977b3631167028862bE2a173976CA11';
export const PAYEE = parseEvmAddress(`0x${'5e'.repeat(20)}`);
export const LOCAL = networkProfile('local') ?? expect.fail('no local profile');
const FAR_SEC = 4_000_000_000;

export const clientOf = (url: string): EvmRpc => createEvmRpc({ url, chainId: LOCAL.chainId });

let serial = 0;
export function freshNonce(): Hex32 {
  serial += 1;
  return parseHex32(`0x${serial.toString(16).padStart(64, '0')}`);
}

/** A wallet of ours on a node, with the calls that settle what it signed. */
export async function walletOn(url: string) {
  const { privateKey } = await freshAccount({ usdc: 1_000_000n, rpcUrl: url });
  const key = openAuthorizationKey(decodePrivateKey(privateKey));
  const hasher = hasherOf(NETWORK, TOKEN) ?? expect.fail('the local token is not registered');
  const clients = chainClients(url);
  const account = privateKeyToAccount(privateKey);

  const authorize = (value: bigint, nonce = freshNonce()): Authorization => ({
    method: 'eip3009',
    network: NETWORK,
    token: TOKEN,
    walletId: 'wal_00000000000000000000000000' as WalletId,
    from: key.address,
    to: PAYEE,
    value,
    validAfterSec: 0,
    validBeforeSec: FAR_SEC,
    nonce,
    digest: parseHex32(`0x${'0'.repeat(64)}`),
  });
  const transferCall = (authorization: Authorization): Hex =>
    encodeFunctionData({
      abi: usdcAbi,
      functionName: 'transferWithAuthorization',
      args: [
        authorization.from,
        authorization.to,
        authorization.value,
        BigInt(authorization.validAfterSec),
        BigInt(authorization.validBeforeSec),
        authorization.nonce,
        toHex(key.signTransfer(hasher, authorization).signature),
      ],
    });
  const send = async (to: Address, data: Hex): Promise<Hex32> => {
    const hash = await clients.wallet.sendTransaction({ account, to, data });
    const receipt = await clients.reader.waitForTransactionReceipt({ hash });
    expect(receipt.status).toBe('success');
    return parseHex32(hash);
  };
  return {
    address: key.address,
    authorize,
    settle: (authorization: Authorization) => send(LOCAL_TOKEN, transferCall(authorization)),
    settleTogether: (authorizations: readonly Authorization[]) =>
      send(
        MULTICALL3,
        encodeFunctionData({
          abi: multicall3Abi,
          functionName: 'aggregate3',
          args: [
            authorizations.map((a) => ({
              target: LOCAL_TOKEN,
              allowFailure: false,
              callData: transferCall(a),
            })),
          ],
        }),
      ),
    cancel: (authorization: Authorization) =>
      send(
        LOCAL_TOKEN,
        encodeFunctionData({
          abi: usdcAbi,
          functionName: 'cancelAuthorization',
          args: [
            authorization.from,
            authorization.nonce,
            toHex(key.signCancel(hasher, authorization).signature),
          ],
        }),
      ),
    pay: (value: bigint) =>
      send(LOCAL_TOKEN, encodeFunctionData({ abi: usdcAbi, functionName: 'transfer', args: [PAYEE, value] })),
  };
}
