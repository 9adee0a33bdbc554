import type { RuleTrace } from '#domain';

/** One line of a trace; `off`: its policy does not set the rule. */
export function renderRule(it: RuleTrace): object {
  const { rule, policy, outcome } = it;
  return {
    rule,
    policy: policy && { scope: policy.scope, version: policy.version, hash: policy.hash },
    outcome,
    reason: 'reason' in it ? it.reason : null,
    facts: 'facts' in it ? it.facts : {},
  };
}
