// Changes that need a second person, in memory: where dual control is on, every change does. What a change does, and when it needs nobody, is proven on
// Postgres.
import { parseApprovalId, refuse, type ApprovalId, type WorkspaceId } from '#domain';
import type { Administration, Change, Changed, ChangeKind, Changer, ChangeStore, ChangeView } from '#engine';
import { found } from './memory-lists.js';

export class MemoryChanges implements ChangeStore {
  readonly all: { view: ChangeView; readonly change: Change }[] = [];

  constructor(
    private readonly admin: Pick<Administration, 'budgets' | 'policies' | 'stops' | 'approvers' | 'teams'>,
    private readonly nowMs: () => number,
    private readonly dualControl: (workspaceId: WorkspaceId) => boolean,
  ) {}

  async submit<Kind extends ChangeKind>(by: Changer, change: Change): Promise<Changed<Kind>> {
    await this.assertBase(by.workspaceId, change);
    if (!this.dualControl(by.workspaceId))
      return { kind: 'done', value: (await this.carryOut(by, change)) as never };
    const number = this.all.length + 1;
    const view: ChangeView = {
      approvalId: parseApprovalId(`apr_zz${String(number).padStart(24, '0')}`),
      workspaceId: by.workspaceId,
      kind: change.kind,
      agentId: change.agentId,
      status: 'pending',
      digest: String(number).padStart(64, 'c'),
      wanted: {},
      base: {},
      requester: by.person,
      requestedAtMs: this.nowMs(),
      decideByMs: this.nowMs() + 86_400_000,
      decidedAtMs: null,
      decidedBy: null,
      reason: null,
      revision: 1,
    };
    this.all.push({ view, change });
    return { kind: 'pending', request: view };
  }

  async get(workspaceId: WorkspaceId, id: ApprovalId): Promise<ChangeView> {
    return this.row(workspaceId, id).view;
  }

  async approve(by: Changer, id: ApprovalId, digest: string): Promise<ChangeView> {
    const row = this.row(by.workspaceId, id);
    if (row.view.digest !== digest) throw refuse('approval_digest_mismatch');
    const decided = this.decide(by, id, 'approved');
    await this.carryOut(by, row.change);
    return decided;
  }

  async reject(by: Changer, id: ApprovalId, reason: string): Promise<ChangeView> {
    return this.decide(by, id, 'rejected', reason);
  }

  async withdraw(by: Changer, id: ApprovalId): Promise<ChangeView> {
    return this.decide(by, id, 'cancelled');
  }

  private row(workspaceId: WorkspaceId, id: ApprovalId) {
    return found(
      this.all.find(({ view }) => view.workspaceId === workspaceId && view.approvalId === id),
      'approval',
    );
  }

  private decide(
    by: Changer,
    id: ApprovalId,
    status: 'approved' | 'rejected' | 'cancelled',
    reason: string | null = null,
  ): ChangeView {
    const row = this.row(by.workspaceId, id);
    if (row.view.status !== 'pending') throw refuse('already_decided', { decision: row.view.status });
    if ((row.view.requester === by.person) !== (status === 'cancelled'))
      throw refuse('approver_not_eligible');
    const revision = row.view.revision + 1;
    row.view = { ...row.view, status, reason, revision, decidedBy: by.person, decidedAtMs: this.nowMs() };
    return row.view;
  }

  private async assertBase(workspaceId: WorkspaceId, change: Change): Promise<void> {
    if (change.kind === 'policy' && change.basedOn !== undefined) {
      const stored = await this.admin.policies.get({ workspaceId, agentId: change.agentId });
      if ((stored?.policy.version ?? 0) !== change.basedOn) throw refuse('version_conflict');
    }
    if (change.kind === 'limits' && change.basedOn) {
      const { basedOn } = change;
      const views = await this.admin.budgets.get({ ...change, workspaceId });
      const windows = views.find((it) => it.unit === change.change.unit)?.windows ?? [];
      if (windows.some(({ window, limit }) => limit !== (basedOn[window] ?? null)))
        throw refuse('version_conflict');
    }
  }

  private async carryOut({ workspaceId, actor }: Changer, change: Change): Promise<unknown> {
    const scope = { workspaceId, agentId: change.agentId };
    switch (change.kind) {
      case 'limits':
        return (await this.admin.budgets.putLimits({ ...change, workspaceId }, change.change, actor)).budget;
      case 'team':
        return this.admin.teams.assign(workspaceId, change, actor);
      case 'policy':
        return this.admin.policies.put(scope, change.rules, actor);
      case 'resume':
        return this.admin.stops.resume((await this.admin.stops.get(workspaceId, change.stopId)).scope, actor);
      case 'approvers':
        return this.admin.approvers.putGroup(workspaceId, change.group, actor);
    }
  }
}
