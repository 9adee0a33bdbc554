import { parseCaip2, parseEvmAddress, parseHostPattern, refuse, type WorkspaceId } from '#domain';
import type { Asked, StillLive, Stop, StopReport, StopScope } from '#engine';
import { iso } from './render-operation.js';
import type { StopDto } from './stops.dto.js';

export function scopeOf(workspaceId: WorkspaceId | null, { payee, network, host }: StopDto): StopScope {
  if ((payee === undefined) === (host === undefined))
    throw refuse('validation_failed', { field: 'payee', reason: 'either_payee_or_host' });
  if (host !== undefined) {
    if (network !== undefined)
      throw refuse('validation_failed', { field: 'network', reason: 'only_for_payee' });
    return { kind: 'host', workspaceId, host: parseHostPattern(host, 'host') };
  }
  return {
    kind: 'payee',
    workspaceId,
    payee: parseEvmAddress(payee, 'payee'),
    network: network === undefined ? null : parseCaip2(network),
  };
}

/** Who runs the installation, and why they stop something in it, is not for its workspaces to read. */
export function renderStop(stop: Stop, forOperator: boolean): object {
  const { scope, by } = stop;
  const everywhere = scope.kind === 'global' || scope.workspaceId === null;
  const told = !everywhere || forOperator;
  return {
    stop_id: stop.stopId,
    scope: scope.kind,
    everywhere,
    ...(scope.kind === 'agent' ? { agent_id: scope.agentId } : {}),
    ...(scope.kind === 'payee' ? { payee: scope.payee, network: scope.network } : {}),
    ...(scope.kind === 'host' ? { host: scope.host } : {}),
    since: iso(stop.sinceMs),
    by: told ? { person: by.person, type: by.actor.type, id: by.actor.id } : null,
    reason: told ? stop.reason : null,
    final: stop.final,
    cancel_on_chain: stop.cancelOnChain,
    carried_out: stop.carriedOut,
  };
}

export function renderReport({
  stop,
  finished,
  released,
  asked,
  unreadable,
  live,
  moreLive,
}: StopReport): object {
  return {
    paused: true,
    ...renderStop(stop, true),
    carried_out: finished,
    released_approvals: released,
    still_live: live.map((it) => renderLive(it, asked.get(it.operationId))),
    more_live: moreLive,
    too_late: [...asked].flatMap(([operationId, came]) => (came === 'too_late' ? [operationId] : [])),
    unreadable,
  };
}

const renderLive = (live: StillLive, asked: Asked | undefined): object => ({
  operation_id: live.operationId,
  agent_id: live.agentId,
  network: live.network,
  token: live.token,
  to: live.to,
  value: live.value.toString(),
  valid_before: iso(live.validBeforeSec * 1000),
  cancellation: asked ?? null,
});
