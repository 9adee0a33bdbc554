// A broadcaster on a real database and a real node, with payers who sign and payees who receive.
import { randomBytes } from 'node:crypto';
import { parseCaip2, parseEvmAddress, parseHex32, type EvmAddress } from '#domain';
import {
  Broadcaster,
  type BroadcastChain,
  type BroadcastSigner,
  type BroadcastStore,
  type Eip3009Transfer,
  type SettlementDesk,
  type SettlementView,
  type SignedTransfer,
  type TransferKey,
  type Vault,
} from '#engine';
import {
  createBroadcastChain,
  createEvmRpc,
  decodePrivateKey,
  hasherOf,
  openAuthorizationKey,
  type EvmRpc,
} from '#evm';
import { createBroadcastStore, createSettlementDesk } from '#postgres';
import { generatePrivateKey } from 'viem/accounts';
import { startAnvil, rpc as rawRpc, type AnvilOptions } from '../../apps/local/src/services/index.js';
import { testBroadcastSigner, type TestBroadcastSigner } from './broadcast-signer.js';
import { panelOf } from './panel.js';
import { chargesOf, fundGas, LOCAL_TOKEN, mintUsdc, prepareChain } from './chain.js';
import { storeBench, type Bench } from './postgres-store.js';
import { readBooks } from '../checker/read.js';
import { checkBooks } from '../checker/rules.js';

export const NETWORK = parseCaip2('eip155:84532');
export const TOKEN = parseEvmAddress(LOCAL_TOKEN);
const FEE_CAP = 500_000_000_000n;

const plainVault: Vault = { seal: (_, plain) => plain, open: (_, sealed) => sealed };

export interface Payer {
  readonly address: EvmAddress;
  authorize(changes?: Partial<Eip3009Transfer>): Eip3009Transfer;
}

export interface Lines {
  readonly alarms: string[];
  readonly texts: string[];
}

export interface Parts {
  readonly store?: BroadcastStore;
  readonly chain?: BroadcastChain;
  readonly signer?: BroadcastSigner;
  readonly nowMs?: () => number;
}

export interface Settling {
  readonly url: string;
  readonly bench: Bench;
  readonly desk: SettlementDesk;
  readonly store: BroadcastStore;
  readonly chain: BroadcastChain;
  readonly rpc: EvmRpc;
  readonly signer: TestBroadcastSigner;
  readonly lines: Lines;
  /** Its port, and with a state file its chain, stay. */
  stopNode(): Promise<void>;
  startNode(): Promise<void>;
  node(method: string, ...params: readonly unknown[]): Promise<unknown>;
  aPayer(usdc?: bigint): Promise<Payer>;
  claim(transfer: SignedTransfer): Promise<SettlementView>;
  /** Another process on the same rows; parts of it may be replaced. */
  broadcaster(parts?: Parts): Broadcaster;
  /** Turns until all of these have ended; a block is mined between turns when asked. */
  settle(
    broadcaster: Broadcaster,
    keys: readonly TransferKey[],
    mine?: boolean,
  ): Promise<readonly SettlementView[]>;
  /** Transfers out of the payer, from the token's own logs. */
  chargesOf(payer: Payer): Promise<number>;
  /** What the independent checker finds wrong with the books. */
  violations(): Promise<readonly { readonly rule: string }[]>;
  close(): Promise<void>;
}

export async function startSettling(
  anvil: AnvilOptions = { mining: 'automine', slotsInAnEpoch: 8 },
  accounts = 1,
): Promise<Settling> {
  let node = await startAnvil(anvil);
  const { url } = node;
  const bench = await storeBench();
  await prepareChain(url);
  const signer = testBroadcastSigner(accounts);
  for (const account of signer.accounts) await fundGas(url, account);
  const pool = bench.poolOf('purser_system');
  const clock = { nowMs: () => Date.now() };
  const store = createBroadcastStore(pool, plainVault);
  const desk = createSettlementDesk({
    pool,
    vault: plainVault,
    clock,
    endings: { changed: () => new Promise((resolve) => setTimeout(resolve, 10)) },
  });
  const rpc = createEvmRpc({ url, chainId: 84532 });
  const chain = createBroadcastChain({
    panel: panelOf([rpc]),
    finality: { kind: 'tag' },
  });
  const lines: Lines = { alarms: [], texts: [] };
  const say = (fields: Record<string, unknown>, text: string): void => {
    lines.texts.push(text);
    if (typeof fields['alarm'] === 'string') lines.alarms.push(fields['alarm']);
  };
  const logger = { info: say, warn: say, error: say };
  let owners = 0;
  return {
    url,
    stopNode: () => node.stop(),
    async startNode() {
      node = await startAnvil({ ...anvil, port: Number(new URL(url).port) });
    },
    bench,
    desk,
    store,
    chain,
    rpc,
    signer,
    lines,
    node: (method, ...params) => rawRpc(url, method, params),
    aPayer: (usdc = 1_000_000_000n) => aPayer(url, usdc),
    async claim(transfer) {
      const { settlement } = await desk.claim({
        transfer,
        workspaceId: null,
        askedBy: 'test',
        requestKey: null,
      });
      return settlement;
    },
    broadcaster(parts = {}) {
      owners += 1;
      return new Broadcaster({
        chain: parts.chain ?? chain,
        // Each takes over from the one before: leases have tests of their own.
        store: { ...(parts.store ?? store), holdLease: () => Promise.resolve(true) },
        signer: parts.signer ?? signer,
        clock: { nowMs: parts.nowMs ?? clock.nowMs },
        logger,
        owner: `test-${owners}`,
        accounts,
        feeCap: FEE_CAP,
        costCap: 10n ** 19n,
        lowBalance: 10n ** 15n,
      });
    },
    async settle(broadcaster, keys, mine = false) {
      for (let turns = 0; turns < 2_000; turns += 1) {
        const pauseMs = await broadcaster.turn();
        const views = await Promise.all(keys.map((key) => desk.find(key)));
        if (views.every((it) => it?.status === 'settled' || it?.status === 'failed'))
          return views.flatMap((it) => it ?? []);
        if (mine) await rawRpc(url, 'evm_mine');
        await new Promise((resolve) => setTimeout(resolve, Math.min(pauseMs, 20)));
      }
      throw new Error('the transfers did not end');
    },
    chargesOf: async (payer) => (await chargesOf(payer.address, url)).length,
    violations: async () =>
      checkBooks(await readBooks({ databaseUrl: bench.database.url, rpcUrl: url, token: LOCAL_TOKEN })),
    async close() {
      await bench.close();
      await node.stop();
    },
  };
}

async function aPayer(url: string, usdc: bigint): Promise<Payer> {
  const key = openAuthorizationKey(decodePrivateKey(generatePrivateKey()));
  if (usdc > 0n) await mintUsdc(url, key.address, usdc);
  const hasher = hasherOf(NETWORK, TOKEN);
  if (hasher === undefined) throw new Error('the local token is not registered');
  return {
    address: key.address,
    authorize(changes = {}) {
      const tuple = {
        method: 'eip3009' as const,
        network: NETWORK,
        token: TOKEN,
        from: key.address,
        to: parseEvmAddress(`0x${randomBytes(20).toString('hex')}`),
        value: 10_000n,
        validAfterSec: 0,
        validBeforeSec: 4_000_000_000,
        nonce: parseHex32(`0x${randomBytes(32).toString('hex')}`),
        ...changes,
      };
      return { ...tuple, signature: changes.signature ?? key.signTransfer(hasher, tuple).signature };
    },
  };
}
