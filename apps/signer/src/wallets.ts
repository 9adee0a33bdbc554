// The keystore: one encrypted file per wallet. All are opened once at start; the keys stay in this process, and nothing here hands one out.
import { randomBytes } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { parseEvmAddress, parseWalletId, parseWorkspaceId, type WalletId, type WorkspaceId } from '#domain';
import { decodePrivateKey, InvalidKeyMaterialError, openAuthorizationKey, type AuthorizationKey } from '#evm';
import {
  deriveKey,
  KeystoreError,
  newKdf,
  privateFolder,
  readPrivate,
  seal,
  unseal,
  writePrivate,
  type KdfParameters,
  type WalletInfo,
  type WalletRefusal,
} from '#runtime';

export type WalletAnswer = { readonly wallet: WalletInfo } | { readonly error: WalletRefusal };

export interface OpenWallet extends WalletInfo {
  readonly key: AuthorizationKey;
}

interface WalletFile extends WalletInfo {
  readonly version: 1;
  readonly kdf: KdfParameters;
  /** iv, ciphertext, tag; base64. Authenticated together with every field above. */
  readonly sealed: string;
}

const FOLDER = 'wallets';
const MASTER_FILE = 'keystore.json';
const CHECK = 'purser/keystore/v1';
const FILE_NAME = /^wal_[0-9a-z]{26}\.json$/;

export class Wallets {
  readonly #open = new Map<WalletId, OpenWallet>();
  /** Changes run one after another; reads never wait. */
  #last: Promise<unknown> = Promise.resolve();

  private constructor(
    private readonly folder: string,
    private readonly kdf: KdfParameters,
    private readonly master: Buffer,
  ) {}

  /**
   * Opens every wallet. One scrypt for all of them, since their files share its salt; a restored backup of another keystore costs one more.
   * @throws KeystoreError on a wrong passphrase, an unsafe mode, or a damaged file: then the signer must not start.
   */
  static async open(
    keystore: string,
    passphrase: string,
    options: { readonly scryptN?: number } = {},
  ): Promise<Wallets> {
    await privateFolder(keystore);
    const folder = join(keystore, FOLDER);
    await privateFolder(folder);
    const { kdf, master } = await openMaster(keystore, passphrase, options.scryptN);
    const wallets = new Wallets(folder, kdf, master);
    const masters = new Map<string, Buffer>([[kdf.salt, master]]);
    for (const name of (await readdir(folder)).filter((it) => FILE_NAME.test(it))) {
      const file = parseFile(name, await readPrivate(join(folder, name)));
      const key = masters.get(file.kdf.salt) ?? (await deriveKey(passphrase, file.kdf));
      masters.set(file.kdf.salt, key);
      wallets.#admit(file, unseal(key, Buffer.from(file.sealed, 'base64'), boundTo(file)));
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
      if (this.#open.has(walletId)) {
        bytes.fill(0);
        return { error: 'wallet_exists' };
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
      const file = parseFile(walletId, await readPrivate(path));
      if (file.kdf.salt !== this.kdf.salt)
        throw new KeystoreError('Restart the signer before retiring a restored wallet.');
      const privateKey = unseal(this.master, Buffer.from(file.sealed, 'base64'), boundTo(file));
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
    this.master.fill(0);
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
    this.#open.set(file.walletId, { ...infoOf(file), key });
  }

  #encode(wallet: WalletInfo, privateKey: Uint8Array): string {
    const info = infoOf(wallet);
    const sealed = seal(this.master, privateKey, boundTo(info)).toString('base64');
    const file: WalletFile = { version: 1, ...info, kdf: this.kdf, sealed };
    return `${JSON.stringify(file, null, 2)}\n`;
  }

  #exclusively<T>(work: () => T | Promise<T>): Promise<T> {
    const result = this.#last.then(work);
    this.#last = result.catch(() => undefined);
    return result;
  }
}

/** The parameters of the one key derivation, and a box that tells a wrong passphrase before anything is signed or made. */
async function openMaster(
  keystore: string,
  passphrase: string,
  scryptN: number | undefined,
): Promise<{ kdf: KdfParameters; master: Buffer }> {
  const path = join(keystore, MASTER_FILE);
  let text = await readPrivate(path);
  if (text === undefined) {
    const kdf = newKdf(scryptN);
    const check = seal(await deriveKey(passphrase, kdf), Buffer.from(CHECK), CHECK).toString('base64');
    await writePrivate(path, `${JSON.stringify({ version: 1, kdf, check }, null, 2)}\n`, { once: true });
    text = await readPrivate(path);
  }
  const file = parse(MASTER_FILE, text) as { version?: unknown; kdf?: KdfParameters; check?: unknown };
  if (file.version !== 1 || file.kdf === undefined || typeof file.check !== 'string')
    throw new KeystoreError(`${MASTER_FILE} is not a version 1 keystore.`);
  const master = await deriveKey(passphrase, file.kdf);
  unseal(master, Buffer.from(file.check, 'base64'), CHECK);
  return { kdf: file.kdf, master };
}

function freshPrivateKey(): Uint8Array {
  for (;;) {
    const candidate = randomBytes(32);
    try {
      openAuthorizationKey(candidate).close();
      return candidate;
    } catch (error) {
      // Outside the curve order: happens once in 2^128.
      if (!(error instanceof InvalidKeyMaterialError)) throw error;
    }
  }
}

function infoOf({ walletId, workspaceId, address, status, origin }: WalletInfo): WalletInfo {
  return { walletId, workspaceId, address, status, origin };
}

/** A file whose owner, address or status was edited does not open. */
function boundTo({ walletId, workspaceId, address, status, origin }: WalletInfo): string {
  return ['purser/wallet/v1', walletId, workspaceId, address, status, origin].join('|');
}

function parseFile(name: string, text: string | undefined): WalletFile {
  const file = parse(name, text) as Partial<WalletFile>;
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

function parse(name: string, text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? '') ?? {};
  } catch {
    throw new KeystoreError(`${name} is missing or damaged.`);
  }
}
