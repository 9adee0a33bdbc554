// A person's yes, or as many as policy asks for, as the signer reads it itself (T39): to these very terms, in time, by people who were entitled at
// the moment of the decision, whatever the worker or the store has made of it.
import { approvalRulesOf, isQuorate, rulesOf, type Judgement, type Policy } from '#domain';
import { approvalDigest } from '#engine';
import { hashing } from '#runtime';
import type { Subject } from './subject.js';

/** Wherever the verdict or the policies of now ask for one. `now`: the judgement by the policies of now. */
export function wrongApproval(
  subject: Subject,
  { now, policies }: { readonly now: () => Judgement; readonly policies: readonly Policy[] },
): string | undefined {
  const { judged, approval, authorization } = subject;
  if (judged === null || authorization === null) return 'no_terms';
  const { verdict } = judged;
  const judgement = now();
  if (!verdict.needsApproval && !(judgement.ok && judgement.verdict.needsApproval)) return undefined;
  if (approval === null || approval.status !== 'approved') return 'not_approved';
  const expected = approvalDigest({ hashing }, subject.operationId, judged.terms, verdict.policyVersion);
  if (approval.digest !== expected) return 'approval_of_other_terms';
  if (approval.useByMs === null || authorization.validBeforeSec * 1000 > approval.useByMs)
    return 'approval_too_old';
  const { requester, votes, roster } = approval;
  if (requester === null) return 'requester_unknown';
  // Both the rules it was judged by and those of now: what has been tightened since counts.
  const rules = [...rulesOf(verdict), ...approvalRulesOf(policies)];
  return isQuorate(votes, roster, { requester, verdict: { approval: rules } }) ? undefined : 'quorum_not_met';
}
