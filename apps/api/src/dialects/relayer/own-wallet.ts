import type { AgentId, WorkspaceId } from '#domain';
import type { WalletView } from '#engine';
import type { ApiCore } from '../../core.js';

/** What the agent pays from, which may be a wallet it shares; null: nothing. One wallet serves every network. */
export async function payingWallet(
  { ports, admin }: Pick<ApiCore, 'ports' | 'admin'>,
  workspaceId: WorkspaceId,
  agentId: AgentId,
): Promise<WalletView | null> {
  const [asset] = ports.assets.all();
  const found = asset && (await ports.policies.walletFor(workspaceId, agentId, asset.network));
  return found ? admin.wallets.get(workspaceId, found.walletId) : null;
}

export async function ownWallet(
  core: Pick<ApiCore, 'ports' | 'admin'>,
  workspaceId: WorkspaceId,
  agentId: AgentId,
): Promise<WalletView | null> {
  const wallet = await payingWallet(core, workspaceId, agentId);
  return wallet?.agentId === agentId ? wallet : null;
}
