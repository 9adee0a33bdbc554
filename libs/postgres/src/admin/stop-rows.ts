import type { AgentId, Caip2, EvmAddress, OperationId, StopId, WorkspaceId } from '#domain';
import type { Actor, OperationRef, StillLive, Stop, StopScope } from '#engine';
import { sql } from 'kysely';
import { NO_WORKSPACE } from './change.js';

export interface StopRow {
  readonly workspace_id: string;
  readonly stop_id: string;
  readonly kind: StopScope['kind'];
  readonly target: string;
  readonly network: string;
  readonly reason: string;
  readonly since: Date;
  readonly since_text: string;
  readonly actor: Actor;
  readonly person: string;
  readonly final: boolean;
  readonly cancel_on_chain: boolean;
  readonly carried_out_at: Date | null;
}

/** A row of an operation; the terms only where the scope is one of payees or hosts. */
export interface ScopedRow {
  readonly workspace_id: WorkspaceId;
  readonly operation_id: OperationId;
  readonly terms_network?: Caip2 | null;
  readonly terms_payee?: EvmAddress | null;
  readonly terms_url?: string | null;
}

export interface LiveRow extends ScopedRow {
  readonly agent_id: AgentId;
  readonly network: Caip2;
  readonly token: EvmAddress;
  readonly to_address: EvmAddress;
  readonly value: string;
  readonly valid_before: string;
}

export const STOP_COLUMNS = sql`SELECT *, (since AT TIME ZONE 'UTC')::text || '+00' AS since_text FROM stop`;

export function stopOf(row: StopRow): Stop {
  return {
    stopId: row.stop_id as StopId,
    scope: scopeOf(row),
    reason: row.reason,
    by: { actor: row.actor, person: row.person },
    cancelOnChain: row.cancel_on_chain,
    sinceMs: row.since.getTime(),
    final: row.final,
    carriedOut: row.carried_out_at !== null,
  };
}

function scopeOf({ workspace_id, kind, target, network }: StopRow): StopScope {
  const workspaceId = workspace_id as WorkspaceId;
  const within = workspaceId === NO_WORKSPACE ? null : workspaceId;
  switch (kind) {
    case 'global':
      return { kind };
    case 'workspace':
      return { kind, workspaceId };
    case 'agent':
      return { kind, workspaceId, agentId: target as AgentId };
    case 'payee':
      return {
        kind,
        workspaceId: within,
        payee: target as EvmAddress,
        network: network === '' ? null : (network as Caip2),
      };
    case 'host':
      return { kind, workspaceId: within, host: target };
  }
}

/** What tells a scope from the others of its kind and workspace. */
export function keyOf(scope: StopScope): { readonly target: string; readonly network: string } {
  switch (scope.kind) {
    case 'global':
    case 'workspace':
      return { target: '', network: '' };
    case 'agent':
      return { target: scope.agentId, network: '' };
    case 'payee':
      return { target: scope.payee, network: scope.network ?? '' };
    case 'host':
      return { target: scope.host, network: '' };
  }
}

export const refOf = (row: ScopedRow): OperationRef => ({
  workspaceId: row.workspace_id,
  operationId: row.operation_id,
});

export const liveOf = (row: LiveRow): StillLive => ({
  ...refOf(row),
  agentId: row.agent_id,
  network: row.network,
  token: row.token,
  to: row.to_address,
  value: BigInt(row.value),
  validBeforeSec: Number(row.valid_before),
});
