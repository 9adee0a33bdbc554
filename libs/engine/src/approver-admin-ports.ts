// Who approves: groups and delegations, as they are kept. Types only.
import type { DelegationId, WorkspaceId } from '#domain';
import type { Actor } from './ports.js';
import type { Signatory } from './approver-ports.js';

export interface ApproverGroupView {
  readonly name: string;
  readonly members: readonly { readonly person: string; readonly sinceMs: number }[];
}

export interface DelegationView {
  readonly delegationId: DelegationId;
  /** Whose place is taken. */
  readonly person: string;
  readonly delegate: string;
  readonly reason: string;
  readonly startsAtMs: number;
  readonly endsAtMs: number;
  readonly revokedAtMs: number | null;
  readonly createdAtMs: number;
}

export interface NewDelegation {
  readonly delegate: string;
  /** Null: now. */
  readonly startsAtMs: number | null;
  readonly endsAtMs: number;
  readonly reason: string;
}

/** Every change counts for all decisions after it has returned. */
export interface ApproverAdmin {
  groups(workspaceId: WorkspaceId): Promise<readonly ApproverGroupView[]>;
  /** The whole membership; a group that is not there is made. Refuses with `validation_failed`. */
  putGroup(
    workspaceId: WorkspaceId,
    group: { readonly name: string; readonly members: readonly string[] },
    by: Actor,
  ): Promise<ApproverGroupView>;
  /** Newest first, the ended ones included; at most a thousand. */
  delegations(workspaceId: WorkspaceId): Promise<readonly DelegationView[]>;
  /** In the caller's own place only, and never onward: whoever takes a place cannot give it away. Refuses with `validation_failed`. */
  delegate(by: Signatory, input: NewDelegation): Promise<DelegationView>;
  /** At once; repeating it is harmless. `ownedBy`: another person's is `not_found`. */
  endDelegation(by: Signatory, id: DelegationId, ownedBy: string | null): Promise<DelegationView>;
}
