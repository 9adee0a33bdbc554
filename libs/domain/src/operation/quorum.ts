// Who may say yes, and when enough have (S10). Pure: what the store knows of people comes in as a roster of one moment, and a vote counts
// only while everything that made it count still holds. So whoever leaves a group before the quorum is complete no longer counts.
import type { ApprovalRule } from './approval-rule.js';
import type { Verdict } from './terms.js';

/** One person's yes. `onBehalfOf`: whose place they took, by a delegation; null: their own. */
export interface Vote {
  readonly by: string;
  readonly onBehalfOf: string | null;
}

export interface Standing {
  readonly person: string;
  /** Of the groups that were asked about. */
  readonly groups: readonly string[];
  /** `operator`: holds a key of the agent whose payment it is. `without_credential`: every approver key of theirs has ended. */
  readonly barred: 'operator' | 'without_credential' | null;
}

export interface Roster {
  /** Rises with every change of groups and delegations. A decision commits only while it stands. */
  readonly epoch: number;
  /** Whoever is not listed is not known, and does not count. */
  readonly people: readonly Standing[];
  /** Those in force. */
  readonly delegations: readonly { readonly by: string; readonly onBehalfOf: string }[];
}

export type Ineligible = 'requester' | 'operator' | 'without_credential' | 'not_in_group' | 'no_delegation';

const ANYBODY: ApprovalRule = { quorum: 1, groups: [] };

/** Every one of them must be met. */
export function rulesOf({ approval }: Pick<Verdict, 'approval'>): readonly ApprovalRule[] {
  return approval ?? [ANYBODY];
}

interface Asked {
  readonly requester: string;
  readonly verdict: Pick<Verdict, 'approval'>;
}

/** Why this vote counts for no rule; null: it counts. */
export function whyNot(vote: Vote, roster: Roster, { requester, verdict }: Asked): Ineligible | null {
  const names = namesIn(vote);
  if (names.includes(requester)) return 'requester';
  for (const name of names) {
    const barred = standingOf(roster, name).barred;
    if (barred !== null) return barred;
  }
  const { by, onBehalfOf } = vote;
  const delegated = roster.delegations.some((it) => it.by === by && it.onBehalfOf === onBehalfOf);
  if (onBehalfOf !== null && !delegated) return 'no_delegation';
  return rulesOf(verdict).some((rule) => isMember(vote, rule, roster)) ? null : 'not_in_group';
}

/** Which votes count for each rule, in the rules' order. */
export function countedFor(
  votes: readonly Vote[],
  roster: Roster,
  asked: Asked,
): readonly (readonly Vote[])[] {
  const valid = distinct(votes).filter((vote) => whyNot(vote, roster, asked) === null);
  return rulesOf(asked.verdict).map((rule) => valid.filter((vote) => isMember(vote, rule, roster)));
}

export function isQuorate(votes: readonly Vote[], roster: Roster, asked: Asked): boolean {
  const counted = countedFor(votes, roster, asked);
  return rulesOf(asked.verdict).every((rule, at) => (counted[at]?.length ?? 0) >= rule.quorum);
}

/** Do the two speak for the same person? A delegate and whoever they vote for never count as two. */
export function overlap(one: Vote, other: Vote): boolean {
  return namesIn(one).some((name) => namesIn(other).includes(name));
}

function distinct(votes: readonly Vote[]): readonly Vote[] {
  return votes.filter((vote, at) => !votes.slice(0, at).some((earlier) => overlap(earlier, vote)));
}

const namesIn = ({ by, onBehalfOf }: Vote): readonly string[] =>
  onBehalfOf === null ? [by] : [by, onBehalfOf];

const UNKNOWN = { groups: [], barred: 'without_credential' } as const;

const standingOf = (roster: Roster, person: string): Pick<Standing, 'groups' | 'barred'> =>
  roster.people.find((it) => it.person === person) ?? UNKNOWN;

/** In one's own right, or by the right of whose place one takes. */
function isMember({ by, onBehalfOf }: Vote, { groups }: ApprovalRule, roster: Roster): boolean {
  return (
    groups.length === 0 || standingOf(roster, onBehalfOf ?? by).groups.some((name) => groups.includes(name))
  );
}

/** The rules of policies that name approvers; the usual one, that any one approver is enough, is in all of them. */
export function approvalRulesOf(
  policies: readonly { readonly approvers: ApprovalRule }[],
): readonly ApprovalRule[] {
  return policies
    .map((policy) => policy.approvers)
    .filter(({ quorum, groups }) => quorum > 1 || groups.length > 0);
}

/** The verdict with who has to approve, where that is needed and policies name somebody. */
export function withApprovers<V extends Verdict>(
  verdict: V,
  policies: readonly { readonly approvers: ApprovalRule }[],
): V {
  const approval = approvalRulesOf(policies);
  return verdict.needsApproval && approval.length > 0 ? { ...verdict, approval } : verdict;
}
