import type { WorkspaceId } from '#domain';
import type { Vault } from '#engine';

/** A transaction carries the signatures of several tenants, so they are sealed for the installation and not for a workspace. */
const INSTALLATION = '00000000-0000-0000-0000-000000000000' as WorkspaceId;

export interface Sealing {
  seal(plain: Uint8Array): Buffer;
  open(sealed: Uint8Array): Uint8Array;
}

export function sealingOf(vault: Vault): Sealing {
  return {
    seal: (plain) => Buffer.from(vault.seal(INSTALLATION, plain)),
    open: (sealed) => vault.open(INSTALLATION, sealed),
  };
}
