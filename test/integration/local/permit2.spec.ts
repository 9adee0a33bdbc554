// What stands in for Permit2 and its x402 proxies on the local chain, held against vectors that two other libraries made (x402.md 4.4).
import { x402ExactPermit2ProxyABI, x402UptoPermit2ProxyABI } from '@x402/evm';
import { hashTypedData, parseAbi, type Address, type Hex } from 'viem';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startAnvil } from '../../../apps/local/src/services/index.js';
import {
  chainClients,
  fundGas,
  LOCAL_TOKEN,
  mintUsdc,
  prepareChain,
  usdcBalance,
} from '../../support/chain.js';
import {
  allowPermit2,
  EXACT_PERMIT2_PROXY,
  PERMIT2,
  signPermit2,
  typedPermit2,
  UPTO_PERMIT2_PROXY,
  type Permit2Terms,
} from '../../support/permit2.js';

const PAYER: Address = '0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC';
/** The third well-known development key of local nodes. */
const PAYER_KEY: Hex = '0x5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a';
const PAYEE: Address = '0x90F79bf6EB2c4f870365E785982E1f101E93b906';
const FACILITATOR: Address = '0x70997970C51812dc3A010C7d01b50e0d17dc79C8';
const EXACT: Permit2Terms = { to: PAYEE, amount: 10_000n, nonce: 7n, deadlineSec: 1_900_000_000 };
const UPTO: Permit2Terms = { ...EXACT, facilitator: FACILITATOR };
const EXACT_SIGNATURE: Hex =
  '0xe9b024642ee7bafdf3593145bf99265308502c8a65e085cea99406dd48c436116163f0be0dc6d0c1b798c26c007d9af3f2431c089dbd761c583f59996c6e52ce1b';
const UPTO_SIGNATURE: Hex =
  '0x3c9f4331784c3f2ebbe386cac23a19651f226cf8ff4f03a62c62dd092db838f073b493f369731c89a9f9b985e176d4e0505070685a58c253c8d7f84c2f6608091c';

const permit2Abi = parseAbi([
  'function DOMAIN_SEPARATOR() view returns (bytes32)',
  'function nonceBitmap(address owner, uint256 word) view returns (uint256)',
  'function invalidateUnorderedNonces(uint256 wordPos, uint256 mask)',
  'error SignatureExpired(uint256 signatureDeadline)',
  'error InvalidNonce()',
  'error InvalidSigner()',
]);

let url: string;
let stop: () => Promise<void>;
let snapshot: unknown;
beforeAll(async () => {
  ({ url, stop } = await startAnvil({ mining: 'automine' }));
  await prepareChain(url);
  await mintUsdc(url, PAYER, 10_000n);
  for (const account of [PAYER, FACILITATOR]) await fundGas(url, account);
});
afterAll(() => stop());
beforeEach(async () => {
  const { node } = chainClients(url);
  if (snapshot !== undefined) await node.revert({ id: snapshot as Hex });
  snapshot = await node.snapshot();
});

async function settle({
  functionName,
  args,
  by,
}: {
  functionName: 'exact' | 'upto';
  args: readonly unknown[];
  by: Address;
}): Promise<void> {
  const { node, wallet, reader } = chainClients(url);
  await node.impersonateAccount({ address: by });
  const exact = functionName === 'exact';
  // Simulated first, so that a refusal says its name.
  const { request } = await reader.simulateContract({
    address: exact ? EXACT_PERMIT2_PROXY : UPTO_PERMIT2_PROXY,
    abi: [...(exact ? x402ExactPermit2ProxyABI : x402UptoPermit2ProxyABI), ...permit2Abi],
    functionName: 'settle',
    args,
    account: by,
  } as never);
  const hash = await wallet.writeContract(request as never);
  await reader.waitForTransactionReceipt({ hash });
}

