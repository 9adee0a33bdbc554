// Transactions made to look like payments: they name our nonces, and they emit transfers of ours. What a seller charged is never told by them.
import { beforeAll, describe, expect, inject, it } from 'vitest';
import { encodeFunctionData, parseAbi } from 'viem';
import { parseEvmAddress, type Authorization, type Hex32 } from '#domain';
import { fateOfPermit, tiePermits } from '#engine';
import { createChainReader, createChainSource } from '#evm';
import { LOCAL_TOKEN } from '../support/chain.js';
import { clientOf, LOCAL, MULTICALL3, NETWORK, PAYEE, TOKEN } from '../support/evm-wallet.js';
import { panelOf } from '../support/panel.js';
import { permit2WalletOn, together, type Call } from '../support/permit2-wallet.js';

const url = inject('rpcUrl');
const panel = panelOf([clientOf(url)]);
const reader = createChainReader(new Map([[NETWORK, panel]]));
const source = createChainSource({ profile: LOCAL, panel, tokens: [TOKEN] });
let wallet: Awaited<ReturnType<typeof permit2WalletOn>>;
let fromBlock: number;

beforeAll(async () => {
  wallet = await permit2WalletOn(url);
  fromBlock = (await source.latest()).number + 1;
});

/** Named as the only one who may charge, it charges for whoever asks it. */
const ANYBODY = parseEvmAddress(MULTICALL3);

async function look() {
  const head = await source.latest();
  const scan = await source.scan([wallet.address], { fromBlock, toBlock: head.number });
  const tied = tiePermits(scan.permits, scan.otherTransfers, () => false);
  fromBlock = head.number + 1;
  return {
    others: tied.others.map((it) => it.value),
    fateOf(authorization: Authorization) {
      const use = tied.uses.find((it) => it.nonce === authorization.nonce);
      return use && fateOfPermit(authorization, use);
    },
  };
}

/** Out of sight: made by a contract of somebody's own. */
const hidden = (call: Call): Call => ({ to: MULTICALL3, data: together([call]).data });

/** Anybody can make the token say that nothing went from one to another. */
const transferOfNothing = (): Call => ({
  to: LOCAL_TOKEN,
  data: encodeFunctionData({
    abi: parseAbi(['function transferFrom(address from, address to, uint256 value) returns (bool)']),
    functionName: 'transferFrom',
    args: [wallet.address, PAYEE, 0n],
  }),
});

const toldBy = async (authorization: Authorization, txHash: Hex32) => [
  await reader.fateInTransaction(authorization, txHash),
  await source.findUse(authorization, await source.latest()),
];
const ceiling = (over: Partial<Authorization> = {}): Authorization => wallet.authorize('upto', 50_000n, over);

describe('a decoy', () => {
  it('of nothing, before the charge in the same look, is not the charge', async () => {
    const authorization = ceiling();
    const decoy = await wallet.send(together([transferOfNothing(), wallet.callOf(authorization, 0n)]));
    const charged = await wallet.send(wallet.callOf(authorization));
    const settled = expect.objectContaining({
      kind: 'settled',
      settlement: expect.not.objectContaining({ amount: 0n }) as unknown,
    }) as unknown;
    const seen = await look();
    expect(seen.fateOf(authorization)).toMatchObject({ settlement: { txHash: charged } });
    expect(seen.others).toEqual([]);
    expect(await toldBy(authorization, decoy)).toEqual([{ kind: 'unused' }, settled]);
    expect(await toldBy(authorization, charged)).toEqual([settled, settled]);
  });

  it('of nothing hides no charge that a contract makes: nobody says what was charged', async () => {
    const authorization = ceiling({ facilitator: ANYBODY });
    await wallet.send(together([hidden(wallet.callOf(authorization))]));
    const decoy = await wallet.send(together([transferOfNothing(), wallet.callOf(authorization, 0n)]));
    const seen = await look();
    expect(seen.fateOf(authorization)).toBeUndefined();
    expect(seen.others).toEqual([50_000n]);
    expect(await toldBy(authorization, decoy)).toEqual([{ kind: 'unused' }, { kind: 'unused' }]);
  });

  it.each(['permit2', 'upto'] as const)(
    'that moves as much as it says, by another nonce of %s, is not the charge',
    async (method) => {
      const authorization = ceiling({ facilitator: ANYBODY });
      const small = wallet.authorize(method, 10n, method === 'upto' ? { facilitator: ANYBODY } : {});
      await wallet.send(together([hidden(wallet.callOf(authorization))]));
      const decoy = await wallet.send(
        together([hidden(wallet.callOf(small)), wallet.callOf(authorization, 10n)]),
      );
      const seen = await look();
      expect(seen.fateOf(authorization)).toBeUndefined();
      expect(seen.others).toEqual([50_000n, 10n]);
      expect(await toldBy(authorization, decoy)).toEqual([{ kind: 'unused' }, { kind: 'unused' }]);
    },
  );

  it('of a stranger says nothing of a payment that was made', async () => {
    const authorization = wallet.authorize('permit2', 9_000n);
    const paid = await wallet.send(wallet.callOf(authorization));
    expect((await look()).fateOf(authorization)).toMatchObject({ settlement: { txHash: paid } });
    const forged = wallet.callOf({ ...authorization, value: 0n });
    const decoy = await wallet.send(together([transferOfNothing(), forged]));
    const seen = await look();
    expect([seen.fateOf(authorization), seen.others]).toEqual([undefined, []]);
    expect(await reader.fateInTransaction(authorization, decoy)).toEqual({ kind: 'unused' });
  });
});
