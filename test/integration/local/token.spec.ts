import { beforeEach, describe, expect, inject, it } from 'vitest';
import { encodeDeployData, parseAbi, parseSignature, type Address, type Hex } from 'viem';
import { compileContract } from '../../../apps/local/src/contracts/compile.js';
import { CONTRACT_NAMES, readArtifact } from '../../../apps/local/src/contracts/artifacts.js';
import {
  asTokenOwner,
  chainClients,
  chargesOf,
  eip3009Types,
  freshAccount,
  LOCAL_TOKEN,
  mintUsdc,
  usdcAbi,
  usdcBalance,
  usdcDomain,
} from '../../support/chain.js';

const token = { address: LOCAL_TOKEN, abi: usdcAbi } as const;
const nonce = `0x${'11'.repeat(32)}` as const;
const { reader, wallet } = chainClients(inject('rpcUrl'));

const tokenOwner = await reader.readContract({ ...token, functionName: 'owner' });
// `owner` (20 bytes) and `paused` share the first slot.
const slotZero: Hex = `0x${'00'.repeat(32)}`;
const pausedOwner: Hex = `0x${'01'.padStart(24, '0')}${tokenOwner.slice(2)}`;

type Account = Awaited<ReturnType<typeof freshAccount>>;
type Kind = 'TransferWithAuthorization' | 'ReceiveWithAuthorization';

let payer: Account;
let payee: Account;
let relayer: Account;
beforeEach(async () => {
  payer = await freshAccount({ usdc: 10_000n });
  payee = await freshAccount();
  relayer = await freshAccount();
});

interface Terms {
  from: Address;
  to: Address;
  value: bigint;
  validAfter: bigint;
  validBefore: bigint;
  nonce: Hex;
}

const terms = (changed: Partial<Terms> = {}): Terms => ({
  from: payer.address,
  to: payee.address,
  value: 4_000n,
  validAfter: 0n,
  validBefore: 4_000_000_000n,
  nonce,
  ...changed,
});

const sign = (
  message: Terms,
  primaryType: Kind = 'TransferWithAuthorization',
  signer = payer,
): Promise<Hex> => signer.signTypedData({ domain: usdcDomain, types: eip3009Types, primaryType, message });

const signCancel = (signer = payer): Promise<Hex> =>
  signer.signTypedData({
    domain: usdcDomain,
    types: eip3009Types,
    primaryType: 'CancelAuthorization',
    message: { authorizer: payer.address, nonce },
  });

function argumentsOf(t: Terms, signature: Hex, overload: 'bytes' | 'v,r,s') {
  const fields = [t.from, t.to, t.value, t.validAfter, t.validBefore, t.nonce] as const;
  if (overload === 'bytes') return [...fields, signature] as const;
  const { yParity, r, s } = parseSignature(signature);
  return [...fields, yParity + 27, r, s] as const;
}

/** Simulates first, as a facilitator does, so that a refusal shows its reason. */
async function transfer(t: Terms, signature: Hex, overload: 'bytes' | 'v,r,s' = 'bytes'): Promise<Hex> {
  const { request } = await reader.simulateContract({
    ...token,
    functionName: 'transferWithAuthorization',
    args: argumentsOf(t, signature, overload),
    account: relayer,
  });
  const hash = await wallet.writeContract(request);
  await reader.waitForTransactionReceipt({ hash });
  return hash;
}

