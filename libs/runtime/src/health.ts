import type { Stores } from './database.js';
import type { SignerClient } from './signer/signer-client.js';

export interface Health {
  readonly ready: boolean;
  readonly parts: Readonly<Record<string, { readonly ok: boolean; readonly required: boolean }>>;
}

/** Redis is reported and not required: accepting a payment never waits for it. */
export async function health(
  stores: Stores,
  signer: SignerClient,
  relay: { readonly pending: number },
): Promise<Health> {
  const [database, signing] = await Promise.all([
    succeeds(() => stores.ping()),
    succeeds(() => signer.status()),
  ]);
  const parts = {
    database: { ok: database, required: true },
    signer: { ok: signing, required: true },
    redis: { ok: relay.pending < 1_000, required: false },
  };
  return { ready: Object.values(parts).every((part) => part.ok || !part.required), parts };
}

async function succeeds(work: () => Promise<unknown>): Promise<boolean> {
  try {
    await work();
    return true;
  } catch {
    return false;
  }
}
