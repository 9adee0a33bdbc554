// Permits of wallets without ether, on a real database and a real node: given, taken back, given by somebody else, and never given.
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { allowanceNonce, parseHex32, PERMIT2, type Authorization } from '#domain';
import type { AllowancePermit } from '#engine';
import {
  createChainReader,
  createChainSource,
  decodePrivateKey,
  encodeTransfers,
  hasherFor,
  networkProfile,
  openAuthorizationKey,
  toHex,
} from '#evm';
import { chainClients, freshAccount } from '../../support/chain.js';
import { walletId } from '../../support/builders.js';
import { panelOf } from '../../support/panel.js';
import { NETWORK, startSettling, TOKEN, type Settling } from '../../support/settling.js';

let settling: Settling;
let reader: ReturnType<typeof createChainReader>;
let source: ReturnType<typeof createChainSource>;
let wallet: Awaited<ReturnType<typeof aWallet>>;

beforeAll(async () => {
  settling = await startSettling({ mining: 'automine', slotsInAnEpoch: 8 }, 1);
  const panel = panelOf([settling.rpc]);
  reader = createChainReader(new Map([[NETWORK, panel]]));
  const profile = networkProfile('local') ?? expect.fail('no local profile');
  source = createChainSource({ profile, panel, tokens: [TOKEN] });
});
afterAll(() => settling.close());
beforeEach(async () => {
  wallet = await aWallet();
});

async function aWallet() {
  const { privateKey } = await freshAccount({ usdc: 1_000_000n, gas: false, rpcUrl: settling.url });
  const key = openAuthorizationKey(decodePrivateKey(privateKey));
  const from = key.address;
  const permit = async (value: bigint, over: Partial<Authorization> = {}): Promise<AllowancePermit> => {
    const number = await reader.permitNonce(NETWORK, TOKEN, from);
    const tuple = {
      method: 'allowance',
      network: NETWORK,
      token: TOKEN,
      from,
      to: PERMIT2,
      value,
      validAfterSec: 0,
      validBeforeSec: Math.floor(Date.now() / 1000) + 300,
      nonce: allowanceNonce(parseHex32(`0x${randomBytes(32).toString('hex')}`), number),
      ...over,
    } as const;
    const hasher = hasherFor({ ...tuple, method: 'allowance' }) ?? expect.fail('not registered');
    return { ...tuple, method: 'allowance', signature: key.signTransfer(hasher, tuple).signature };
  };
  return { from, permit, allowance: () => reader.permit2Allowance(NETWORK, TOKEN, from) };
}

const settle = async (...permits: readonly AllowancePermit[]) => {
  for (const it of permits) await settling.claim(it);
  return settling.settle(settling.broadcaster(), permits);
};
const authorizationOf = ({ signature: _signature, ...tuple }: AllowancePermit): Authorization => ({
  ...tuple,
  walletId: walletId(1),
  digest: tuple.nonce,
});
const seenOf = async (permit: AllowancePermit) =>
  source.findUse(authorizationOf(permit), await source.latest());
const unused = async (permit: AllowancePermit) =>
  (await source.unusedAt([authorizationOf(permit)], await source.latest()))[0];
async function sendAsStranger(permit: AllowancePermit, cut = false) {
  const { target, data } = encodeTransfers([permit]);
  const stranger = await freshAccount({ rpcUrl: settling.url });
  const clients = chainClients(settling.url);
  await clients.node.impersonateAccount({ address: stranger.address });
  const call = toHex(cut ? data.subarray(0, -32) : data);
  const hash = await clients.wallet.sendTransaction({ account: stranger.address, to: target, data: call });
  await clients.reader.waitForTransactionReceipt({ hash });
  return parseHex32(hash);
}

describe('an allowance', () => {
  it('is given by our transaction, seen in its block, by its receipt and by its number, and taken back the same way', async () => {
    const give = await wallet.permit(70_000n);
    expect(await unused(give)).toBe(1);
    const [given] = await settle(give);
    expect(given).toMatchObject({ status: 'settled', method: 'allowance' });
    expect(await wallet.allowance()).toBe(70_000n);
    expect(await unused(give)).toBe(-1);
    const fate = await seenOf(give);
    expect(fate).toMatchObject({ kind: 'settled', settlement: { txHash: given?.txHash } });
    expect(await reader.fateInTransaction(authorizationOf(give), given?.txHash ?? expect.fail())).toEqual(
      fate,
    );
    const head = await source.latest();
    const { allowances } = await source.scan([wallet.from], { fromBlock: head.number, toBlock: head.number });
    expect(allowances).toMatchObject([{ from: wallet.from, to: PERMIT2, value: 70_000n, token: TOKEN }]);
    const [back] = await settle(await wallet.permit(0n));
    expect(back).toMatchObject({ status: 'settled' });
    expect(await wallet.allowance()).toBe(0n);
  });

  it('is told from an earlier one of the same amount', async () => {
    const first = await wallet.permit(5n);
    await settle(first);
    await settle(await wallet.permit(0n, { validBeforeSec: Math.floor(Date.now() / 1000) + 301 }));
    const again = await wallet.permit(5n, { validBeforeSec: Math.floor(Date.now() / 1000) + 302 });
    expect(await seenOf(again)).toEqual({ kind: 'unused' });
    const [view] = await settle(again);
    expect(view?.status).toBe('settled');
    expect(await seenOf(again)).toMatchObject({ settlement: { txHash: view?.txHash } });
    expect(await seenOf(first)).not.toMatchObject({ settlement: { txHash: view?.txHash } });
  });

  it('goes out together with payments', async () => {
    const payer = await settling.aPayer();
    const [give, payment] = [await wallet.permit(9n), payer.authorize()];
    await Promise.all([settling.claim(give), settling.claim(payment)]);
    const views = await settling.settle(settling.broadcaster(), [give, payment]);
    expect(views.map((it) => it.status)).toEqual(['settled', 'settled']);
    expect(new Set(views.map((it) => it.txHash)).size).toBe(1);
    expect(await wallet.allowance()).toBe(9n);
  });

  it.each([
    ['with our call data', false],
    ['with the bare call', true],
  ])('that somebody else brings first %s is given all the same', async (_how, cut) => {
    const give = await wallet.permit(11n);
    const hash = await sendAsStranger(give, cut);
    const [view] = await settle(give);
    expect(view).toMatchObject({ status: 'settled', txHash: hash });
    expect(await seenOf(give)).toMatchObject({ kind: 'settled', settlement: { txHash: hash } });
  });

  it('is never given after its deadline', async () => {
    const late = await wallet.permit(13n, { validBeforeSec: Math.floor(Date.now() / 1000) - 5 });
    const [view] = await settle(late);
    expect(view).toMatchObject({ status: 'failed', reason: 'permit2_deadline_expired' });
    expect(await unused(late)).toBe(1);
    expect(await wallet.allowance()).toBe(0n);
  });

  it('is never given once the number has gone to another permit', async () => {
    const [one, other] = [await wallet.permit(17n), await wallet.permit(19n)];
    await settle(one);
    await settling.node('anvil_mine', '0x3');
    const [view] = await settle(other);
    expect(view).toMatchObject({ status: 'failed', reason: 'permit2_invalid_nonce' });
    expect(await seenOf(other)).toEqual({ kind: 'unused' });
    expect(await unused(other)).toBe(-1);
    expect(await wallet.allowance()).toBe(17n);
  });

  it('leaves books that the checker finds clean', async () => {
    expect(await settling.violations()).toEqual([]);
  });
});
