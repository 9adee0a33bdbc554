import { inject } from 'vitest';
import type { Address, Hex } from 'viem';
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts';
import { chainClients, fundGas, LOCAL_TOKEN, mintUsdc, usdcAbi } from '../../apps/local/src/chain.js';
import { LOCAL_CHAIN_ID } from '../../apps/local/src/services/index.js';

export {
  asTokenOwner,
  chainClients,
  fundGas,
  LOCAL_TOKEN,
  mintUsdc,
  prepareChain,
  usdcAbi,
  usdcBalance,
} from '../../apps/local/src/chain.js';

/** A fresh account on the run's shared node, so that tests do not see each other. `usdc` in millionths of a dollar. */
export async function freshAccount({ usdc = 0n, gas = true, rpcUrl = inject('rpcUrl') } = {}) {
  const privateKey = generatePrivateKey();
  const account = privateKeyToAccount(privateKey);
  if (gas) await fundGas(rpcUrl, account.address);
  if (usdc > 0n) await mintUsdc(rpcUrl, account.address, usdc);
  return Object.assign(account, { privateKey });
}

/** The public EIP-712 domain of the local token. */
export const usdcDomain = {
  name: 'USDC',
  version: '2',
  chainId: LOCAL_CHAIN_ID,
  verifyingContract: LOCAL_TOKEN,
} as const;

const authorizationFields = [
  { name: 'from', type: 'address' },
  { name: 'to', type: 'address' },
  { name: 'value', type: 'uint256' },
  { name: 'validAfter', type: 'uint256' },
  { name: 'validBefore', type: 'uint256' },
  { name: 'nonce', type: 'bytes32' },
] as const;

export const eip3009Types = {
  TransferWithAuthorization: authorizationFields,
  ReceiveWithAuthorization: authorizationFields,
  CancelAuthorization: [
    { name: 'authorizer', type: 'address' },
    { name: 'nonce', type: 'bytes32' },
  ],
} as const;

/**
 * How often an account was charged, counted from the token's own logs: the judge of every "paid once" test.
 * Each entry is one transfer out.
 */
export async function chargesOf(
  payer: Address,
  rpcUrl = inject('rpcUrl'),
): Promise<readonly { to: Address; valueAtomic: bigint; transaction: Hex }[]> {
  const { reader } = chainClients(rpcUrl);
  const logs = await reader.getContractEvents({
    address: LOCAL_TOKEN,
    abi: usdcAbi,
    eventName: 'Transfer',
    args: { from: payer },
    fromBlock: 0n,
    strict: true,
  });
  return logs.map((log) => ({
    to: log.args.to,
    valueAtomic: log.args.value,
    transaction: log.transactionHash,
  }));
}
