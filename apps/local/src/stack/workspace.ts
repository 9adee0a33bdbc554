import type { Address } from 'viem';
import { mintUsdc, usdcBalance } from '../chain.js';
import { APPROVAL_THRESHOLD_ATOMIC, hireAgent } from '../demo/agent.js';
import { adminCaller, agentCaller, must } from '../demo/client.js';
import { makeFirstAdmin } from '../first-admin.js';
import type { Credentials } from './stack-file.js';
import type { Place } from './services.js';

const FUNDS_ATOMIC = 1_000_000_000n;
const SEEN_WITHIN_MS = 20_000;
const DAY_BUDGET_ATOMIC = 100_000_000n;

/**
 * Makes the first workspace: an agent that buys, a second person who approves, a funded wallet, limits. Only the admin's key
 * is made behind the API's back, as `npm run bootstrap` does; the admin does the rest through it. Done once; the
 * credentials are kept (0600) because keys are shown only when made.
 */
export async function setUpWorkspace(
  { folder, ports }: Place,
  { rpcUrl, systemUrl }: { readonly rpcUrl: string; readonly systemUrl: string },
): Promise<Credentials> {
  const file = folder.within('credentials.json');
  const known = folder.read<Credentials>(file);
  if (known?.sellerKey !== undefined) {
    await topUp(rpcUrl, known.walletAddress);
    await untilFundsAreSeen(apiUrlOf(ports), known);
    return known;
  }
  const apiUrl = apiUrlOf(ports);
  const made = await makeFirstAdmin(systemUrl, {
    workspace: 'demo',
    person: 'admin@example.test',
    keyEnvironment: 'test',
    by: 'local-stack',
    another: true,
  });
  if (made === null) throw new Error('no admin was made');
  const { workspaceId, adminKey } = made;
  const admin = adminCaller(apiUrl, adminKey);
  const base = '/purser/v1';
  await must(
    admin('PUT', `${base}/workspace/policy`, {
      body: { approval_threshold: APPROVAL_THRESHOLD_ATOMIC.toString() },
    }),
  );
  const agent = await hireAgent({ apiUrl, adminKey }, DAY_BUDGET_ATOMIC, 'demo-agent');
  const approver = await must(
    admin<{ secret: string }>('POST', `${base}/keys`, {
      body: { role: 'approver', person: 'approver@example.test', label: 'demo approver' },
    }),
  );
  const seller = await must(
    admin<{ secret: string }>('POST', `${base}/keys`, {
      body: { role: 'seller', person: 'shop@example.test', label: 'demo shop' },
    }),
  );
  const wallet = await must(
    admin<{ wallet_id: string; address: Address }>('POST', `${base}/wallets`, {
      body: { label: 'demo wallet' },
    }),
  );
  await must(admin('POST', `${base}/wallets/${wallet.wallet_id}/confirm-backup`));
  const walletAddress = wallet.address;
  const credentials: Credentials = {
    workspaceId,
    adminKey,
    agent,
    approver: { token: approver.secret },
    sellerKey: seller.secret,
    walletAddress,
  };
  await topUp(rpcUrl, walletAddress);
  folder.write(file, credentials);
  await untilFundsAreSeen(apiUrl, credentials);
  return credentials;
}

async function topUp(rpcUrl: string, wallet: Address): Promise<void> {
  const balance = await usdcBalance(rpcUrl, wallet);
  if (balance < FUNDS_ATOMIC) await mintUsdc(rpcUrl, wallet, FUNDS_ATOMIC - balance);
}

const apiUrlOf = (ports: Place['ports']): string => `http://127.0.0.1:${ports.api[0] ?? 0}`;

/** The chain watcher reads balances block by block; whoever buys before it has looked is told that the wallet is empty. */
async function untilFundsAreSeen(apiUrl: string, { agent }: Credentials): Promise<void> {
  const asked = agentCaller(apiUrl, agent);
  const deadline = Date.now() + SEEN_WITHIN_MS;
  while (Date.now() < deadline) {
    const { body } = await asked<{ items?: readonly { amount: string }[] }>('GET', '/v1/agent/balances');
    const seen = (body.items ?? []).some(({ amount }) => BigInt(amount.replace('.', '')) >= FUNDS_ATOMIC);
    if (seen) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  // It may be away for reasons of its own; a stack that is up and says so is better than none.
}
