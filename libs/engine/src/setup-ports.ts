// Agents that are set up in steps, each of which a person signs: types only.
import type { ActivityId, AgentId, WorkspaceId } from '#domain';
import type { Actor } from './ports.js';

/** `discarded`: called off before it was ever active. */
export type SetupStatus = 'pending_policies' | 'active' | 'discarded';

export interface AgentSetup {
  readonly agentId: AgentId;
  readonly description: string;
  readonly status: SetupStatus;
}

export interface SetupStore {
  /** Of these agents, those that were set up in steps. */
  of(workspaceId: WorkspaceId, agentIds: readonly AgentId[]): Promise<ReadonlyMap<AgentId, AgentSetup>>;
  /** A new agent that may pay nothing yet. The same activity is the same agent, however often it is said. */
  begin(
    workspaceId: WorkspaceId,
    input: { readonly activityId: ActivityId; readonly name: string; readonly description: string },
    by: Actor,
  ): Promise<AgentSetup>;
  /** False: it is not pending any more. */
  finish(
    workspaceId: WorkspaceId,
    agentId: AgentId,
    status: Exclude<SetupStatus, 'pending_policies'>,
    by: Actor,
  ): Promise<boolean>;
}
