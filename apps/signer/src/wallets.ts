// The keystore: one encrypted file per wallet. All are opened once at start; the keys stay in this process, and nothing here hands one out.
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import {
  parseEvmAddress,
  parseWalletId,
  parseWorkspaceId,
  type EvmAddress,
  type WalletId,
  type WorkspaceId,
} from '#domain';
import { decodePrivateKey, InvalidKeyMaterialError, openAuthorizationKey, type AuthorizationKey } from '#evm';
import {
  KeystoreError,
  privateFolder,
  readPrivate,
  writePrivate,
  type WalletInfo,
  type WalletRefusal,
} from '#runtime';
import { freshPrivateKey, parseFile, type Keystore, type Sealed } from './keystore.js';

export type WalletAnswer = { readonly wallet: WalletInfo } | { readonly error: WalletRefusal };

export interface OpenWallet extends WalletInfo {
  readonly key: AuthorizationKey;
}

/** The box is authenticated together with every field of the wallet. */
interface WalletFile extends WalletInfo, Sealed {
  readonly version: 1;
}

const FOLDER = 'wallets';
const FILE_NAME = /^wal_[0-9a-z]{26}\.json$/;

export class Wallets {
  readonly #open = new Map<WalletId, OpenWallet>();
  /** Changes run one after another; reads never wait. */
  #last: Promise<unknown> = Promise.resolve();

  private constructor(
    private readonly folder: string,
    private readonly keystore: Keystore,
    private readonly reserved: (address: EvmAddress) => boolean,
  ) {}

  /**
   * Opens every wallet. A `reserved` address has another task in this signer and never becomes a wallet.
   * @throws KeystoreError on an unsafe mode or a damaged file: then the signer must not start.
   */
  static async open(
    keystore: Keystore,
    reserved: (address: EvmAddress) => boolean = () => false,
  ): Promise<Wallets> {
    const folder = join(keystore.folder, FOLDER);
    await privateFolder(folder);
    const wallets = new Wallets(folder, keystore, reserved);
    for (const name of (await readdir(folder)).filter((it) => FILE_NAME.test(it))) {
      const file = parseWallet(name, await readPrivate(join(folder, name)));
      wallets.#admit(file, await keystore.unseal(file, boundTo(file)));
    }
    return wallets;
  }

  get size(): number {
    return this.#open.size;
  }

  find(walletId: WalletId): OpenWallet | undefined {
    return this.#open.get(walletId);
  }

