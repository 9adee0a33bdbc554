import type { OperationState } from '#domain';
import type { Cursor } from '../cursor.js';
import type { Ports } from '../ports.js';

/** From this drive, or from the vault after a crash. An adopted payment (restored database) has none. */
export async function liveSignature(
  ports: Ports,
  cursor: Cursor,
  state: Extract<OperationState, { signatureHash: unknown }>,
): Promise<Uint8Array | null> {
  if (cursor.signature) return cursor.signature;
  if (state.signatureHash === null) return null;
  const stored = await ports.operations.blob(cursor.claimed, 'signature');
  return stored ? ports.vault.open(cursor.claimed.workspaceId, stored.sealed) : null;
}
