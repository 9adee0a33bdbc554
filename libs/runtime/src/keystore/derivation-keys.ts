// The keys behind operation ids, authorization nonces and stored bodies (design.md ruling 9). They are made once and never change: with
// other keys a retry would land on another operation and a second payment. The database keeps their fingerprints; start refuses on a mismatch.
import { createHmac, randomBytes } from 'node:crypto';
import { join } from 'node:path';
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
} from './sealed-file.js';

export const DERIVATION_KEY_NAMES = ['operation', 'nonce', 'blob'] as const;
export type DerivationKeyName = (typeof DERIVATION_KEY_NAMES)[number];

export interface VersionedKey {
  readonly version: number;
  readonly key: Buffer;
}
export type DerivationKeys = Readonly<Record<DerivationKeyName, VersionedKey>>;

const FILE = 'derivation.json';
const BOUND = 'purser/derivation-keys/v1';
const KEY_BYTES = 32;

/**
 * Opens `derivation.json` in the keystore folder, making it first if there is none. Processes that start at once agree on one file.
 * @throws KeystoreError on a wrong passphrase, an unsafe file mode or damage.
 */
export async function openDerivationKeys(
  folder: string,
  passphrase: string,
  options: { readonly scryptN?: number; readonly create?: boolean } = {},
): Promise<DerivationKeys> {
  await privateFolder(folder);
  const path = join(folder, FILE);
  let text = await readPrivate(path);
  if (text === undefined && options.create !== false) {
    await writePrivate(path, await freshFile(passphrase, newKdf(options.scryptN)), { once: true });
    text = await readPrivate(path);
  }
  if (text === undefined) throw new KeystoreError(`${FILE} is missing.`);
  return decode(text, passphrase);
}

/** What the database remembers of each key; says nothing about the key itself. */
export function fingerprintsOf(keys: DerivationKeys): Record<DerivationKeyName, string> {
  const fingerprint = (name: DerivationKeyName): string => {
    const { version, key } = keys[name];
    const mac = createHmac('sha256', key).update(`purser/fingerprint/${name}`).digest('hex');
    return `v${version}:${mac.slice(0, 32)}`;
  };
  return {
    operation: fingerprint('operation'),
    nonce: fingerprint('nonce'),
    blob: fingerprint('blob'),
  };
}

async function freshFile(passphrase: string, kdf: KdfParameters): Promise<string> {
  const fresh = Object.fromEntries(
    DERIVATION_KEY_NAMES.map((name) => [name, { version: 1, key: randomBytes(KEY_BYTES).toString('hex') }]),
  );
  const box = seal(await deriveKey(passphrase, kdf), Buffer.from(JSON.stringify(fresh)), BOUND);
  return `${JSON.stringify({ version: 1, kdf, cipher: 'aes-256-gcm', sealed: box.toString('base64') }, null, 2)}\n`;
}

async function decode(text: string, passphrase: string): Promise<DerivationKeys> {
  const file = parse(text) as { version?: unknown; kdf?: KdfParameters; sealed?: unknown };
  if (file.version !== 1 || file.kdf === undefined || typeof file.sealed !== 'string') {
    throw new KeystoreError(`${FILE} is not a version 1 key file.`);
  }
  const key = await deriveKey(passphrase, file.kdf);
  const plain = unseal(key, Buffer.from(file.sealed, 'base64'), BOUND);
  const stored = parse(plain.toString('utf8')) as Record<string, { version?: unknown; key?: unknown }>;
  const read = (name: DerivationKeyName): VersionedKey => {
    const entry = stored[name];
    const bytes = Buffer.from(typeof entry?.key === 'string' ? entry.key : '', 'hex');
    if (entry?.version !== 1 || bytes.length !== KEY_BYTES) {
      throw new KeystoreError(`${FILE} lacks the ${name} key.`);
    }
    return { version: 1, key: bytes };
  };
  return { operation: read('operation'), nonce: read('nonce'), blob: read('blob') };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) ?? {};
  } catch {
    throw new KeystoreError(`${FILE} is damaged.`);
  }
}
