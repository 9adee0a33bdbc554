// Usage in memory: once per id, all of a call or nothing.
import type { AgentId, WorkspaceId } from '#domain';
import type { UsageEvent, UsageLedger, UsageView } from '#engine';

export class MemoryUsage implements UsageLedger {
  readonly events: (UsageView & { readonly workspaceId: WorkspaceId })[] = [];

  constructor(private readonly now: () => number) {}

  record: UsageLedger['record'] = ({ workspaceId, agentId }, events) => {
    const outcomes = events.map((event) => {
      const known = this.of(workspaceId, agentId).find((it) => it.id === event.id);
      return known === undefined ? 'recorded' : same(known, event) ? 'repeated' : 'conflict';
    });
    if (!outcomes.includes('conflict'))
      for (const [at, event] of events.entries())
        if (outcomes[at] === 'recorded')
          this.events.unshift({ ...event, workspaceId, agentId, recordedAtMs: this.now() });
    return Promise.resolve(outcomes);
  };

  of(workspaceId: WorkspaceId, agentId: AgentId): readonly UsageView[] {
    return this.events.filter((it) => it.workspaceId === workspaceId && it.agentId === agentId);
  }
}

const same = (a: UsageEvent, b: UsageEvent): boolean =>
  a.layer === b.layer && a.kind === b.kind && a.amount === b.amount;
