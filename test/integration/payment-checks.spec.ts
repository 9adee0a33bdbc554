// What a real node and the real token say of a signed transfer.
import { parseAbi } from 'viem';
import { beforeAll, describe, expect, inject, it } from 'vitest';
import type { Eip3009Transfer } from '#engine';
import { readArtifact } from '../../apps/local/src/contracts/artifacts.js';
import {
  createEvmRpc,
  createPaymentChecks,
  decodePrivateKey,
  hasherOf,
  openAuthorizationKey,
  signDigest,
  toHex,
  type AuthorizationKey,
} from '#evm';
import { parseEvmAddress, parseHex32, type EvmAddress, type Hex32 } from '#domain';
import { panelOf } from '../support/panel.js';
import { chainClients, freshAccount, LOCAL_TOKEN, mintUsdc, usdcAbi } from '../support/chain.js';
import { PAYEE, USDC, USDC_NETWORK } from '../support/facilitator-requests.js';

import { hex32 } from '../support/builders.js';

let key: AuthorizationKey;
let account: Awaited<ReturnType<typeof freshAccount>>;
beforeAll(async () => {
  account = await freshAccount({ usdc: 10_000n });
  key = openAuthorizationKey(decodePrivateKey(account.privateKey));
});

function signed(
  nonce: number,
  value = 10_000n,
  from: EvmAddress = key.address,
): { transfer: Eip3009Transfer; digest: Hex32 } {
  const hasher = hasherOf(USDC_NETWORK, USDC.token);
  if (hasher === undefined) throw new Error('not registered');
  const tuple = {
    from,
    to: PAYEE,
    value,
    validAfterSec: 0,
    validBeforeSec: 4_000_000_000,
    nonce: hex32(nonce),
  };
  const digest = hasher.transferDigest(tuple);
  const signature = signDigest(digest, decodePrivateKey(account.privateKey));
  return {
    transfer: { method: 'eip3009', ...tuple, network: USDC_NETWORK, token: USDC.token, signature },
    digest: parseHex32(toHex(digest)),
  };
}

const rpc = () => createEvmRpc({ url: inject('rpcUrl'), chainId: 84532 });
const checks = () => createPaymentChecks({ panels: new Map([[USDC_NETWORK, panelOf([rpc()])]]) });
const beside = { allowance: null, deployed: true };
const good = { balance: 10_000n, nonceUsed: false, payer: 'account', transferable: true, ...beside };

describe('a transfer on a real chain', () => {
  it('that would succeed is told so, and nothing has happened to it', async () => {
    const { transfer, digest } = signed(1);
    expect(await checks().factsOf(transfer, digest)).toEqual(good);
    expect(await checks().factsOf(transfer, digest)).toEqual(good);
  });

  it('would not succeed with a broken signature, too little money or before its time', async () => {
    const { transfer, digest } = signed(1);
    const broken = {
      ...transfer,
      signature: transfer.signature.map((byte, at) => (at === 5 ? byte ^ 1 : byte)),
    };
    const bytes = { ...transfer, signature: new Uint8Array(90) };
    const early = { ...transfer, validAfterSec: 3_999_999_999 };
    const facts = await Promise.all([broken, bytes, early].map((it) => checks().factsOf(it, digest)));
    for (const fact of facts) expect(fact).toEqual({ ...good, transferable: false });
    const much = signed(1, 10_001n);
    expect(await checks().factsOf(much.transfer, much.digest)).toEqual({ ...good, transferable: false });
  });

  it('says nothing about the token where there is none', async () => {
    const { transfer, digest } = signed(1);
    const facts = await checks().factsOf({ ...transfer, token: PAYEE }, digest);
    expect(facts).toMatchObject({ balance: undefined, nonceUsed: undefined });
  });

  it('of a contract wallet is what the contract says', async () => {
    const { wallet, reader } = chainClients(inject('rpcUrl'));
    const hash = await wallet.deployContract({
      account,
      abi: parseAbi(['constructor(address owner)']),
      bytecode: readArtifact('TestContractWallet').creation,
      args: [account.address],
    });
    const { contractAddress } = await reader.waitForTransactionReceipt({ hash });
    const payer = parseEvmAddress(contractAddress);
    await mintUsdc(inject('rpcUrl'), payer, 10_000n);
    const { transfer, digest } = signed(1, 10_000n, payer);
    expect(await checks().factsOf(transfer, digest)).toEqual({ ...good, payer: 'accepts' });
    const refused = { ...good, payer: 'refuses', transferable: false };
    expect(await checks().factsOf({ ...transfer, signature: new Uint8Array(65) }, digest)).toEqual(refused);
    expect(await checks().factsOf({ ...transfer, signature: new Uint8Array(200) }, digest)).toEqual(refused);
  });

  it('has used its nonce once it is settled', async () => {
    const { transfer, digest } = signed(2);
    const { wallet, reader } = chainClients(inject('rpcUrl'));
    const hash = await wallet.writeContract({
      account,
      address: LOCAL_TOKEN,
      abi: usdcAbi,
      functionName: 'transferWithAuthorization',
      args: [
        transfer.from,
        transfer.to,
        transfer.value,
        BigInt(transfer.validAfterSec),
        BigInt(transfer.validBeforeSec),
        transfer.nonce,
        toHex(transfer.signature),
      ],
    });
    await reader.waitForTransactionReceipt({ hash });
    expect(await checks().factsOf(transfer, digest)).toEqual({
      balance: 0n,
      nonceUsed: true,
      payer: 'account',
      transferable: false,
      ...beside,
    });
  });
});
