import { formatDecimal } from '#domain';
import type { AgentSetup, AgentView, StillLive } from '#engine';
import type { AGENT_STATUSES } from './agents.dto.js';
import { iso } from './envelope.js';

type Status = (typeof AGENT_STATUSES)[number];

export function agentStatus({ status, paused }: AgentView, setup: AgentSetup | undefined): Status {
  if (status === 'disabled') return 'killed';
  if (setup?.status === 'pending_policies') return 'pending_policies';
  return paused ? 'paused' : 'active';
}

export const renderAgent = (agent: AgentView, setup: AgentSetup | undefined): object => ({
  id: agent.agentId,
  agentId: agent.agentId,
  name: agent.name,
  description: setup?.description ?? null,
  status: agentStatus(agent, setup),
  createdAt: iso(agent.createdAtMs),
});

/** What a stop cannot take back: it dies by itself at its time. */
export const renderLive = (live: StillLive): object => ({
  operationId: live.operationId,
  network: live.network,
  recipient: live.to,
  amountUSDC: formatDecimal('USD6', live.value),
  validBefore: iso(live.validBeforeSec * 1000),
});
