import { BUDGET_UNITS, parseTeamId, type AgentId, type TeamId } from '#domain';
import type { TeamStore, TeamView } from '#engine';
import { uuid } from './builders.js';
import type { MemoryBudgets } from './memory-budgets.js';
import { found } from './memory-lists.js';

/** Teams for the HTTP edge; what is charged to them is the real store's business. */
export class MemoryTeams implements TeamStore {
  private readonly views = new Map<string, TeamView & { readonly workspaceId: string }>();
  private readonly teams = new Map<AgentId, TeamId>();

  constructor(
    private readonly budgets: MemoryBudgets,
    private readonly isAgent: (workspaceId: string, agentId: AgentId) => boolean,
    private readonly now: () => number,
  ) {}

  list: TeamStore['list'] = (workspaceId) =>
    Promise.resolve([...this.views.values()].filter((it) => it.workspaceId === workspaceId));

  create: TeamStore['create'] = async (workspaceId, { name, parentId }) => {
    if (parentId !== null) this.find(workspaceId, parentId);
    const teamId = parseTeamId(uuid(this.views.size + 1, 7));
    const view = { workspaceId, teamId, name, parentId, createdAtMs: this.now() };
    this.views.set(teamId, view);
    for (const unit of BUDGET_UNITS) this.budgets.setLimits(teamId, unit, {});
    return Promise.resolve(view);
  };

  teamsOf: TeamStore['teamsOf'] = async (workspaceId, agentId) => {
    if (!this.isAgent(workspaceId, agentId)) found(undefined, 'agent');
    const path: TeamView[] = [];
    for (let id = this.teams.get(agentId) ?? null; id !== null;) {
      const team = this.find(workspaceId, id);
      path.unshift(team);
      id = team.parentId;
    }
    return Promise.resolve(path);
  };

  assign: TeamStore['assign'] = (workspaceId, { agentId, teamId }) => {
    if (teamId === null) this.teams.delete(agentId);
    else this.teams.set(agentId, this.find(workspaceId, teamId).teamId);
    return this.teamsOf(workspaceId, agentId);
  };

  private find(workspaceId: string, teamId: TeamId): TeamView {
    const team = this.views.get(teamId);
    return found(team?.workspaceId === workspaceId ? team : undefined, 'team');
  }
}
