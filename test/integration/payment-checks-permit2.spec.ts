// Payments by Permit2 checked on a real node, as a facilitator is asked about them.
import { parseAbi } from 'viem';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseEvmAddress, parseHex32 } from '#domain';
import type { PaymentChecks, Permit2Transfer, UptoTransfer } from '#engine';
import { createEvmRpc, createPaymentChecks, createPermitHasher, encodeTransfers, toHex } from '#evm';
import { readArtifact } from '../../apps/local/src/contracts/artifacts.js';
import { startAnvil } from '../../apps/local/src/services/index.js';
import { chainClients, freshAccount, mintUsdc, prepareChain } from '../support/chain.js';
import { USDC_NETWORK } from '../support/facilitator-requests.js';
import { panelOf } from '../support/panel.js';
import { allowPermit2, aPermit2Payer, EXACT_PERMIT2_PROXY, type Permit2Payer } from '../support/permit2.js';

const FACILITATOR = parseEvmAddress(`0x${'fa'.repeat(20)}`);
const good = {
  balance: 1_000_000n,
  nonceUsed: false,
  payer: 'account',
  allowance: (1n << 256n) - 1n,
  deployed: true,
  transferable: true,
};

let url: string;
let stop: () => Promise<void>;
let payer: Permit2Payer;
beforeAll(async () => {
  ({ url, stop } = await startAnvil({ mining: 'automine' }));
  await prepareChain(url);
  payer = await aPermit2Payer(url);
});
afterAll(() => stop());

const checks = (): PaymentChecks =>
  createPaymentChecks({
    panels: new Map([[USDC_NETWORK, panelOf([createEvmRpc({ url, chainId: 84532 })])]]),
  });
const hasher = createPermitHasher(84532);
const digestOf = (it: Permit2Transfer | UptoTransfer) =>
  parseHex32(toHex(hasher.transferDigest(it.method === 'upto' ? { ...it, value: it.ceiling } : it)));
const factsOf = (it: Permit2Transfer | UptoTransfer) => checks().factsOf(it, digestOf(it));

describe('a payment by Permit2 on a real chain', () => {
  it('that would succeed is told so, exact or metered, and nothing has happened to it', async () => {
    for (const payment of [await payer.permit(), await payer.upto(FACILITATOR)]) {
      expect(await checks().transferable(payment)).toBe(true);
      expect(await factsOf(payment)).toEqual(good);
      expect(await factsOf(payment)).toEqual(good);
    }
  });

  it('asked about together with others costs one call', async () => {
    const rpc = createEvmRpc({ url, chainId: 84532 });
    const together = createPaymentChecks({ panels: new Map([[USDC_NETWORK, panelOf([rpc])]]) });
    const payments = await Promise.all(Array.from({ length: 20 }, () => payer.permit()));
    await together.transferable(payments[0] ?? expect.fail());
    const { calls } = rpc.stats();
    const answers = await Promise.all(payments.map((it) => together.transferable(it)));
    expect(answers.every(Boolean)).toBe(true);
    expect(rpc.stats().calls).toBeLessThanOrEqual(calls + 2);
  });

  it('without allowance, balance or an unused nonce shows what is missing', async () => {
    const poor = await aPermit2Payer(url, { usdc: 9_999n });
    const shy = await aPermit2Payer(url, { allowance: 9_999n });
    const used = await payer.permit();
    const { target, data } = encodeTransfers([used]);
    const { wallet, reader } = chainClients(url);
    const account = await freshAccount({ rpcUrl: url });
    const hash = await wallet.sendTransaction({ account, to: target, data: toHex(data) });
    await reader.waitForTransactionReceipt({ hash });
    const cases = [
      [await poor.permit(), { balance: 9_999n }],
      [await shy.permit(), { allowance: 9_999n }],
      [await shy.upto(FACILITATOR), { allowance: 9_999n }],
      [used, { nonceUsed: true, balance: 990_000n }],
    ] as const;
    for (const [payment, facts] of cases) {
      expect(await checks().transferable(payment)).toBe(false);
      expect(await factsOf(payment)).toEqual({ ...good, ...facts, transferable: false });
    }
  });

  it('up to a ceiling succeeds from its facilitator alone, and within the ceiling', async () => {
    const metered = await payer.upto(FACILITATOR);
    const other = { ...metered, facilitator: parseEvmAddress(`0x${'fb'.repeat(20)}`) };
    expect(await checks().transferable(other)).toBe(false);
    expect(await checks().transferable({ ...metered, value: metered.ceiling + 1n })).toBe(false);
    expect(await checks().transferable({ ...metered, value: metered.ceiling })).toBe(true);
  });

  it('of a wallet that is a contract is as good as the contract says', async () => {
    const wallet = await aContractWallet(payer);
    const payment = { ...(await payer.permit()), from: wallet };
    expect(await factsOf(payment)).toEqual({ ...good, balance: 10_000n, payer: 'accepts' });
    const stranger = await (await aPermit2Payer(url)).permit();
    const refused = { ...stranger, from: wallet };
    expect(await factsOf(refused)).toMatchObject({ payer: 'refuses', transferable: false });
  });

  it('is not deployed where a proxy is missing, whatever a call without code answers', async () => {
    const { node, reader } = chainClients(url);
    const address = EXACT_PERMIT2_PROXY;
    const bytecode = (await reader.getCode({ address })) ?? expect.fail();
    const payment = await payer.permit();
    await node.setCode({ address, bytecode: '0x' });
    expect(await checks().transferable(payment)).toBe(false);
    expect(await factsOf(payment)).toMatchObject({ deployed: false });
    await node.setCode({ address, bytecode });
    expect(await checks().transferable(payment)).toBe(true);
  });
});

async function aContractWallet(owner: Permit2Payer) {
  const { wallet, reader } = chainClients(url);
  const hash = await wallet.deployContract({
    abi: parseAbi(['constructor(address owner)']),
    bytecode: readArtifact('TestContractWallet').creation,
    args: [owner.address],
    account: await freshAccount({ rpcUrl: url }),
  });
  const { contractAddress } = await reader.waitForTransactionReceipt({ hash });
  const address = parseEvmAddress(contractAddress);
  await mintUsdc(url, address, 10_000n);
  await allowPermit2(url, address);
  return address;
}
