// Permit2 messages signed by viem with the types of the x402 SDK: neither knows our own encoding.
import { permit2WitnessTypes, uptoPermit2WitnessTypes } from '@x402/evm';
import { maxUint256, type Address, type Hex } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import {
  chainClients,
  EXACT_PERMIT2_PROXY,
  fundGas,
  LOCAL_TOKEN,
  PERMIT2,
  UPTO_PERMIT2_PROXY,
  usdcAbi,
} from '../../apps/local/src/chain.js';
import { LOCAL_CHAIN_ID } from '../../apps/local/src/services/index.js';

export { EXACT_PERMIT2_PROXY, PERMIT2, UPTO_PERMIT2_PROXY } from '../../apps/local/src/chain.js';

/** What the payer signs; a facilitator makes it a message of the scheme `upto`. */
export interface Permit2Terms {
  readonly token?: Address;
  readonly to: Address;
  /** What may be charged at most; all of it in the scheme `exact`. */
  readonly amount: bigint;
  readonly nonce: bigint;
  readonly deadlineSec: number;
  readonly validAfterSec?: number;
  readonly facilitator?: Address;
  readonly spender?: Address;
}

export const permit2Domain = {
  name: 'Permit2',
  chainId: LOCAL_CHAIN_ID,
  verifyingContract: PERMIT2,
} as const;

/** For viem's signTypedData, hashTypedData and the like. */
export function typedPermit2(terms: Permit2Terms) {
  const { token = LOCAL_TOKEN, to, amount, nonce, deadlineSec, validAfterSec = 0, facilitator } = terms;
  const upto = facilitator !== undefined;
  const witness = { to, ...(upto ? { facilitator } : {}), validAfter: BigInt(validAfterSec) };
  return {
    domain: permit2Domain,
    types: upto ? uptoPermit2WitnessTypes : permit2WitnessTypes,
    primaryType: 'PermitWitnessTransferFrom',
    message: {
      permitted: { token, amount },
      spender: terms.spender ?? (upto ? UPTO_PERMIT2_PROXY : EXACT_PERMIT2_PROXY),
      nonce,
      deadline: BigInt(deadlineSec),
      witness,
    },
  } as const;
}

export async function signPermit2(privateKey: Hex, terms: Permit2Terms): Promise<Hex> {
  return privateKeyToAccount(privateKey).signTypedData(typedPermit2(terms));
}

/** The payer's own transaction, which Permit2 needs once per token: an allowance. */
export async function allowPermit2(rpcUrl: string, owner: Address, amount = maxUint256): Promise<void> {
  const { node, wallet, reader } = chainClients(rpcUrl);
  await node.impersonateAccount({ address: owner });
  await fundGas(rpcUrl, owner);
  const hash = await wallet.writeContract({
    address: LOCAL_TOKEN,
    abi: usdcAbi,
    functionName: 'approve',
    args: [PERMIT2, amount],
    account: owner,
  });
  await reader.waitForTransactionReceipt({ hash });
}
