// The issuer's private signing key and what signs its cookies: one sealed file in the keystore, made once.
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { JWK } from 'oidc-provider';
import {
  deriveKey,
  newKdf,
  privateFolder,
  readPrivate,
  seal,
  unseal,
  writePrivate,
  type KdfParameters,
} from '#runtime';

export interface IssuerKeys {
  readonly jwks: { readonly keys: JWK[] };
  readonly cookieKeys: readonly string[];
}

const FILE = 'issuer.json';
const BOUND = 'purser/issuer-keys/v1';

/** @throws KeystoreError on a wrong passphrase, an unsafe file mode or damage. */
export async function openIssuerKeys(folder: string, passphrase: string): Promise<IssuerKeys> {
  await privateFolder(folder);
  const path = join(folder, FILE);
  const known = await readPrivate(path);
  if (known !== undefined) return unsealed(known, passphrase);
  const kdf = newKdf();
  const box = seal(await deriveKey(passphrase, kdf), Buffer.from(JSON.stringify(fresh())), BOUND);
  const file = { version: 1, kdf, cipher: 'aes-256-gcm', sealed: box.toString('base64') };
  await writePrivate(path, `${JSON.stringify(file, null, 2)}\n`, { once: true });
  return unsealed((await readPrivate(path)) ?? '', passphrase);
}

async function unsealed(text: string, passphrase: string): Promise<IssuerKeys> {
  const { kdf, sealed } = JSON.parse(text) as { readonly kdf: KdfParameters; readonly sealed: string };
  const plain = unseal(await deriveKey(passphrase, kdf), Buffer.from(sealed, 'base64'), BOUND);
  return JSON.parse(plain.toString('utf8')) as IssuerKeys;
}

function fresh(): IssuerKeys {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const kid = randomBytes(12).toString('base64url');
  const jwk = { ...privateKey.export({ format: 'jwk' }), kid, alg: 'ES256', use: 'sig' } as JWK;
  return { jwks: { keys: [jwk] }, cookieKeys: [randomBytes(32).toString('base64url')] };
}
