// What the files of the signer's keystore have in common: one key derived from the passphrase, and boxes that open with it alone.
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { InvalidKeyMaterialError, openAuthorizationKey } from '#evm';
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
} from '#runtime';

/** A box as a file holds it. */
export interface Sealed {
  readonly kdf: KdfParameters;
  /** iv, ciphertext, tag; base64. */
  readonly sealed: string;
}

const MASTER_FILE = 'keystore.json';
const CHECK = 'purser/keystore/v1';

export class Keystore {
  /** Keys by salt: ours first, and those of files that were restored from another keystore. */
  readonly #keys = new Map<string, Buffer>();

  private constructor(
    readonly folder: string,
    private readonly passphrase: string,
    private readonly kdf: KdfParameters,
    private readonly master: Buffer,
  ) {
    this.#keys.set(kdf.salt, master);
  }

  /**
   * Makes the keystore where there is none.
   * @throws KeystoreError on a wrong passphrase, an unsafe mode, or a damaged file: then the signer must not start.
   */
  static async open(
    folder: string,
    passphrase: string,
    options: { readonly scryptN?: number } = {},
  ): Promise<Keystore> {
    await privateFolder(folder);
    const path = join(folder, MASTER_FILE);
    let text = await readPrivate(path);
    if (text === undefined) {
      const kdf = newKdf(options.scryptN);
      const check = seal(await deriveKey(passphrase, kdf), Buffer.from(CHECK), CHECK).toString('base64');
      await writePrivate(path, `${JSON.stringify({ version: 1, kdf, check }, null, 2)}\n`, { once: true });
      text = await readPrivate(path);
    }
    const file = parseFile(MASTER_FILE, text) as {
      version?: unknown;
      kdf?: KdfParameters;
      check?: unknown;
    };
    if (file.version !== 1 || file.kdf === undefined || typeof file.check !== 'string')
      throw new KeystoreError(`${MASTER_FILE} is not a version 1 keystore.`);
    const master = await deriveKey(passphrase, file.kdf);
    // Tells a wrong passphrase before anything is signed or made.
    unseal(master, Buffer.from(file.check, 'base64'), CHECK);
    return new Keystore(folder, passphrase, file.kdf, master);
  }

  seal(plain: Uint8Array, boundTo: string): Sealed {
    return { kdf: this.kdf, sealed: seal(this.master, plain, boundTo).toString('base64') };
  }

  /** One more key derivation for the first file of another keystore. @throws KeystoreError */
  async unseal(box: Sealed, boundTo: string): Promise<Buffer> {
    const key = this.#keys.get(box.kdf.salt) ?? (await deriveKey(this.passphrase, box.kdf));
    this.#keys.set(box.kdf.salt, key);
    return unseal(key, Buffer.from(box.sealed, 'base64'), boundTo);
  }

  /** Overwrites the keys in memory, as far as JavaScript lets us. */
  close(): void {
    for (const key of this.#keys.values()) key.fill(0);
    this.#keys.clear();
  }
}

export function freshPrivateKey(): Uint8Array {
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

/** @throws KeystoreError when the file is missing or is not JSON. */
export function parseFile(name: string, text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? '') ?? {};
  } catch {
    throw new KeystoreError(`${name} is missing or damaged.`);
  }
}
