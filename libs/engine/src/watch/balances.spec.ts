import { beforeEach, describe, expect, it } from 'vitest';
import type { EvmAddress } from '#domain';
import { address, TOKEN, WORKSPACE, walletId } from '../../../../test/support/builders.js';
import { MemoryChainSource } from '../../../../test/support/memory-chain-source.js';
import { MemoryInstallation } from '../../../../test/support/memory-installation.js';
import { MemoryWatchStore } from '../../../../test/support/memory-watch-store.js';
import { Balances } from './balances.js';
import type { LowBalance, ManagedWallet, Scan, TransferSeen, WatchedBlock } from './ports.js';

const wallets: ManagedWallet[] = Array.from({ length: 300 }, (_, n) => ({
  workspaceId: WORKSPACE,
  walletId: walletId(n),
  address: address(0x1000 + n),
}));
const NOTHING: Scan = {
  uses: [],
  otherTransfers: [],
  permits: [],
  allowances: [],
  incoming: [],
  fateOf: () => ({ kind: 'unused' }),
};
const paidTo = (to: EvmAddress): Scan => ({ ...NOTHING, incoming: [{ to } as TransferSeen] });
const head = (number: number) => ({ number }) as WatchedBlock;

let asked: EvmAddress[][];
let low: (readonly string[] | null)[];
let changed: LowBalance[];
let reread: string[];
let logged: Record<string, unknown>[];
let away = false;
let balances: Balances;
beforeEach(() => {
  [asked, low, changed, reread, logged] = [[], [], [], [], []];
  const purser = new MemoryInstallation();
  const source = new MemoryChainSource(purser.chain);
  source.balances = (queries) => {
    if (away) return Promise.reject(new Error('away'));
    asked.push(queries.map((it) => it.owner));
    return Promise.resolve(queries.map(() => 5n));
  };
  const store = Object.assign(new MemoryWatchStore(purser.database), {
    updateBalances: () => Promise.resolve(),
    rereadAbove: () => Promise.resolve(reread),
    lowBalances: (_network: string, ids: readonly string[] | null) => {
      low.push(ids);
      return Promise.resolve(changed.splice(0));
    },
  });
  const logger = { info: () => {}, warn: () => {}, error: (it: Record<string, unknown>) => logged.push(it) };
  const deps = { source, store: store as never, owner: 'watcher', tokens: [TOKEN] };
  balances = new Balances({ ...deps, ports: { ...purser.ports, logger } });
});

describe('balances on chain', () => {
  it('are read of every wallet once, and then of those that a block touched', async () => {
    await balances.follow(NOTHING, wallets, head(33));
    await balances.follow(NOTHING, wallets, head(34));
    await balances.follow(paidTo(address(0x1007)), wallets, head(35));
    expect(asked.map((it) => it.length)).toEqual([300, 1]);
    expect(asked[1]).toEqual([address(0x1007)]);
    const made = { workspaceId: WORKSPACE, walletId: walletId(301), address: address(0x2000) };
    await balances.follow(NOTHING, [...wallets, made], head(36));
    expect(asked[2]).toEqual([address(0x2000)]);
  });

  it('are checked part by part now and then, however many wallets there are', async () => {
    for (let number = 33; number < 33 + 64; number += 1)
      await balances.follow(NOTHING, wallets, head(number));
    expect(asked.map((it) => it.length)).toEqual([300, 100, 200]);
    expect(low).toEqual([null, null, null]);
  });

  it('of blocks that were reorganized away are read again', async () => {
    await balances.follow(NOTHING, wallets, head(33));
    reread = [walletId(7)];
    await balances.stepBack(31);
    await balances.follow(NOTHING, wallets, head(34));
    await balances.follow(NOTHING, wallets, head(35));
    expect(asked.slice(1)).toEqual([[address(0x1007)]]);
  });

  it('that could not be read are asked for again', async () => {
    away = true;
    await expect(balances.follow(NOTHING, wallets, head(33))).rejects.toThrow('away');
    away = false;
    await balances.follow(NOTHING, wallets, head(34));
    expect(asked[0]).toHaveLength(300);
  });

  it('that fall below their threshold raise the alarm once', async () => {
    const wallet = { workspaceId: WORKSPACE, walletId: walletId(1), network: 'eip155:84532' as never };
    changed = [{ ...wallet, token: TOKEN, available: 3n, below: 5n, low: true }];
    await balances.follow(NOTHING, wallets, head(33));
    await balances.follow(paidTo(address(0x1001)), wallets, head(34));
    expect(low[1]).toEqual([walletId(1)]);
    expect(logged).toEqual([{ ...wallet, token: TOKEN, available: '3', below: '5', alarm: 'wallet_low' }]);
  });
});
