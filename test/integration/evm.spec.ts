import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { encodeFunctionData, multicall3Abi, type Address, type Hex } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import {
  parseCaip2,
  parseEvmAddress,
  parseHex32,
  type Authorization,
  type Hex32,
  type WalletId,
} from '#domain';
import {
  createChainReader,
  createEvmRpc,
  decodePrivateKey,
  fateOf,
  finalizedBlock,
  findAsset,
  findForkPoint,
  hasherOf,
  indexTokenEvents,
  networkProfile,
  openAuthorizationKey,
  scanRange,
  toHex,
  verifyNetwork,
  type EvmRpc,
} from '#evm';
import { rpc as rawRpc, startAnvil, type Service } from '../../apps/local/src/services/index.js';
import {
  chainClients,
  freshAccount,
  fundGas,
  LOCAL_TOKEN,
  mintUsdc,
  prepareChain,
  usdcAbi,
} from '../support/chain.js';

const NETWORK = parseCaip2('eip155:84532');
const TOKEN = parseEvmAddress(LOCAL_TOKEN);
const MULTICALL3: Address = '0xcA11bde05977b3631167028862bE2a173976CA11';
const PAYEE = parseEvmAddress(`0x${'5e'.repeat(20)}`);
const LOCAL = networkProfile('local') ?? expect.fail('no local profile');
const FAR_SEC = 4_000_000_000;

const clientOf = (url: string): EvmRpc => createEvmRpc({ url, chainId: LOCAL.chainId });

let serial = 0;
function freshNonce(): Hex32 {
  serial += 1;
  return parseHex32(`0x${serial.toString(16).padStart(64, '0')}`);
}

/** A wallet of ours on a node, with the calls that settle what it signed. */
async function walletOn(url: string) {
  const { privateKey } = await freshAccount({ usdc: 1_000_000n, rpcUrl: url });
  const key = openAuthorizationKey(decodePrivateKey(privateKey));
  const hasher = hasherOf(NETWORK, TOKEN) ?? expect.fail('the local token is not registered');
  const clients = chainClients(url);
  const account = privateKeyToAccount(privateKey);

  const authorize = (value: bigint, nonce = freshNonce()): Authorization => ({
    network: NETWORK,
    token: TOKEN,
    walletId: 'wal_00000000000000000000000000' as WalletId,
    from: key.address,
    to: PAYEE,
    value,
    validAfterSec: 0,
    validBeforeSec: FAR_SEC,
    nonce,
    digest: parseHex32(`0x${'0'.repeat(64)}`),
  });
  const transferCall = (authorization: Authorization): Hex =>
    encodeFunctionData({
      abi: usdcAbi,
      functionName: 'transferWithAuthorization',
      args: [
        authorization.from,
        authorization.to,
        authorization.value,
        BigInt(authorization.validAfterSec),
        BigInt(authorization.validBeforeSec),
        authorization.nonce,
        toHex(key.signTransfer(hasher, authorization).signature),
      ],
    });
  const send = async (to: Address, data: Hex): Promise<Hex32> => {
    const hash = await clients.wallet.sendTransaction({ account, to, data });
    const receipt = await clients.reader.waitForTransactionReceipt({ hash });
    expect(receipt.status).toBe('success');
    return parseHex32(hash);
  };
  return {
    address: key.address,
    authorize,
    settle: (authorization: Authorization) => send(LOCAL_TOKEN, transferCall(authorization)),
    settleTogether: (authorizations: readonly Authorization[]) =>
      send(
        MULTICALL3,
        encodeFunctionData({
          abi: multicall3Abi,
          functionName: 'aggregate3',
          args: [
            authorizations.map((a) => ({
              target: LOCAL_TOKEN,
              allowFailure: false,
              callData: transferCall(a),
            })),
          ],
        }),
      ),
    cancel: (authorization: Authorization) =>
      send(
        LOCAL_TOKEN,
        encodeFunctionData({
          abi: usdcAbi,
          functionName: 'cancelAuthorization',
          args: [
            authorization.from,
            authorization.nonce,
            toHex(key.signCancel(hasher, authorization).signature),
          ],
        }),
      ),
    pay: (value: bigint) =>
      send(LOCAL_TOKEN, encodeFunctionData({ abi: usdcAbi, functionName: 'transfer', args: [PAYEE, value] })),
  };
}