describe('test USDC', () => {
  it.each(CONTRACT_NAMES)('%s: compiling the source again gives the committed bytes', (name) => {
    expect(compileContract(name)).toEqual(readArtifact(name));
  });

  it("has Base Sepolia USDC's domain separator", async () => {
    expect(await reader.readContract({ ...token, functionName: 'DOMAIN_SEPARATOR' })).toBe(
      '0x71f17a3b2ff373b803d70a5a07c046c1a2bc8e89c09ef722fcb047abe94c9818',
    );
  });

  it.each(['bytes', 'v,r,s'] as const)(
    'moves the money once under one authorization (%s overload) and says which nonce it used',
    async (overload) => {
      const signature = await sign(terms());
      const hash = await transfer(terms(), signature, overload);
      expect(await usdcBalance(inject('rpcUrl'), payee.address)).toBe(4_000n);
      expect(await chargesOf(payer.address)).toEqual([
        { to: payee.address, valueAtomic: 4_000n, transaction: hash },
      ]);
      const { blockHash } = await reader.getTransactionReceipt({ hash });
      const used = await reader.getContractEvents({ ...token, eventName: 'AuthorizationUsed', blockHash });
      expect(used.map((log) => log.args)).toEqual([{ authorizer: payer.address, nonce }]);
      await expect(transfer(terms(), signature, overload)).rejects.toThrow(
        'authorization is used or canceled',
      );
    },
  );

  it.each(['bytes', 'v,r,s'] as const)('lets only the payee receive (%s overload)', async (overload) => {
    const signature = await sign(terms(), 'ReceiveWithAuthorization');
    const call = {
      ...token,
      functionName: 'receiveWithAuthorization',
      args: argumentsOf(terms(), signature, overload),
    } as const;
    await expect(reader.simulateContract({ ...call, account: relayer })).rejects.toThrow(
      'caller must be the payee',
    );
    const { request } = await reader.simulateContract({ ...call, account: payee });
    await reader.waitForTransactionReceipt({ hash: await wallet.writeContract(request) });
    expect(await usdcBalance(inject('rpcUrl'), payee.address)).toBe(4_000n);
  });

  it.each([
    ['not yet valid', { validAfter: 3_900_000_000n }, 'authorization is not yet valid'],
    ['expired', { validBefore: 1n }, 'authorization is expired'],
    ['above the balance', { value: 10_001n }, 'transfer amount exceeds balance'],
  ] as const)('refuses an authorization that is %s', async (_, change, reason) => {
    await expect(transfer(terms(change), await sign(terms(change)))).rejects.toThrow(reason);
  });

  it('refuses terms other than the signed ones, another signer and the malleable twin of a signature', async () => {
    const signature = await sign(terms());
    await expect(transfer(terms({ value: 4_001n }), signature)).rejects.toThrow('invalid signature');
    await expect(transfer(terms(), await sign(terms(), 'TransferWithAuthorization', payee))).rejects.toThrow(
      'invalid signature',
    );
    const order = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;
    const { r, s, yParity } = parseSignature(signature);
    const highS = (order - BigInt(s)).toString(16).padStart(64, '0');
    const twin = `${r}${highS}${yParity === 0 ? '1c' : '1b'}` as const;
    await expect(transfer(terms(), twin)).rejects.toThrow("invalid signature 's' value");
  });

  it.each(['bytes', 'v,r,s'] as const)(
    'never pays a cancelled authorization (%s overload)',
    async (overload) => {
      const signature = await signCancel();
      const { yParity, r, s } = parseSignature(signature);
      const cancelled = await wallet.writeContract({
        ...token,
        functionName: 'cancelAuthorization',
        args:
          overload === 'bytes'
            ? [payer.address, nonce, signature]
            : [payer.address, nonce, yParity + 27, r, s],
        account: relayer,
      });
      const { blockHash } = await reader.waitForTransactionReceipt({ hash: cancelled });
      const events = await reader.getContractEvents({
        ...token,
        eventName: 'AuthorizationCanceled',
        blockHash,
      });
      expect(events.map((log) => log.args)).toEqual([{ authorizer: payer.address, nonce }]);
      expect(
        await reader.readContract({
          ...token,
          functionName: 'authorizationState',
          args: [payer.address, nonce],
        }),
      ).toBe(true);
      await expect(transfer(terms(), await sign(terms()))).rejects.toThrow(
        'authorization is used or canceled',
      );
    },
  );

  it('takes only the authorizer for a cancellation', async () => {
    const args = [payer.address, nonce, await signCancel(payee)] as const;
    await expect(
      reader.simulateContract({ ...token, functionName: 'cancelAuthorization', args, account: relayer }),
    ).rejects.toThrow('invalid signature');
  });

  it('pays from a contract wallet on its owner’s signature (ERC-1271) and from no other', async () => {
    const deployed = await wallet.sendTransaction({
      data: encodeDeployData({
        abi: parseAbi(['constructor(address owner)']),
        bytecode: readArtifact('TestContractWallet').creation,
        args: [payer.address],
      }),
      account: relayer,
    });
    const { contractAddress } = await reader.waitForTransactionReceipt({ hash: deployed });
    if (!contractAddress) throw new Error('the wallet was not deployed');
    await mintUsdc(inject('rpcUrl'), contractAddress, 4_000n);
    const fromWallet = terms({ from: contractAddress });
    await expect(
      transfer(fromWallet, await sign(fromWallet, 'TransferWithAuthorization', payee)),
    ).rejects.toThrow('invalid signature');
    await transfer(fromWallet, await sign(fromWallet));
    expect(await usdcBalance(inject('rpcUrl'), payee.address)).toBe(4_000n);
  });

  it('sets an allowance by permit (EIP-2612) once', async () => {
    const message = {
      owner: payer.address,
      spender: relayer.address,
      value: 500n,
      nonce: 0n,
      deadline: 4_000_000_000n,
    };
    const signature = await payer.signTypedData({
      domain: usdcDomain,
      primaryType: 'Permit',
      types: {
        Permit: [
          { name: 'owner', type: 'address' },
          { name: 'spender', type: 'address' },
          { name: 'value', type: 'uint256' },
          { name: 'nonce', type: 'uint256' },
          { name: 'deadline', type: 'uint256' },
        ],
      },
      message,
    });
    const args = [payer.address, relayer.address, 500n, message.deadline, signature] as const;
    const { request } = await reader.simulateContract({
      ...token,
      functionName: 'permit',
      args,
      account: relayer,
    });
    await reader.waitForTransactionReceipt({ hash: await wallet.writeContract(request) });
    const pair = [payer.address, relayer.address] as const;
    expect(await reader.readContract({ ...token, functionName: 'allowance', args: pair })).toBe(500n);
    await expect(
      reader.simulateContract({ ...token, functionName: 'permit', args, account: relayer }),
    ).rejects.toThrow('EIP2612: invalid signature');
  });

  it('moves nothing from or to a blacklisted account', async () => {
    const signature = await sign(terms());
    await asTokenOwner(inject('rpcUrl'), (clients) =>
      clients.wallet.writeContract({
        ...token,
        functionName: 'blacklist',
        args: [payee.address],
        account: tokenOwner,
      }),
    );
    await expect(transfer(terms(), signature)).rejects.toThrow('account is blacklisted');
  });

  it('moves nothing while paused', async () => {
    // The shared node must not be paused under other tests' feet, so this asks what would happen.
    const paused = [{ address: LOCAL_TOKEN, stateDiff: [{ slot: slotZero, value: pausedOwner }] }];
    const args = argumentsOf(terms(), await sign(terms()), 'bytes');
    await expect(
      reader.simulateContract({
        ...token,
        functionName: 'transferWithAuthorization',
        args,
        account: relayer,
        stateOverride: paused,
      }),
    ).rejects.toThrow('Pausable: paused');
  });

  it('lets nobody but the owner mint, pause or blacklist', async () => {
    const calls = [
      { functionName: 'mint', args: [relayer.address, 1n] },
      { functionName: 'pause' },
      { functionName: 'blacklist', args: [payer.address] },
    ] as const;
    for (const call of calls) {
      await expect(reader.simulateContract({ ...token, ...call, account: relayer })).rejects.toThrow(
        'not the owner',
      );
    }
  });
});