const permitOf = ({ amount, nonce, deadlineSec }: Permit2Terms) => ({
  permitted: { token: LOCAL_TOKEN, amount },
  nonce,
  deadline: BigInt(deadlineSec),
});
const exactly = (terms: Permit2Terms, signature: Hex) =>
  settle({
    functionName: 'exact',
    args: [permitOf(terms), PAYER, { to: terms.to, validAfter: BigInt(terms.validAfterSec ?? 0) }, signature],
    by: FACILITATOR,
  });
const upTo = (charge: bigint, signature: Hex, by: Address = FACILITATOR) =>
  settle({
    functionName: 'upto',
    args: [permitOf(UPTO), charge, PAYER, { to: PAYEE, facilitator: FACILITATOR, validAfter: 0n }, signature],
    by,
  });

describe('the known-good vectors', () => {
  it('have the digests that the SDK types give', () => {
    expect(hashTypedData(typedPermit2(EXACT) as never)).toBe(
      '0xbaf8469cd6b9ad52372afd2da9a466f8e2fc48ad24db8918a4403825d602c858',
    );
    expect(hashTypedData(typedPermit2(UPTO) as never)).toBe(
      '0x76454d495f930c58cf77e763720b43d7393d4e6c314cc9dd99237a8d58b699ae',
    );
  });

  it('move the money, exactly once', async () => {
    await allowPermit2(url, PAYER);
    await exactly(EXACT, EXACT_SIGNATURE);
    expect(await usdcBalance(url, PAYEE)).toBe(10_000n);
    const { reader } = chainClients(url);
    const bitmap = { address: PERMIT2, abi: permit2Abi, functionName: 'nonceBitmap' } as const;
    expect(await reader.readContract({ ...bitmap, args: [PAYER, 0n] })).toBe(1n << 7n);
    await expect(exactly(EXACT, EXACT_SIGNATURE)).rejects.toThrow('InvalidNonce');
  });

  it('of upto move what is charged, and only for the facilitator that is named', async () => {
    await allowPermit2(url, PAYER);
    await expect(upTo(1n, UPTO_SIGNATURE, PAYER)).rejects.toThrow('UnauthorizedFacilitator');
    await expect(upTo(10_001n, UPTO_SIGNATURE)).rejects.toThrow('AmountExceedsPermitted');
    await upTo(4_000n, UPTO_SIGNATURE);
    expect(await usdcBalance(url, PAYEE)).toBe(4_000n);
    // Both schemes use up one and the same nonce.
    await expect(exactly(EXACT, EXACT_SIGNATURE)).rejects.toThrow('InvalidNonce');
  });
});

describe('a payment by Permit2', () => {
  it('needs an allowance, in time and signed by the payer', async () => {
    await expect(exactly(EXACT, EXACT_SIGNATURE)).rejects.toThrow('TRANSFER_FROM_FAILED');
    await allowPermit2(url, PAYER);
    await expect(exactly({ ...EXACT, nonce: 8n }, EXACT_SIGNATURE)).rejects.toThrow('InvalidSigner');
    const late = { ...EXACT, deadlineSec: 1_000_000_000 };
    await expect(exactly(late, await signPermit2(PAYER_KEY, late))).rejects.toThrow('SignatureExpired');
    const early = { ...EXACT, validAfterSec: 1_899_999_999 };
    await expect(exactly(early, await signPermit2(PAYER_KEY, early))).rejects.toThrow('PaymentTooEarly');
    expect(await usdcBalance(url, PAYEE)).toBe(0n);
  });

  it('is dead once the payer has burned its nonce', async () => {
    await allowPermit2(url, PAYER);
    const { wallet, reader } = chainClients(url);
    const hash = await wallet.writeContract({
      address: PERMIT2,
      abi: permit2Abi,
      functionName: 'invalidateUnorderedNonces',
      args: [0n, 1n << 7n],
      account: PAYER,
    });
    await reader.waitForTransactionReceipt({ hash });
    await expect(exactly(EXACT, EXACT_SIGNATURE)).rejects.toThrow('InvalidNonce');
  });
});
