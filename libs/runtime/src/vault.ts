// Encrypts what must not lie in the database in the clear: bodies, live payment headers (S15). One key per workspace, so that a row moved to
// another workspace does not open there.
import { hkdfSync } from 'node:crypto';
import type { WorkspaceId } from '#domain';
import type { Vault } from '#engine';
import type { VersionedKey } from './keystore/derivation-keys.js';
import { KeystoreError, seal, unseal } from './keystore/sealed-file.js';

const REMEMBERED_KEYS = 10_000;

/** Sealed form: version byte, iv, ciphertext, tag. `open` throws KeystoreError on anything that this workspace did not seal. */
export function createVault(blobKey: VersionedKey): Vault {
  const perWorkspace = new Map<WorkspaceId, Buffer>();
  const keyOf = (workspaceId: WorkspaceId): Buffer => {
    const known = perWorkspace.get(workspaceId);
    if (known !== undefined) return known;
    if (perWorkspace.size >= REMEMBERED_KEYS) perWorkspace.clear();
    const info = `purser/blob/v${blobKey.version}`;
    const key = Buffer.from(hkdfSync('sha256', blobKey.key, workspaceId, info, 32));
    perWorkspace.set(workspaceId, key);
    return key;
  };
  const boundTo = (workspaceId: WorkspaceId): string => `${blobKey.version}:${workspaceId}`;
  return {
    seal(workspaceId, plain) {
      const box = seal(keyOf(workspaceId), plain, boundTo(workspaceId));
      return Buffer.concat([Buffer.from([blobKey.version]), box]);
    },
    open(workspaceId, sealed) {
      if (sealed[0] !== blobKey.version) throw new KeystoreError('The sealed data has an unknown version.');
      return unseal(keyOf(workspaceId), sealed.subarray(1), boundTo(workspaceId));
    },
  };
}
