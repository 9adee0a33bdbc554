/** Who has to approve: so many distinct people, each a member of one of these groups; no group: any approver. */
export interface ApprovalRule {
  readonly quorum: number;
  readonly groups: readonly string[];
}
