// Money from the workspace's treasury to one of its agents' wallets: an operation like any other, except that it is asked for by an admin or by a
// float policy, is paid from the treasury, and counts in budget units of its own (ADR 12).
import {
  canonicalJson,
  refuse,
  type AgentId,
  type Caip2,
  type EvmAddress,
  type OperationId,
  type WalletId,
  type WorkspaceId,
} from '#domain';
import type { WalletView } from '../wallet-ports.js';
import type { Actor, Ports } from '../ports.js';
import { settleByOf } from '../settle/remote-ports.js';
import { claimOf, open, type Submitted } from './submit.js';

export interface TopUpWish {
  readonly wallet: Pick<WalletView, 'workspaceId' | 'walletId' | 'agentId' | 'address' | 'status' | 'role'>;
  readonly network: Caip2;
  readonly token: EvmAddress;
  /** Base units. */
  readonly amount: bigint;
}

/** Exactly what will happen; nothing is signed, held or stored for it. */
export interface TopUpPlan {
  readonly workspaceId: WorkspaceId;
  readonly agentId: AgentId;
  readonly from: { readonly walletId: WalletId; readonly address: EvmAddress };
  readonly to: { readonly walletId: WalletId; readonly address: EvmAddress };
  readonly network: Caip2;
  readonly token: EvmAddress;
  readonly amount: bigint;
  /** Covers from, to, network, token and amount; to be sent back with the confirmation. */
  readonly digest: string;
}

/** Refuses with `wallet_missing` without a treasury, and with `validation_failed` for a wallet that cannot be topped up. */
export async function planTopUp(
  ports: Pick<Ports, 'policies' | 'hashing' | 'assets' | 'broadcasts' | 'facilitators'>,
  { wallet, network, token, amount }: TopUpWish,
): Promise<TopUpPlan> {
  const { workspaceId, agentId, walletId, address } = wallet;
  if (wallet.role === 'treasury') throw wrong('wallet_id', 'is_the_treasury');
  if (wallet.status === 'retired') throw wrong('wallet_id', 'wallet_retired');
  if (agentId === null) throw wrong('wallet_id', 'belongs_to_no_agent');
  if (!ports.assets.find(network, token)) throw wrong('asset', 'not_registered');
  if (settleByOf(ports, network, 'direct') === null) throw wrong('network', 'nothing_broadcasts_here');
  if (amount <= 0n) throw refuse('invalid_amount', { field: 'amount', reason: 'nothing_to_send' });
  const from = await ports.policies.treasuryOf(workspaceId);
  if (!from) throw refuse('wallet_missing', { role: 'treasury' });
  const plan = { workspaceId, agentId, from, to: { walletId, address }, network, token, amount };
  const text = { from: from.address, to: address, network, token, amount: amount.toString() };
  return { ...plan, digest: ports.hashing.sha256(canonicalJson(text)) };
}

export interface TopUpOrder {
  /** Unique for the agent among its top-ups. */
  readonly key: string;
  readonly by: { readonly actor: Actor; readonly person: string };
  readonly note: string | null;
}

/** Opens the operation. The same key and plan is the same top-up, for ever. Refuses as `submit` does. */
export function topUp(ports: Ports, plan: TopUpPlan, { key, by, note }: TopUpOrder): Promise<Submitted> {
  const { workspaceId, agentId, to, network, token, amount } = plan;
  const request = {
    kind: 'top_up',
    url: `purser://wallets/${to.walletId}`,
    method: 'GET',
    headers: {},
    maxAmount: amount,
    expect: { payTo: to.address, amount, network, asset: token },
    challenge: null,
    settleBy: 'direct',
    allowReplay: false,
    timeoutMs: 30_000,
    note,
  } as const;
  return open(
    ports,
    { workspaceId, agentId, ...by },
    {
      claim: claimOf(ports, ownKeyOf(key)),
      request,
      body: null,
    },
  );
}

/** The operation that `topUp` opens, or has opened, under this key. */
export const topUpId = (
  { derivation }: Pick<Ports, 'derivation'>,
  { workspaceId, agentId }: Pick<TopUpPlan, 'workspaceId' | 'agentId'>,
  key: string,
): OperationId => derivation.operationId(workspaceId, agentId, ownKeyOf(key));

/** Printable characters are what agents' own keys are made of. */
const ownKeyOf = (key: string): string => `top_up\n${key}`;

const wrong = (field: string, reason: string) => refuse('validation_failed', { field, reason });
