import type { AgentId } from '#domain';
import type { AgentSetup, AgentStore, SetupStore } from '#engine';

/** `limitNothing`: the new agent may pay nothing. */
export function memorySetups(agents: () => AgentStore, limitNothing: (agentId: AgentId) => void): SetupStore {
  const setups = new Map<AgentId, AgentSetup & { readonly activityId: string }>();
  return {
    of: (_workspaceId, ids) =>
      Promise.resolve(
        new Map(ids.flatMap((id) => [setups.get(id)].flatMap((it) => (it ? [[id, it] as const] : [])))),
      ),
    async begin(workspaceId, { activityId, name, description }, by) {
      const known = [...setups.values()].find((it) => it.activityId === activityId);
      if (known) return known;
      const { agentId } = await agents().create(workspaceId, { name }, by);
      limitNothing(agentId);
      const setup = { agentId, description, status: 'pending_policies', activityId } as const;
      setups.set(agentId, setup);
      return setup;
    },
    finish(_workspaceId, agentId, status) {
      const setup = setups.get(agentId);
      if (setup?.status !== 'pending_policies') return Promise.resolve(false);
      setups.set(agentId, { ...setup, status });
      return Promise.resolve(true);
    },
  };
}
