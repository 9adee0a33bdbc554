import { parseAgentId, refuse } from '#domain';
import type { AgentPrincipal, Principal } from '#engine';
import type { ApiCore } from '../core.js';

/** The caller as the core knows it. Roles are checked before: an agent's key always has its agent. */
export function agentOf(principal: Principal): AgentPrincipal {
  const { workspaceId, agentId, keyId, person, signed } = principal;
  if (agentId === null) throw new Error('an agent route was reached without an agent');
  return { workspaceId, agentId, keyId, person, ...(signed ? { signed } : {}) };
}

/**
 * The agent that a request names: the caller itself, or one of the workspace whose backend calls. Refuses an agent that names another with
 * `permission_denied`, whether that one exists or not; `not_found` is for whoever may see all agents of the workspace.
 */
export async function agentNamed(
  { admin }: Pick<ApiCore, 'admin'>,
  principal: Principal,
  id: string | undefined,
): Promise<AgentPrincipal> {
  if (principal.agentId !== null) {
    if (id !== undefined && id.toLowerCase() !== principal.agentId)
      throw refuse('permission_denied', { role: principal.role, field: 'agent_id' });
    return agentOf(principal);
  }
  if (id === undefined)
    throw refuse('validation_failed', { field: 'agent_id', reason: 'needed_for_backends' });
  const { agentId } = await admin.agents.get(principal.workspaceId, parseAgentId(id));
  return agentOf({ ...principal, agentId });
}
