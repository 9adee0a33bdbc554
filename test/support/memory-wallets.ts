// Wallets in memory, as administration sees them; their keys are addresses that nobody holds.
import { parseEvmAddress, parseWalletId, refuse, type WalletId, type WorkspaceId } from '#domain';
import type { Administration, FloatView, NewWallet, WalletKeys, WalletView } from '#engine';
import { walletId } from './builders.js';
import { found, pageOf } from './memory-lists.js';

type Wallets = Administration['wallets'];

export class MemoryWallets implements Wallets {
  readonly views: WalletView[] = [];

  constructor(
    private readonly nowMs: () => number,
    private readonly next: () => number,
  ) {}

  readonly create: Wallets['create'] = async (workspaceId, input, keys) =>
    this.addWallet(workspaceId, input, {
      address: await keys.createKey(workspaceId, parseWalletId(`wal_${'0'.repeat(26)}`)),
      origin: 'created',
    });

  readonly import: Wallets['import'] = async (workspaceId, input, keys) =>
    this.addWallet(workspaceId, input, {
      address: await keys.importKey(workspaceId, parseWalletId(`wal_${'0'.repeat(26)}`), input.privateKey),
      origin: 'imported',
    });

  readonly get: Wallets['get'] = (workspaceId, id) => Promise.resolve(this.wallet(workspaceId, id));

  readonly list: Wallets['list'] = (workspaceId, page) =>
    Promise.resolve(
      pageOf(
        this.views.filter((it) => it.workspaceId === workspaceId),
        page,
      ),
    );

  readonly retire: Wallets['retire'] = async (workspaceId, id, keys) => {
    const view = this.changeWallet(workspaceId, id, { status: 'retired' });
    await keys.retireKey(workspaceId, id);
    return view;
  };

  readonly confirmBackup: Wallets['confirmBackup'] = (workspaceId, id) =>
    Promise.resolve(this.changeWallet(workspaceId, id, { backupConfirmedAtMs: this.nowMs() }));

  /** As the real one keeps it: by wallet, network and token. */
  readonly lowBelow = new Map<string, bigint | null>();

  readonly setLowBalance: Wallets['setLowBalance'] = (workspaceId, id, { network, token, below }) =>
    Promise.resolve().then(() => {
      this.lowBelow.set(`${this.wallet(workspaceId, id).walletId}/${network}/${token}`, below);
    });

  readonly floats = new Map<string, FloatView>();

  readonly setFloat: Wallets['setFloat'] = (workspaceId, id, { person: _person, ...float }) =>
    Promise.resolve().then(() => {
      const { agentId, walletId: own } = this.wallet(workspaceId, id);
      if (agentId === null)
        throw refuse('validation_failed', { field: 'wallet_id', reason: 'belongs_to_no_agent' });
      const never = { sentToday: 0n, operationId: null, lastOperationId: null, problem: null };
      this.floats.set(`${id}/${float.token}`, { ...float, walletId: own, enabled: true, ...never });
    });

  readonly stopFloat: Wallets['stopFloat'] = (_workspaceId, id, { token }) => {
    const float = this.floats.get(`${id}/${token}`);
    if (float) this.floats.set(`${id}/${token}`, { ...float, enabled: false });
    return Promise.resolve();
  };

  readonly depositAddress: Wallets['depositAddress'] = (workspaceId, id) => {
    const { backupConfirmedAtMs, address } = this.wallet(workspaceId, id);
    if (backupConfirmedAtMs === null)
      throw refuse('validation_failed', { field: 'wallet_id', reason: 'backup_not_confirmed' });
    return Promise.resolve(address);
  };

  find(workspaceId: WorkspaceId, id: string): WalletView {
    return this.wallet(workspaceId, parseWalletId(id));
  }

  private wallet(workspaceId: WorkspaceId, id: WalletId): WalletView {
    return found(
      this.views.find((it) => it.workspaceId === workspaceId && it.walletId === id),
      'wallet',
    );
  }

  private addWallet(
    workspaceId: WorkspaceId,
    { agentId, role = 'payments', label }: NewWallet,
    { address, origin }: Pick<WalletView, 'address' | 'origin'>,
  ): WalletView {
    const view: WalletView = {
      walletId: parseWalletId(walletId(this.next())),
      workspaceId,
      agentId,
      role,
      address,
      label,
      status: 'active',
      origin,
      backupConfirmedAtMs: null,
      createdAtMs: this.nowMs(),
    };
    this.views.push(view);
    return view;
  }

  private changeWallet(workspaceId: WorkspaceId, id: WalletId, change: Partial<WalletView>): WalletView {
    const view = { ...this.wallet(workspaceId, id), ...change };
    this.views.splice(
      this.views.findIndex((it) => it.walletId === id),
      1,
      view,
    );
    return view;
  }
}

export const memoryWalletKeys: WalletKeys = {
  createKey: () => Promise.resolve(parseEvmAddress(`0x${'c1'.repeat(20)}`)),
  importKey: () => Promise.resolve(parseEvmAddress(`0x${'c2'.repeat(20)}`)),
  retireKey: () => Promise.resolve(),
};
