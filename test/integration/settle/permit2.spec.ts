// Payments by Permit2 on a real database and a real node: like transfers by EIP-3009, but whose outcome no event of their own tells.
import { encodeFunctionData, keccak256, encodeAbiParameters, parseAbi, toHex, type Hex } from 'viem';
import { parseEvmAddress, type EvmAddress } from '#domain';
import type { BroadcastChain, SettlementView, SignedTransfer } from '#engine';
import { encodeTransfers } from '#evm';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { readArtifact } from '../../../apps/local/src/contracts/artifacts.js';
import { CRASH_POINTS, dyingBroadcaster } from '../../support/crash-points.js';
import { allowPermit2, aPermit2Payer, PERMIT2, type Permit2Payer } from '../../support/permit2.js';
import { chainClients, freshAccount, mintUsdc, usdcBalance } from '../../support/chain.js';
import { startSettling, type Settling } from '../../support/settling.js';

let settling: Settling;
let payer: Permit2Payer;
let facilitator: EvmAddress;

beforeAll(async () => {
  settling = await startSettling({ mining: 'automine', slotsInAnEpoch: 8 }, 2);
  facilitator = settling.signer.accounts[0] ?? expect.fail();
});
afterAll(() => settling.close());
beforeEach(async () => {
  payer = await aPermit2Payer(settling.url);
});

const settle = async (...transfers: readonly SignedTransfer[]): Promise<readonly SettlementView[]> => {
  await Promise.all(transfers.map((it) => settling.claim(it)));
  return settling.settle(settling.broadcaster(), transfers);
};
const reasonOf = async (transfer: SignedTransfer): Promise<string | null | undefined> =>
  (await settle(transfer))[0]?.reason;
/** As if nothing had been seen before it was sent: the chain has the last word. */
const blind = (): BroadcastChain => ({
  ...settling.chain,
  outlook: (_, transfers) => Promise.resolve(transfers.map(() => 'succeeds' as const)),
});
const received = (it: SignedTransfer): Promise<bigint> => usdcBalance(settling.url, it.to);

describe('exact payments', () => {
  it('go out alone when alone, and else in one transaction with transfers by EIP-3009', async () => {
    const [alone] = await settle(await payer.permit());
    expect(alone).toMatchObject({ status: 'settled', method: 'permit2' });
    const others = await Promise.all([1, 2, 3].map(() => aPermit2Payer(settling.url)));
    const holder = await settling.aPayer();
    const mixed = [
      ...(await Promise.all(others.map((it) => it.permit()))),
      holder.authorize(),
      holder.authorize(),
    ];
    const views = await settle(...mixed);
    expect(views.map((it) => it.status)).toEqual(mixed.map(() => 'settled'));
    expect(new Set(views.map((it) => it.txHash)).size).toBe(1);
    expect(await Promise.all(mixed.map(received))).toEqual(mixed.map((it) => it.value));
  });

  it('of one payer to one payee, alike but for the nonce, settle one by one', async () => {
    const first = await payer.permit();
    const second = await payer.permit({ to: first.to });
    const views = await settle(first, second);
    expect(views.map((it) => it.status)).toEqual(['settled', 'settled']);
    expect(views[0]?.txHash).not.toBe(views[1]?.txHash);
    expect(await received(first)).toBe(20_000n);
  });

  it('harm no neighbour when they fail on the way', async () => {
    const poor = await aPermit2Payer(settling.url, { allowance: 0n });
    const payments = [await payer.permit(), await poor.permit(), (await settling.aPayer()).authorize()];
    await Promise.all(payments.map((it) => settling.claim(it)));
    const views = await settling.settle(settling.broadcaster({ chain: blind() }), payments);
    expect(views.map((it) => it.status)).toEqual(['settled', 'failed', 'settled']);
    expect(views[1]?.reason).toBe('permit2_allowance_required');
    expect(new Set(views.map((it) => it.txHash)).size).toBe(1);
  });

  it('that cannot succeed are refused without a transaction, and the reason is named', async () => {
    const before = settling.signer.signed.length;
    const unallowed = await aPermit2Payer(settling.url, { allowance: 9_999n });
    expect(await reasonOf(await payer.permit({ validBeforeSec: 1_000 }))).toBe('permit2_deadline_expired');
    expect(await reasonOf(await payer.permit({ validAfterSec: 3_999_999_999 }))).toBe(
      'permit2_not_yet_valid',
    );
    expect(await reasonOf(await payer.permit({ value: 1_000_001n }))).toBe('permit2_insufficient_balance');
    expect(await reasonOf(await unallowed.permit())).toBe('permit2_allowance_required');
    const signature = new Uint8Array(65).fill(27);
    expect(await reasonOf(await payer.permit({ signature }))).toBe('invalid_exact_evm_transaction_failed');
    expect(settling.signer.signed).toHaveLength(before);
  });

  it('of a wallet that is a contract settle when it accepts the signature', async () => {
    const wallet = await aContractWallet(payer);
    const good = { ...(await payer.permit()), from: wallet };
    expect(await settle(good)).toMatchObject([{ status: 'settled', txHash: expect.any(String) as string }]);
    expect(await received(good)).toBe(10_000n);
    const other = await (await aPermit2Payer(settling.url)).permit();
    expect(await reasonOf({ ...other, from: wallet })).toBe('invalid_exact_evm_transaction_failed');
  });
});