  list(workspaceId: WorkspaceId): WalletInfo[] {
    return [...this.#open.values()].filter((it) => it.workspaceId === workspaceId).map(infoOf);
  }

  /** The same wallet id again answers with the wallet that is there. */
  create(workspaceId: WorkspaceId, walletId: WalletId): Promise<WalletAnswer> {
    return this.#exclusively(() => {
      const existing = this.#open.get(walletId);
      if (existing !== undefined)
        return existing.workspaceId === workspaceId
          ? { wallet: infoOf(existing) }
          : { error: 'wallet_exists' };
      return this.#add({ workspaceId, walletId, origin: 'created' }, freshPrivateKey());
    });
  }

  import(workspaceId: WorkspaceId, walletId: WalletId, privateKey: string): Promise<WalletAnswer> {
    return this.#exclusively(() => {
      let bytes: Uint8Array;
      try {
        bytes = decodePrivateKey(privateKey);
      } catch (error) {
        if (error instanceof InvalidKeyMaterialError) return { error: 'invalid_key' };
        throw error;
      }
      const probe = openAuthorizationKey(bytes);
      probe.close();
      const same = [...this.#open.values()].find((it) => it.address === probe.address);
      if (same !== undefined) {
        bytes.fill(0);
        const repeated = same.walletId === walletId && same.workspaceId === workspaceId;
        return repeated ? { wallet: infoOf(same) } : { error: 'address_exists' };
      }
      if (this.#open.has(walletId) || this.reserved(probe.address)) {
        bytes.fill(0);
        return { error: this.#open.has(walletId) ? 'wallet_exists' : 'address_exists' };
      }
      return this.#add({ workspaceId, walletId, origin: 'imported' }, bytes);
    });
  }

  /** For good: a retired wallet signs nothing new. Its key stays in the file, since it may still own money. */
  retire(workspaceId: WorkspaceId, walletId: WalletId): Promise<WalletAnswer> {
    return this.#exclusively(async () => {
      const wallet = this.#ofWorkspace(workspaceId, walletId);
      if (wallet === undefined) return { error: 'unknown_wallet' };
      if (wallet.status === 'retired') return { wallet: infoOf(wallet) };
      const path = join(this.folder, `${walletId}.json`);
      const file = parseWallet(walletId, await readPrivate(path));
      const privateKey = await this.keystore.unseal(file, boundTo(file));
      const retired = { ...wallet, status: 'retired' as const };
      await writePrivate(path, this.#encode(retired, privateKey));
      privateKey.fill(0);
      this.#open.set(walletId, retired);
      return { wallet: infoOf(retired) };
    });
  }

  /** The encrypted file to the letter; copied back into the folder it restores the wallet. */
  async backup(
    workspaceId: WorkspaceId,
    walletId: WalletId,
  ): Promise<{ readonly backup: string } | { readonly error: WalletRefusal }> {
    if (this.#ofWorkspace(workspaceId, walletId) === undefined) return { error: 'unknown_wallet' };
    const backup = await readPrivate(join(this.folder, `${walletId}.json`));
    return backup === undefined ? { error: 'unknown_wallet' } : { backup };
  }

  /** Overwrites the keys in memory, as far as JavaScript lets us. */
  close(): void {
    for (const { key } of this.#open.values()) key.close();
    this.#open.clear();
  }

  #ofWorkspace(workspaceId: WorkspaceId, walletId: WalletId): OpenWallet | undefined {
    const wallet = this.#open.get(walletId);
    return wallet?.workspaceId === workspaceId ? wallet : undefined;
  }

  /** On disk before it is known to anybody: an address must not receive money while its key could still be lost. */
  async #add(
    what: Pick<WalletInfo, 'workspaceId' | 'walletId' | 'origin'>,
    privateKey: Uint8Array,
  ): Promise<WalletAnswer> {
    const key = openAuthorizationKey(privateKey);
    const wallet: OpenWallet = { ...what, address: key.address, status: 'active', key };
    const path = join(this.folder, `${what.walletId}.json`);
    const written = await writePrivate(path, this.#encode(wallet, privateKey), { once: true });
    privateKey.fill(0);
    if (!written) {
      key.close();
      return { error: 'wallet_exists' };
    }
    this.#open.set(wallet.walletId, wallet);
    return { wallet: infoOf(wallet) };
  }

  #admit(file: WalletFile, privateKey: Buffer): void {
    const key = openAuthorizationKey(privateKey);
    privateKey.fill(0);
    if (key.address !== file.address)
      throw new KeystoreError(`${file.walletId} holds the key of another address.`);
    if (this.reserved(key.address))
      throw new KeystoreError(`${file.walletId} holds the key of a broadcast account.`);
    this.#open.set(file.walletId, { ...infoOf(file), key });
  }

  #encode(wallet: WalletInfo, privateKey: Uint8Array): string {
    const info = infoOf(wallet);
    const file: WalletFile = { version: 1, ...info, ...this.keystore.seal(privateKey, boundTo(info)) };
    return `${JSON.stringify(file, null, 2)}\n`;
  }

  #exclusively<T>(work: () => T | Promise<T>): Promise<T> {
    const result = this.#last.then(work);
    this.#last = result.catch(() => undefined);
    return result;
  }
}

function infoOf({ walletId, workspaceId, address, status, origin }: WalletInfo): WalletInfo {
  return { walletId, workspaceId, address, status, origin };
}

/** A file whose owner, address or status was edited does not open. */
function boundTo({ walletId, workspaceId, address, status, origin }: WalletInfo): string {
  return ['purser/wallet/v1', walletId, workspaceId, address, status, origin].join('|');
}

function parseWallet(name: string, text: string | undefined): WalletFile {
  const file = parseFile(name, text) as Partial<WalletFile>;
  const sound =
    file.version === 1 &&
    (file.status === 'active' || file.status === 'retired') &&
    (file.origin === 'created' || file.origin === 'imported') &&
    file.kdf !== undefined &&
    typeof file.sealed === 'string';
  if (!sound) throw new KeystoreError(`${name} is not a version 1 wallet.`);
  return {
    version: 1,
    walletId: parseWalletId(file.walletId),
    workspaceId: parseWorkspaceId(file.workspaceId),
    address: parseEvmAddress(file.address),
    status: file.status,
    origin: file.origin,
    kdf: file.kdf,
    sealed: file.sealed,
  };
}
