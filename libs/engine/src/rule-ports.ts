// Budgets and policies as administration sees them: types only.
import type {
  AgentId,
  BudgetView,
  Layer,
  LayerUnit,
  Limits,
  Policy,
  Tag,
  TeamId,
  PolicyRules,
  WorkspaceId,
} from '#domain';
import type { Actor } from './ports.js';

/** `agentId` null: the workspace's own node or policy. */
export interface Scope {
  readonly workspaceId: WorkspaceId;
  readonly agentId: AgentId | null;
}

/** Whose budget: an agent's, or with `agentId` null the workspace's own, a tag's or a team's. */
export interface BudgetTarget extends Scope {
  readonly tag?: Tag;
  readonly teamId?: TeamId;
}

export interface NewTeam {
  readonly name: string;
  /** The team it is part of, for ever; null: of the workspace alone. */
  readonly parentId: TeamId | null;
}

export interface TeamView extends NewTeam {
  readonly teamId: TeamId;
  readonly createdAtMs: number;
}

/** Budgets between the workspace's and an agent's: what agents of a team pay and use is charged to it and to the teams above it. */
export interface TeamStore {
  list(workspaceId: WorkspaceId): Promise<readonly TeamView[]>;
  /** With budget nodes without limits. At most six above each other. */
  create(workspaceId: WorkspaceId, team: NewTeam, by: Actor): Promise<TeamView>;
  /** Those an agent's payments are charged to, outermost first. */
  teamsOf(workspaceId: WorkspaceId, agentId: AgentId): Promise<readonly TeamView[]>;
  /** What is held or was charged stays where it is; what comes from now on goes to the new team. `teamId` null: to none. Refuses as `putLimits` does. */
  assign(
    workspaceId: WorkspaceId,
    membership: { readonly agentId: AgentId; readonly teamId: TeamId | null },
    by: Actor,
  ): Promise<readonly TeamView[]>;
}

export interface TagView extends Tag {
  readonly createdAtMs: number;
  /** Since then no new payment may name it; null: payments may. */
  readonly retiredAtMs: number | null;
}

export interface TagStore {
  list(workspaceId: WorkspaceId): Promise<readonly TagView[]>;
  /** With a budget node without limits. Repeating it is harmless; one that was retired is taken into use again, with all it was charged. */
  register(workspaceId: WorkspaceId, tag: Tag, by: Actor): Promise<TagView>;
  /** What was booked under it stays, and so does its budget. */
  retire(workspaceId: WorkspaceId, tag: Tag, by: Actor): Promise<TagView>;
}

/** All limits of one node in one layer and unit; what is not named has none. */
export interface LimitChange {
  readonly layer: Layer;
  readonly unit: LayerUnit;
  readonly limits: Limits;
}

export interface LimitsFound {
  readonly before: Limits;
  /** The change lets something pass that did not pass before. */
  readonly raised: boolean;
}

/** Asked under the row's lock before anything is written; throws a `Refusal` to leave everything as it is. */
export type LimitCheck = (found: LimitsFound) => void;

export interface LimitsChanged {
  readonly budget: BudgetView;
  /** Something passes now that did not pass before (ruling 28). */
  readonly raised: boolean;
}

export interface BudgetStore {
  /** Every layer and unit of one node, with usage as of now. */
  get(target: BudgetTarget): Promise<readonly BudgetView[]>;
  /** Usage and holds never change. Refuses with `second_person_needed` what lets more pass where a workspace wants that (see `changes`). */
  putLimits(target: BudgetTarget, change: LimitChange, by: Actor, check?: LimitCheck): Promise<LimitsChanged>;
}

export type PolicyInput = PolicyRules;

export interface PolicyVersion {
  readonly policy: Policy;
  /** SHA-256 of the canonical JSON of the policy with its version. */
  readonly hash: string;
  readonly createdAtMs: number;
  readonly createdBy: string;
}

export interface PolicyAdmin {
  /** null: the scope has no policy of its own. */
  get(scope: Scope): Promise<PolicyVersion | null>;
  /** A new version; counts from the next judgement on. Version numbers rise across all policies of a workspace. */
  put(scope: Scope, policy: PolicyInput, by: Actor): Promise<PolicyVersion>;
  /** Newest first. */
  versions(scope: Scope): Promise<readonly PolicyVersion[]>;
}