describe('payments up to a ceiling', () => {
  it('are charged as asked, singly, and from the facilitator that was signed', async () => {
    const metered = await payer.upto(facilitator, { value: 12_345n });
    const [other] = settling.signer.accounts.slice(1);
    const named = await payer.upto(other ?? expect.fail(), { value: 1n });
    const plain = await Promise.all([1, 2].map(async () => (await aPermit2Payer(settling.url)).permit()));
    const views = await settle(metered, named, ...plain);
    expect(views.map((it) => it.status)).toEqual(['settled', 'settled', 'settled', 'settled']);
    expect(new Set(views.map((it) => it.txHash)).size).toBe(3);
    expect(await received(metered)).toBe(12_345n);
    const senders = await Promise.all(views.slice(0, 2).map((it) => senderOf(it)));
    expect(senders).toEqual([facilitator, other]);
  });

  it('and exact ones share their nonces: one happens, and the other is told so', async () => {
    const metered = await payer.upto(facilitator);
    const exact = await payer.permit({ nonce: metered.nonce });
    const views = await settle(metered, exact);
    expect(views.map((it) => it.status).toSorted()).toEqual(['failed', 'settled']);
    expect(views.find((it) => it.status === 'failed')?.reason).toBe('permit2_invalid_nonce');
    expect((await received(metered)) + (await received(exact))).toBe(10_000n);
  });
});

describe('a nonce that is gone', () => {
  it.each(['by itself', 'among others'])(
    'because somebody else brought the payment, %s, is settled',
    async (how) => {
      const payment = await payer.permit();
      const calls = how === 'by itself' ? [payment] : [payment, await payer.permit(), await payer.permit()];
      const { target, data } = encodeTransfers(calls);
      const txHash = await byAnOutsider(target, toHex(data));
      await settling.claim(payment);
      const [view] = await settling.settle(settling.broadcaster({ chain: blind() }), [payment]);
      expect(view).toMatchObject({ status: 'settled', txHash });
      expect(await received(payment)).toBe(10_000n);
    },
  );

  it('in a transaction with another payment just like it is never called settled', async () => {
    const payment = await payer.permit();
    const twin = await payer.permit({ to: payment.to });
    const { target, data } = encodeTransfers([twin, payment]);
    await byAnOutsider(target, toHex(data));
    await settling.claim(payment);
    const [view] = await settling.settle(settling.broadcaster({ chain: blind() }), [payment]);
    expect(view).toMatchObject({ status: 'failed', reason: 'permit2_invalid_nonce' });
  });

  it('before a call that failed beside another payment just like it is never called settled', async () => {
    const payment = await payer.permit();
    const [twin, other] = [
      await payer.permit({ to: payment.to }),
      await payer.permit({ nonce: payment.nonce }),
    ];
    for (const calls of [[other], [twin, payment]]) {
      const { target, data } = encodeTransfers(calls);
      await byAnOutsider(target, toHex(data));
    }
    await settling.claim(payment);
    const [view] = await settling.settle(settling.broadcaster({ chain: blind() }), [payment]);
    expect(view).toMatchObject({ status: 'failed', reason: 'permit2_invalid_nonce' });
  });

  it('because another payment used it, whoever brought that one', async () => {
    const payment = await payer.permit();
    const other = await payer.permit({ nonce: payment.nonce });
    const { target, data } = encodeTransfers([other]);
    await byAnOutsider(target, toHex(data));
    expect(await reasonOf(payment)).toBe('permit2_invalid_nonce');
  });

  it('because the payer burned it', async () => {
    const payment = await payer.permit();
    const abi = parseAbi(['function invalidateUnorderedNonces(uint256 wordPos, uint256 mask)']);
    const nonce = BigInt(payment.nonce);
    const args = [nonce >> 8n, 1n << (nonce & 0xffn)] as const;
    await as(
      payer.address,
      PERMIT2,
      encodeFunctionData({ abi, functionName: 'invalidateUnorderedNonces', args }),
    );
    expect(await reasonOf(payment)).toBe('permit2_invalid_nonce');
  });

  it('nobody can say how holds up its transaction for two blocks, and is then no success', async () => {
    const payment = await payer.permit();
    const neighbour = await (await aPermit2Payer(settling.url)).permit();
    await Promise.all([payment, neighbour].map((it) => settling.claim(it)));
    await useUp(payment);
    const broadcaster = settling.broadcaster({ chain: blind() });
    for (let turns = 0; turns < 20; turns += 1) await broadcaster.turn();
    expect((await settling.desk.find(neighbour))?.status).toBe('broadcast');
    const views = await settling.settle(broadcaster, [payment, neighbour], true);
    expect(views.map((it) => it.status)).toEqual(['failed', 'settled']);
    expect(views[0]?.reason).toBe('permit2_invalid_nonce');
  });
});

