// Keys of the accounts that pay for gas: one encrypted file each, in a folder of their own and bound to their task, so that none of them
// opens as a wallet and no wallet opens as one of them.
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { chainIdOf, parseCaip2, parseEvmAddress, type Caip2, type EvmAddress } from '#domain';
import { openBroadcastKey, type BroadcastKey } from '#evm';
import { KeystoreError, privateFolder, readPrivate, writePrivate } from '#runtime';
import { freshPrivateKey, parseFile, type Keystore, type Sealed } from './keystore.js';

interface Account {
  readonly network: Caip2;
  /** Place in the order of the network's accounts, from 0. */
  readonly index: number;
  readonly address: EvmAddress;
}

/** The box is authenticated together with every field of the account. */
interface AccountFile extends Account, Sealed {
  readonly version: 1;
}

const FOLDER = 'broadcast';
const FILE_NAME = /^eip155-[0-9]+-[0-9]{2}\.json$/;

export class BroadcastKeys {
  readonly #byNetwork = new Map<Caip2, BroadcastKey[]>();
  /** Accounts are made one after another; reads never wait. */
  #last: Promise<unknown> = Promise.resolve();

  private constructor(
    private readonly folder: string,
    private readonly keystore: Keystore,
  ) {}

  /** @throws KeystoreError on an unsafe mode, a damaged file or a missing one: then the signer must not start. */
  static async open(keystore: Keystore): Promise<BroadcastKeys> {
    const folder = join(keystore.folder, FOLDER);
    await privateFolder(folder);
    const keys = new BroadcastKeys(folder, keystore);
    const names = (await readdir(folder)).filter((it) => FILE_NAME.test(it));
    for (const name of names.sort()) {
      const file = parseAccount(name, await readPrivate(join(folder, name)));
      keys.#admit(name, file, await keystore.unseal(file, boundTo(file)));
    }
    return keys;
  }

  /** All accounts of the network in the order in which they were made, at least `count`. On disk before anybody knows them. */
  accounts(network: Caip2, count: number): Promise<readonly EvmAddress[]> {
    const work = this.#last.then(async () => {
      const keys = this.#of(network);
      while (keys.length < count) keys.push(await this.#make(network, keys.length));
      return keys.map((key) => key.address);
    });
    this.#last = work.catch(() => undefined);
    return work;
  }

  find(network: Caip2, address: EvmAddress): BroadcastKey | undefined {
    return this.#byNetwork.get(network)?.find((key) => key.address === address);
  }

  /** Whether an account of any network has the address. */
  has(address: EvmAddress): boolean {
    return [...this.#byNetwork.keys()].some((network) => this.find(network, address) !== undefined);
  }

  /** Overwrites the keys in memory, as far as JavaScript lets us. */
  close(): void {
    for (const key of [...this.#byNetwork.values()].flat()) key.close();
    this.#byNetwork.clear();
  }

  #of(network: Caip2): BroadcastKey[] {
    const keys = this.#byNetwork.get(network) ?? [];
    this.#byNetwork.set(network, keys);
    return keys;
  }

  async #make(network: Caip2, index: number): Promise<BroadcastKey> {
    const privateKey = freshPrivateKey();
    const key = openBroadcastKey(privateKey);
    const account: Account = { network, index, address: key.address };
    const file: AccountFile = {
      version: 1,
      ...account,
      ...this.keystore.seal(privateKey, boundTo(account)),
    };
    privateKey.fill(0);
    const path = join(this.folder, fileName(account));
    const written = await writePrivate(path, `${JSON.stringify(file, null, 2)}\n`, { once: true });
    if (written) return key;
    key.close();
    throw new KeystoreError(`${fileName(account)} was put there by somebody else; restart the signer.`);
  }

  /** Files come in the order of their names. A lost one would shift the others, and its account may have transactions under way. */
  #admit(name: string, file: AccountFile, privateKey: Buffer): void {
    const key = openBroadcastKey(privateKey);
    privateKey.fill(0);
    if (key.address !== file.address) throw new KeystoreError(`${name} holds the key of another address.`);
    const keys = this.#of(file.network);
    if (name !== fileName(file)) throw new KeystoreError(`${name} has the name of another account.`);
    if (file.index !== keys.length) throw new KeystoreError(`A file before ${name} is missing.`);
    keys.push(key);
  }
}

function fileName({ network, index }: Account): string {
  return `eip155-${chainIdOf(network)}-${String(index).padStart(2, '0')}.json`;
}

function boundTo({ network, index, address }: Account): string {
  return ['purser/broadcast/v1', network, index, address].join('|');
}

function parseAccount(name: string, text: string | undefined): AccountFile {
  const file = parseFile(name, text) as Partial<AccountFile>;
  const { version, index, kdf, sealed } = file;
  const sound =
    version === 1 && Number.isSafeInteger(index) && kdf !== undefined && typeof sealed === 'string';
  if (!sound) throw new KeystoreError(`${name} is not a version 1 broadcast account.`);
  return {
    version: 1,
    network: parseCaip2(file.network),
    index: index as number,
    address: parseEvmAddress(file.address),
    kdf,
    sealed,
  };
}
