// Does a new policy let anything pass that the one before did not? Where dual control is on, that takes a second person (ruling 28). Every rule has
// its own word for it, and a new rule does not compile without one. In doubt it loosens: asking once too often costs a minute.
import { canonicalJson, type Json } from './canonical.js';
import type { PolicyRules } from './policy.js';

type Looser<Value> = (was: Value, is: Value) => boolean;

/** Null: no bound at all. */
const higher: Looser<bigint | number | null> = (was, is) => was !== null && (is === null || is > was);
const lower: Looser<number> = (was, is) => is < was;
const switchedOn: Looser<boolean> = (was, is) => is && !was;
const more: Looser<readonly string[] | null> = (was, is) =>
  was !== null && (is === null || is.some((it) => !was.includes(it)));
const fewer: Looser<readonly string[]> = (was, is) => was.some((it) => !is.includes(it));
const ranked =
  <Word extends string>(...fromTight: readonly Word[]): Looser<Word> =>
  (was, is) =>
    fromTight.indexOf(is) > fromTight.indexOf(was);

const LOOSER: { readonly [Rule in keyof PolicyRules]: Looser<PolicyRules[Rule]> } = {
  approvalThreshold: higher,
  allowedHosts: more,
  deniedHosts: fewer,
  hostPriceCaps: (was, is) =>
    was.some((cap) => !is.some((it) => it.host === cap.host && it.maxAmount <= cap.maxAmount)),
  allowedPayees: more,
  deniedPayees: fewer,
  allowedNetworks: more,
  allowedAssets: more,
  hours: (was, is) => was !== null && textOf(was) !== textOf(is),
  requiredTags: fewer,
  newPayee: ranked('approve', 'allow'),
  duplicateWindowSec: lower,
  budgetApprovalPercent: higher,
  maxValiditySec: higher,
  contractPayee: ranked('refuse', 'approve', 'allow'),
  allowUpfront: switchedOn,
  allowUpto: switchedOn,
  topUpApprovalThreshold: higher,
  prepaidHosts: more,
  decideWithinSec: higher,
  approvers: (was, is) =>
    is.quorum < was.quorum ||
    (was.groups.length > 0 &&
      (is.groups.length === 0 || is.groups.some((name) => !was.groups.includes(name)))),
};

const textOf = (value: unknown): string => canonicalJson((value ?? null) as Json);

/** The rules that let more pass, by name; none: the change only tightens, or changes nothing. */
export function loosened(before: PolicyRules, after: PolicyRules): readonly (keyof PolicyRules)[] {
  return (Object.keys(LOOSER) as (keyof PolicyRules)[]).filter((rule) => isLooser(rule, before, after));
}

function isLooser<Rule extends keyof PolicyRules>(
  rule: Rule,
  before: PolicyRules,
  after: PolicyRules,
): boolean {
  return LOOSER[rule](before[rule], after[rule]);
}
