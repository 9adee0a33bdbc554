import type { AgentPrincipal, Principal } from '#engine';

/** The caller as the core knows it. Roles are checked before: an agent's key always has its agent. */
export function agentOf(principal: Principal): AgentPrincipal {
  const { workspaceId, agentId, keyId, person } = principal;
  if (agentId === null) throw new Error('an agent route was reached without an agent');
  return { workspaceId, agentId, keyId, person };
}
