// Changes that may need a second person (ruling 28): types only.
import type { AgentId, ApprovalId, BudgetView, Json, Limits, StopId, TeamId, WorkspaceId } from '#domain';
import type { Actor } from './ports.js';
import type { BudgetTarget, LimitChange, PolicyInput, PolicyVersion, TeamView } from './rule-ports.js';
import type { ApproverGroupView } from './approver-admin-ports.js';

/** `agentId` null: the workspace's own. */
export type Change =
  /** Of a tag or a team where one is named. `basedOn`: the limits of that layer and unit that it was made of. */
  | (Omit<BudgetTarget, 'workspaceId'> & {
      readonly kind: 'limits';
      readonly change: LimitChange;
      readonly basedOn?: Limits;
    })
  /** Which team an agent belongs to; null: none. */
  | { readonly kind: 'team'; readonly agentId: AgentId; readonly teamId: TeamId | null }
  /** `basedOn`: the version of the policy that it was made of; 0: there was none. */
  | {
      readonly kind: 'policy';
      readonly agentId: AgentId | null;
      readonly rules: PolicyInput;
      readonly basedOn?: number;
    }
  | { readonly kind: 'resume'; readonly agentId: AgentId | null; readonly stopId: StopId }
  | {
      readonly kind: 'approvers';
      readonly agentId: null;
      readonly group: { readonly name: string; readonly members: readonly string[] };
    };
export type ChangeKind = Change['kind'];

/** What a change that has been carried out comes to. */
export interface ChangeResults {
  readonly limits: BudgetView;
  /** Those the agent is charged to from then on, outermost first. */
  readonly team: readonly TeamView[];
  readonly policy: PolicyVersion;
  readonly resume: null;
  readonly approvers: ApproverGroupView;
}

/** `outdated`: what it was to change had changed by then. */
export type ChangeStatus = 'pending' | 'approved' | 'rejected' | 'expired' | 'cancelled' | 'outdated';

export interface ChangeView {
  readonly approvalId: ApprovalId;
  readonly workspaceId: WorkspaceId;
  readonly kind: ChangeKind;
  readonly agentId: AgentId | null;
  readonly status: ChangeStatus;
  /** To be sent back with the decision; covers what is wanted and what it was made on. */
  readonly digest: string;
  readonly wanted: Json;
  readonly base: Json;
  readonly requester: string;
  readonly requestedAtMs: number;
  readonly decideByMs: number;
  readonly decidedAtMs: number | null;
  readonly decidedBy: string | null;
  readonly reason: string | null;
  readonly revision: number;
}

/** Who asks or decides; `person` tells two from one. */
export interface Changer {
  readonly workspaceId: WorkspaceId;
  readonly actor: Actor;
  readonly person: string;
}

export type Changed<Kind extends ChangeKind = ChangeKind> =
  | { readonly kind: 'done'; readonly value: ChangeResults[Kind] }
  | { readonly kind: 'pending'; readonly request: ChangeView };

export interface ChangeStore {
  /**
   * Carries it out, or writes it down for a second person where dual control is on and it lets more pass. Refuses as the change itself does, and
   * with `version_conflict` what is not based on what stands, under the lock.
   */
  submit<Kind extends ChangeKind>(
    by: Changer,
    change: Extract<Change, { readonly kind: Kind }>,
  ): Promise<Changed<Kind>>;
  /** Refuses with `not_found`. */
  get(workspaceId: WorkspaceId, approvalId: ApprovalId): Promise<ChangeView>;
  /**
   * By somebody else than who asked; approving carries it out in the same breath, once. Refuses with `approver_not_eligible`,
   * `approval_digest_mismatch`, `approval_expired`, `already_decided`, and with `version_conflict` when what it was to change has changed since.
   */
  approve(by: Changer, approvalId: ApprovalId, digest: string): Promise<ChangeView>;
  reject(by: Changer, approvalId: ApprovalId, reason: string): Promise<ChangeView>;
  /** Whoever asked takes it back. */
  withdraw(by: Changer, approvalId: ApprovalId): Promise<ChangeView>;
}