describe('a crash', () => {
  it.each(CRASH_POINTS)('%s leaves every payment made once', async (_, breaking) => {
    for (let round = 0; round < 10; round += 1) {
      const exact = await payer.permit();
      const metered = await payer.upto(facilitator, { value: 7_000n });
      const payments = round % 2 === 0 ? [exact] : [metered, exact];
      await Promise.all(payments.map((it) => settling.claim(it)));
      const dying = dyingBroadcaster(settling, breaking);
      await expect(async () => {
        for (let turns = 0; turns < 50; turns += 1) await dying.turn();
      }).rejects.toThrow('killed');
      const views = await settling.settle(settling.broadcaster(), payments);
      expect(views.map((it) => it.status)).toEqual(payments.map(() => 'settled'));
      expect(await Promise.all(payments.map(received))).toEqual(payments.map((it) => it.value));
    }
  });
});

async function senderOf({ txHash }: SettlementView): Promise<EvmAddress> {
  const { reader } = chainClients(settling.url);
  return parseEvmAddress((await reader.getTransaction({ hash: txHash ?? expect.fail() })).from);
}

async function as(from: EvmAddress, to: EvmAddress | Hex, data: Hex): Promise<string> {
  const { node, reader, wallet } = chainClients(settling.url);
  await node.impersonateAccount({ address: from });
  await node.setBalance({ address: from, value: 10n ** 20n });
  const hash = await wallet.sendTransaction({ account: from, to, data, gas: 1_000_000n });
  await reader.waitForTransactionReceipt({ hash });
  return hash;
}

const byAnOutsider = (to: EvmAddress, data: Hex): Promise<string> =>
  as(parseEvmAddress('0x00000000000000000000000000000000000f1257'), to, data);

/** Where a mapping at that slot keeps its value. */
const slotOf = (key: bigint, slot: Hex): Hex =>
  keccak256(encodeAbiParameters([{ type: 'uint256' }, { type: 'bytes32' }], [key, slot]));

/** A bit of the bitmap set by a call that cannot be read: written straight into the contract's first slot, a mapping of mappings. */
async function useUp({ from, nonce }: SignedTransfer): Promise<void> {
  const [word, bit] = [BigInt(nonce) >> 8n, BigInt(nonce) & 0xffn];
  const index = slotOf(word, slotOf(BigInt(from), `0x${'0'.repeat(64)}`));
  const value = `0x${(1n << bit).toString(16).padStart(64, '0')}` as const;
  await chainClients(settling.url).node.setStorageAt({ address: PERMIT2, index, value });
}

async function aContractWallet(owner: Permit2Payer): Promise<EvmAddress> {
  const { wallet, reader } = chainClients(settling.url);
  const deployer = await freshAccount({ rpcUrl: settling.url });
  const hash = await wallet.deployContract({
    abi: parseAbi(['constructor(address owner)']),
    bytecode: readArtifact('TestContractWallet').creation,
    args: [owner.address],
    account: deployer,
  });
  const { contractAddress } = await reader.waitForTransactionReceipt({ hash });
  const address = parseEvmAddress(contractAddress);
  await mintUsdc(settling.url, address, 20_000n);
  await allowPermit2(settling.url, address);
  return address;
}
