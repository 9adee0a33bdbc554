// Files that hold secrets: encrypted under a passphrase (scrypt, AES-256-GCM), readable by their owner alone, and written so that a
// crash at any instruction leaves either the old file or the new one, never half of one.
import { createCipheriv, createDecipheriv, randomBytes, scrypt } from 'node:crypto';
import { link, lstat, mkdir, open, rename, unlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

/** Cost of deriving a key: about 0.4 s and 128 MiB, once per process. Files with less than the minimum are refused. */
const SCRYPT_N = 2 ** 17;
const MIN_SCRYPT_N = 2 ** 15;
const MAX_SCRYPT_N = 2 ** 20;
const SCRYPT_R = 8;
const SCRYPT_P = 1;
const IV_BYTES = 12;
const TAG_BYTES = 16;

export interface KdfParameters {
  readonly name: 'scrypt';
  readonly n: number;
  readonly r: number;
  readonly p: number;
  /** Hex. */
  readonly salt: string;
}

/** Wrong passphrase, damaged or unsafe file. Names the file, never its content. */
export class KeystoreError extends Error {
  override readonly name = 'KeystoreError';
}

export function newKdf(n = SCRYPT_N): KdfParameters {
  return { name: 'scrypt', n, r: SCRYPT_R, p: SCRYPT_P, salt: randomBytes(32).toString('hex') };
}

/** @throws KeystoreError when the parameters are weaker than ours or would exhaust memory. */
export function deriveKey(passphrase: string, kdf: KdfParameters): Promise<Buffer> {
  const sound =
    kdf.name === 'scrypt' &&
    Number.isInteger(Math.log2(kdf.n)) &&
    kdf.n >= MIN_SCRYPT_N &&
    kdf.n <= MAX_SCRYPT_N &&
    kdf.r === SCRYPT_R &&
    kdf.p === SCRYPT_P &&
    /^[0-9a-f]{32,}$/.test(kdf.salt);
  if (!sound) throw new KeystoreError('The key derivation parameters are not acceptable.');
  const cost = { N: kdf.n, r: kdf.r, p: kdf.p, maxmem: 256 * kdf.n * kdf.r };
  return new Promise((resolve, reject) => {
    scrypt(passphrase, Buffer.from(kdf.salt, 'hex'), 32, cost, (error, key) => {
      if (error) reject(error);
      else resolve(key);
    });
  });
}

/** AES-256-GCM: iv, ciphertext, tag. `bound` is authenticated with it, so that a box opens only where it belongs. */
export function seal(key: Uint8Array, plain: Uint8Array, bound: string): Buffer {
  const iv = randomBytes(IV_BYTES);
  const cipher = createCipheriv('aes-256-gcm', key, iv).setAAD(Buffer.from(bound, 'utf8'));
  return Buffer.concat([iv, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
}

/** @throws KeystoreError when the key, the box or what it is bound to is not the one it was sealed with. */
export function unseal(key: Uint8Array, box: Uint8Array, bound: string): Buffer {
  if (box.length < IV_BYTES + TAG_BYTES) throw new KeystoreError('The sealed data is too short.');
  const decipher = createDecipheriv('aes-256-gcm', key, box.subarray(0, IV_BYTES), {
    authTagLength: TAG_BYTES,
  })
    .setAAD(Buffer.from(bound, 'utf8'))
    .setAuthTag(box.subarray(box.length - TAG_BYTES));
  try {
    return Buffer.concat([decipher.update(box.subarray(IV_BYTES, box.length - TAG_BYTES)), decipher.final()]);
  } catch {
    throw new KeystoreError('The sealed data does not open with this passphrase, or was changed.');
  }
}

/** Makes the folder with mode 0700. @throws KeystoreError when an existing one is open to others or not ours. */
export async function privateFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await assertPrivate(folder, 'folder');
}

/** @throws KeystoreError when others could read or replace what lies at the path. */
export async function assertPrivate(path: string, kind: 'folder' | 'file'): Promise<void> {
  const found = await lstat(path);
  if (kind === 'folder' ? !found.isDirectory() : !found.isFile()) {
    throw new KeystoreError(`${basename(path)} is not a plain ${kind}.`);
  }
  if (process.getuid !== undefined && found.uid !== process.getuid()) {
    throw new KeystoreError(`${basename(path)} belongs to another user.`);
  }
  if ((found.mode & 0o077) !== 0) {
    const wanted = kind === 'folder' ? '0700' : '0600';
    throw new KeystoreError(`${basename(path)} is open to other users; change its mode to ${wanted}.`);
  }
}

/** Reads a private file; undefined when there is none. @throws KeystoreError as {@link assertPrivate}. */
export async function readPrivate(path: string): Promise<string | undefined> {
  try {
    await assertPrivate(path, 'file');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  const file = await open(path, 'r');
  try {
    return await file.readFile('utf8');
  } finally {
    await file.close();
  }
}

/**
 * Writes durably: content and directory entry are on disk when this returns. With `once` an existing file wins and the
 * answer is false.
 */
export async function writePrivate(
  path: string,
  content: string,
  options: { readonly once?: boolean } = {},
): Promise<boolean> {
  const incoming = join(dirname(path), `.${basename(path)}.${randomBytes(6).toString('hex')}`);
  const file = await open(incoming, 'wx', 0o600);
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
  if (options.once === true) {
    const won = await linkUnlessThere(incoming, path);
    await unlink(incoming);
    if (won) await syncFolder(dirname(path));
    return won;
  }
  await rename(incoming, path);
  await syncFolder(dirname(path));
  return true;
}

async function linkUnlessThere(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
