// Permit2 messages signed by viem with the types of the x402 SDK: neither knows our own encoding.
import { randomBytes } from 'node:crypto';
import { permit2WitnessTypes, uptoPermit2WitnessTypes } from '@x402/evm';
import { maxUint256, type Address, type Hex } from 'viem';
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts';
import { parseCaip2, parseEvmAddress, parseHex32, type EvmAddress } from '#domain';
import type { Permit2Transfer, UptoTransfer } from '#engine';
import {
  chainClients,
  EXACT_PERMIT2_PROXY,
  fundGas,
  LOCAL_NETWORK,
  LOCAL_TOKEN,
  mintUsdc,
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

export interface Permit2Payer {
  readonly address: EvmAddress;
  readonly privateKey: Hex;
  /** A good payment of the scheme `exact`; `changes` are signed too. */
  permit(changes?: Partial<Permit2Transfer>): Promise<Permit2Transfer>;
  /** A good payment of the scheme `upto`. */
  upto(facilitator: EvmAddress, changes?: Partial<UptoTransfer>): Promise<UptoTransfer>;
}

/** With test USDC, and unless told otherwise with an allowance for Permit2. */
export async function aPermit2Payer(
  rpcUrl: string,
  { usdc = 1_000_000n, allowance = maxUint256 } = {},
): Promise<Permit2Payer> {
  const privateKey = generatePrivateKey();
  const { address } = privateKeyToAccount(privateKey);
  await mintUsdc(rpcUrl, address, usdc);
  if (allowance > 0n) await allowPermit2(rpcUrl, address, allowance);
  const from = parseEvmAddress(address);
  const terms = () => ({
    network: parseCaip2(LOCAL_NETWORK),
    token: parseEvmAddress(LOCAL_TOKEN),
    from,
    to: parseEvmAddress(`0x${randomBytes(20).toString('hex')}`),
    value: 10_000n,
    validAfterSec: 0,
    validBeforeSec: 4_000_000_000,
    nonce: parseHex32(`0x${randomBytes(32).toString('hex')}`),
  });
  const sign = async (it: Omit<Permit2Transfer, 'signature' | 'method'>, facilitator?: EvmAddress) => {
    const signature = await signPermit2(privateKey, {
      token: it.token,
      to: it.to,
      amount: it.value,
      nonce: BigInt(it.nonce),
      deadlineSec: it.validBeforeSec,
      validAfterSec: it.validAfterSec,
      ...(facilitator === undefined ? {} : { facilitator }),
    });
    return Buffer.from(signature.slice(2), 'hex');
  };
  return {
    address: from,
    privateKey,
    async permit(changes = {}) {
      const all = { ...terms(), ...changes };
      return { ...all, method: 'permit2', signature: changes.signature ?? (await sign(all)) };
    },
    async upto(facilitator, changes = {}) {
      const all = { ...terms(), ceiling: 50_000n, ...changes, facilitator, method: 'upto' as const };
      return {
        ...all,
        signature: changes.signature ?? (await sign({ ...all, value: all.ceiling }, facilitator)),
      };
    },
  };
}
