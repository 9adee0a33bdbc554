// Usage that agents report beside what they pay: how it is kept and how it is looked up.
import type { AgentId, Json, UsageLayer, WorkspaceId } from '#domain';
import type { Actor } from './ports.js';

/** Something an agent has used. It has happened: no limit stops it from being recorded. */
export interface UsageEvent {
  /** The caller's own id of it, unique to the agent; a repeat is charged once. */
  readonly id: string;
  readonly layer: UsageLayer;
  /** In the caller's words: `llm_call`, `api_call`, ... */
  readonly kind: string;
  /** USD12, never negative. */
  readonly amount: bigint;
  readonly metadata: Json;
}

export type UsageOutcome = 'recorded' | 'repeated' | 'conflict';

export interface UsageLedger {
  /**
   * Charges the layers of the agent, its teams and its workspace, in one commit. One answer per event, in order. `conflict`: its id stands for something
   * else; then nothing at all was recorded.
   */
  record(
    who: { readonly workspaceId: WorkspaceId; readonly agentId: AgentId },
    events: readonly UsageEvent[],
    by: Actor,
  ): Promise<readonly UsageOutcome[]>;
}

export interface UsageView extends UsageEvent {
  readonly agentId: AgentId;
  readonly recordedAtMs: number;
}
