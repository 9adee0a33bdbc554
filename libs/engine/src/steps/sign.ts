import type { Blob, OperationRef, Ports } from '../ports.js';
import { record, type StepContext, type StepOutcome } from './step.js';

/** Asks the signer for the signature over the committed tuple. Asking again yields the same bytes, never another authorization. */
export async function sign({ ports, cursor }: StepContext): Promise<StepOutcome> {
  const outcome = await ports.signer.sign(cursor.claimed);
  switch (outcome.kind) {
    case 'signed':
      cursor.signature = outcome.signature;
      return record({ type: 'RecordSigned', signatureHash: ports.hashing.sha256(outcome.signature) }, [
        signatureBlob(ports, cursor.claimed, outcome.signature),
      ]);
    case 'burned':
      return record({ type: 'RecordBurned', reason: outcome.reason });
    case 'unavailable':
      return { kind: 'retry', reason: outcome.reason, afterMs: 1_000 };
  }
}

/** A live signature is money: sealed at rest, and gone when it can no longer be used (S15). */
const SIGNATURE_TTL_MS = 24 * 3600 * 1000;

function signatureBlob(ports: Ports, ref: OperationRef, signature: Uint8Array): Blob {
  return {
    kind: 'signature',
    sealed: ports.vault.seal(ref.workspaceId, signature),
    meta: {},
    ttlMs: SIGNATURE_TTL_MS,
  };
}