describe('the token accepts what libs/evm signs, and the chain tells it back', () => {
  const client = clientOf(inject('rpcUrl'));
  const reader = createChainReader(new Map([[NETWORK, client]]));
  let wallet: Awaited<ReturnType<typeof walletOn>>;
  let fromBlock: number;

  beforeAll(async () => {
    wallet = await walletOn(inject('rpcUrl'));
    fromBlock = (await reader.latest(NETWORK)).number + 1;
  });

  const scan = async () => {
    const { number } = await reader.latest(NETWORK);
    const watched = { tokens: [TOKEN], wallets: [wallet.address] };
    return scanRange(client, watched, { fromBlock, toBlock: number });
  };

  it('signs under the domain separator that the token itself reports', async () => {
    const reported = await chainClients(inject('rpcUrl')).reader.readContract({
      address: LOCAL_TOKEN,
      abi: usdcAbi,
      functionName: 'DOMAIN_SEPARATOR',
    });
    expect(reported).toBe(findAsset(NETWORK, TOKEN)?.domainSeparator);
  });

  it('finds a settled payment by its receipt and by its block, at the same place', async () => {
    const authorization = wallet.authorize(50_000n);
    const txHash = await wallet.settle(authorization);
    const byReceipt = await reader.fateInTransaction(authorization, txHash);
    expect(byReceipt).toMatchObject({ kind: 'settled', settlement: { txHash } });
    expect(fateOf(authorization, indexTokenEvents(await scan()))).toEqual(byReceipt);
    const other = { ...authorization, nonce: freshNonce() };
    expect(await reader.fateInTransaction(other, txHash)).toEqual({ kind: 'unused' });
    expect(await reader.fateInTransaction(authorization, parseHex32(`0x${'ee'.repeat(32)}`))).toEqual({
      kind: 'unused',
    });
  });

  it('tells apart the payments of one transaction', async () => {
    const authorizations = [7n, 7n, 9n].map((value) => wallet.authorize(value));
    await wallet.settleTogether(authorizations);
    const index = indexTokenEvents(await scan());
    const fates = authorizations.map((authorization) => fateOf(authorization, index));
    expect(fates.map((fate) => fate.kind)).toEqual(['settled', 'settled', 'settled']);
    const logs = fates.map((fate) => (fate.kind === 'settled' ? fate.settlement.logIndex : -1));
    expect(new Set(logs).size).toBe(3);
  });

  it('finds a cancelled authorization', async () => {
    const authorization = wallet.authorize(1n);
    const txHash = await wallet.cancel(authorization);
    expect(fateOf(authorization, indexTokenEvents(await scan()))).toMatchObject({
      kind: 'cancelled',
      txHash,
    });
  });

  it('shows a transfer that no authorization explains', async () => {
    await wallet.pay(123n);
    const { otherTransfers } = indexTokenEvents(await scan());
    expect(otherTransfers).toMatchObject([{ from: wallet.address, to: PAYEE, value: 123n }]);
  });

  it('reads 600 nonce states at one block in three calls and one request', async () => {
    const used = wallet.authorize(2n);
    await wallet.settle(used);
    const { hash } = await reader.latest(NETWORK);
    const queries = [used, ...Array.from({ length: 599 }, () => wallet.authorize(1n))];
    const before = client.stats();
    const states = await client.authorizationStates(queries, { blockHash: hash });
    expect(states).toEqual([true, ...Array.from({ length: 599 }, () => false)]);
    const after = client.stats();
    expect([after.calls - before.calls, after.httpRequests - before.httpRequests]).toEqual([3, 1]);
  });

  it('reads balances, and no balance where there is no token', async () => {
    const nobody = parseEvmAddress(`0x${'99'.repeat(20)}`);
    const owner = wallet.address;
    const [rich, poor, none] = await client.balances(
      [
        { token: TOKEN, owner },
        { token: TOKEN, owner: nobody },
        { token: nobody, owner },
      ],
      'latest',
    );
    expect(rich).toBeGreaterThan(0n);
    expect([poor, none]).toEqual([0n, undefined]);
    expect(await client.balances([{ token: nobody, owner }], 'latest')).toEqual([undefined]);
  });

  it('knows a contract from an account', async () => {
    expect(await reader.isContract(NETWORK, TOKEN)).toBe(true);
    expect(await reader.isContract(NETWORK, wallet.address)).toBe(false);
  });

  it('accepts this node as the local network and as no other', async () => {
    await verifyNetwork(client, LOCAL);
    const sepolia = networkProfile('base-sepolia') ?? expect.fail('no profile');
    await expect(verifyNetwork(client, sepolia)).rejects.toThrow('wrong_chain');
    const base = createEvmRpc({ url: inject('rpcUrl'), chainId: 8453 });
    await expect(base.block('latest')).rejects.toThrow('wrong_chain');
  });
});

