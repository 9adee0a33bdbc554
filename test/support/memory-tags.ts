import { BUDGET_UNITS, type Tag, type WorkspaceId } from '#domain';
import type { TagStore, TagView } from '#engine';
import type { MemoryPolicies } from './memory-basics.js';
import type { MemoryBudgets } from './memory-budgets.js';
import { found } from './memory-lists.js';

export const tagNode = (workspaceId: WorkspaceId, { kind, name }: Tag): string =>
  `${workspaceId}/${kind}/${name}`;

/** Tags of one workspace each, with the nodes that payments are charged to. */
export class MemoryTags implements TagStore {
  private readonly views = new Map<string, TagView>();

  constructor(
    private readonly budgets: MemoryBudgets,
    private readonly policies: MemoryPolicies,
    private readonly now: () => number,
  ) {}

  list: TagStore['list'] = (workspaceId) =>
    Promise.resolve([...this.views].filter(([id]) => id.startsWith(workspaceId)).map(([, view]) => view));

  register: TagStore['register'] = (workspaceId, tag) => {
    const id = tagNode(workspaceId, tag);
    const { kind, name } = tag;
    const view = {
      kind,
      name,
      createdAtMs: this.views.get(id)?.createdAtMs ?? this.now(),
      retiredAtMs: null,
    };
    if (!this.views.has(id)) for (const unit of BUDGET_UNITS) this.budgets.setLimits(id, unit, {});
    this.views.set(id, view);
    this.policies.tags.add(`${kind}/${name}`);
    return Promise.resolve(view);
  };

  retire: TagStore['retire'] = async (workspaceId, tag) => {
    const id = tagNode(workspaceId, tag);
    const view = { ...found(this.views.get(id), 'tag'), retiredAtMs: this.now() };
    this.views.set(id, view);
    this.policies.tags.delete(`${tag.kind}/${tag.name}`);
    return Promise.resolve(view);
  };
}
