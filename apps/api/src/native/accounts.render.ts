import type { AgentView, FloatView, KeyView, WalletBalanceView, WalletView, WorkspaceView } from '#engine';
import { iso, maybeIso } from './render-operation.js';

export const renderWorkspace = (view: WorkspaceView): object => ({
  workspace_id: view.workspaceId,
  name: view.name,
  dual_control: view.dualControl,
  paused: view.paused,
  keyless_window_sec: view.keylessWindowSec,
  created_at: iso(view.createdAtMs),
});

export const renderAgent = (view: AgentView): object => ({
  agent_id: view.agentId,
  name: view.name,
  status: view.status,
  paused: view.paused,
  created_at: iso(view.createdAtMs),
});

export const renderKey = (view: KeyView): object => ({
  key_id: view.keyId,
  kind: view.kind,
  role: view.role,
  agent_id: view.agentId,
  person: view.person,
  label: view.label,
  prefix: view.prefix,
  scopes: view.scopes,
  allowed_ips: view.allowedIps,
  created_at: iso(view.createdAtMs),
  created_by: view.createdBy,
  expires_at: maybeIso(view.expiresAtMs),
  revoked_at: maybeIso(view.revokedAtMs),
  last_used_at: maybeIso(view.lastUsedAtMs),
});

export const renderWallet = (view: WalletView): object => ({
  wallet_id: view.walletId,
  agent_id: view.agentId,
  role: view.role,
  address: view.address,
  label: view.label,
  status: view.status,
  origin: view.origin,
  backup_confirmed_at: maybeIso(view.backupConfirmedAtMs),
  created_at: iso(view.createdAtMs),
});

/** `live`: signed and not seen on chain yet. */
export const renderBalance = (view: WalletBalanceView): object => ({
  network: view.network,
  token: view.token,
  on_chain: view.onChain.toString(),
  block: view.block,
  live: view.committed.toString(),
  available: view.available.toString(),
  low_below: view.lowBelow?.toString() ?? null,
  low: view.lowBelow !== null && view.available < view.lowBelow,
  permit2_allowance: view.permit2Allowance?.toString() ?? null,
});

export const renderFloat = (view: FloatView): object => ({
  network: view.network,
  token: view.token,
  enabled: view.enabled,
  min: view.min.toString(),
  target: view.target.toString(),
  cap_per_day: view.capPerDay.toString(),
  sent_today: view.sentToday.toString(),
  operation_id: view.operationId,
  last_operation_id: view.lastOperationId,
  problem: view.problem,
});