describe('a node that misbehaves', () => {
  let node: Service;
  let client: EvmRpc;

  beforeAll(async () => {
    node = await startAnvil({ mining: 'automine', slotsInAnEpoch: 8 });
    await prepareChain(node.url);
    client = clientOf(node.url);
  });
  afterAll(() => node.stop());

  const latest = async () => (await client.block('latest')) ?? expect.fail('no latest block');

  it('and reorganizes is found out, and reads tied to a block that is gone fail', async () => {
    const wallet = await walletOn(node.url);
    const authorization = wallet.authorize(5n);
    const start = await latest();
    await wallet.settle(authorization);
    await rawRpc(node.url, 'anvil_mine', ['0x2']);
    const head = await latest();
    const numbers = Array.from({ length: head.number - start.number + 1 }, (_, i) => start.number + i);
    const stored = await Promise.all(
      numbers.map(async (number) => (await client.block(number)) ?? expect.fail('block missing')),
    );
    expect(await finalizedBlock(client, LOCAL.finality)).toMatchObject({ number: head.number - 2 });
    expect(await findForkPoint(stored, client)).toMatchObject({ number: head.number });
    expect(await client.authorizationStates([authorization], { blockHash: head.hash })).toEqual([true]);

    await rawRpc(node.url, 'anvil_reorg', [3, []]);

    expect(await findForkPoint(stored, client)).toMatchObject({ number: start.number, hash: start.hash });
    await expect(client.authorizationStates([authorization], { blockHash: head.hash })).rejects.toThrow(
      'rejected',
    );
    expect(await client.authorizationStates([authorization], 'latest')).toEqual([false]);
    const range = { fromBlock: start.number + 1, toBlock: head.number };
    expect(await scanRange(client, { tokens: [TOKEN], wallets: [wallet.address] }, range)).toEqual([]);
  });

  it('and has no Multicall3 gives the same answers, still in one request', async () => {
    const owner = parseEvmAddress(`0x${'77'.repeat(20)}`);
    await fundGas(node.url, owner);
    await mintUsdc(node.url, owner, 42n);
    const queries = [
      { token: TOKEN, owner },
      { token: TOKEN, owner: PAYEE },
      { token: owner, owner },
    ];
    const withMulticall = await client.balances(queries, 'latest');
    await rawRpc(node.url, 'anvil_setCode', [MULTICALL3, '0x']);
    const before = client.stats().httpRequests;
    expect(await client.balances(queries, 'latest')).toEqual(withMulticall);
    expect(client.stats().httpRequests - before).toBe(2);
    expect(withMulticall[0]).toBe(42n);
  });

  it('and comes back as another chain is believed in nothing', async () => {
    await latest();
    await rawRpc(node.url, 'anvil_setChainId', [1]);
    await expect(client.block('latest')).rejects.toThrow('wrong_chain');
    await rawRpc(node.url, 'anvil_setChainId', [LOCAL.chainId]);
    await latest();
  });

  it('and dies is unreachable, by a name without its address', async () => {
    const dying = await startAnvil({ mining: 'automine' });
    const lost = clientOf(dying.url);
    await lost.block('latest');
    await dying.stop();
    const error: unknown = await lost.block('latest').catch((reason: unknown) => reason);
    expect(error).toMatchObject({ fault: 'unreachable' });
    expect(String(error)).not.toContain(new URL(dying.url).port);
  });
});
