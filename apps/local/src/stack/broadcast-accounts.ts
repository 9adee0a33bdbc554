import { parseCaip2 } from '#domain';
import { createSignerClient } from '#runtime';
import { fundGas, LOCAL_NETWORK } from '../chain.js';
import type { Place } from './services.js';

const ACCOUNTS = Number(process.env['PURSER_BROADCAST_ACCOUNTS'] ?? 1);

/** Ether for the accounts that settle on the local chain; elsewhere an operator sends it. */
export async function fundBroadcastAccounts({ folder }: Place, rpcUrl: string): Promise<void> {
  const signer = createSignerClient({ socketPath: folder.signerSocket });
  try {
    const accounts = await signer.broadcastAccounts(parseCaip2(LOCAL_NETWORK), ACCOUNTS);
    for (const account of accounts) await fundGas(rpcUrl, account);
  } finally {
    signer.close();
  }
}
