// S10, from the log, the groups and the delegations alone: before anything was signed that needed a yes, so many distinct people had said it who
// were entitled at that moment, none of whom had asked.
import type { EventRow, Plain, VoteRow } from './model.js';

type Say = (rule: string, what: string) => void;

const DECISIONS = new Set(['ApprovalGranted', 'ApprovalRejected', 'ApprovalExpired']);

export function checkApprovals(
  events: readonly EventRow[],
  votes: ReadonlyMap<string, readonly VoteRow[]>,
  say: Say,
): void {
  const requester = String(events[0]?.data['requester']);
  for (const event of events) {
    if (DECISIONS.has(event.type)) checkDecision(events, event, say);
    if (/^Approval(Voted|Granted|Rejected)$/.test(event.type) && namesIn(event.data).includes(requester))
      say('S10', `${event.type} by whoever asked`);
  }
  const intent = events.find((event) => event.type === 'AuthorizationPrepared');
  if (!intent || isAdopted(events, intent)) return;
  const before = events.filter((event) => event.version < intent.version);
  const judged = before.findLast((event) => /^Terms(Accepted|Changed)$/.test(event.type));
  const verdict = (judged?.data['verdict'] ?? {}) as Plain;
  if (judged === undefined || verdict['needsApproval'] !== true) return;
  const granted = before.findLast(
    (event) => event.type === 'ApprovalGranted' && event.version > judged.version,
  );
  if (!granted) return say('S10', 'signed without the yes it needs');
  const authorization = intent.data['authorization'] as Plain;
  if (Number(authorization['validBeforeSec']) * 1000 > Number(granted.data['useByMs']))
    say('S10', 'lives longer than its approval');
  checkQuorum(
    granted,
    { verdict, votes: votes.get(String(granted.data['approvalId'])) ?? [], requester },
    say,
  );
}

/** Asked for before, decided once, in time by the database's clock where it says so. */
function checkDecision(events: readonly EventRow[], decision: EventRow, say: Say): void {
  const id = decision.data['approvalId'];
  const asked = events.find((event) => event.type === 'ApprovalRequested' && event.data['approvalId'] === id);
  if (!asked || asked.version > decision.version) say('S10', `${decision.type} of what nobody asked for`);
  const others = events.filter(
    (event) => event !== decision && DECISIONS.has(event.type) && event.data['approvalId'] === id,
  );
  // A grant may run out before it is used; nothing else follows a decision.
  const late = others.find((event) => event.version > decision.version);
  if (late && !(decision.type === 'ApprovalGranted' && late.type === 'ApprovalExpired'))
    say('S10', `${late.type} after ${decision.type}`);
}

interface Quorum {
  readonly verdict: Plain;
  readonly votes: readonly VoteRow[];
  readonly requester: string;
}

function checkQuorum(granted: EventRow, { verdict, votes, requester }: Quorum, say: Say): void {
  const rules = (verdict['approval'] ?? [{ quorum: 1, groups: [] }]) as readonly Rule[];
  const named = votes.flatMap((vote) => [vote.voter, ...(vote.onBehalfOf === null ? [] : [vote.onBehalfOf])]);
  if (new Set(named).size !== named.length) say('S10', 'one person stands behind two votes');
  if (votes.some((vote) => vote.decidedAtMs !== null && vote.decidedAtMs >= vote.decideByMs))
    say('S10', 'granted after its time');
  const entitled = votes.filter(
    (vote) =>
      vote.voter !== requester &&
      vote.onBehalfOf !== requester &&
      (vote.onBehalfOf === null || vote.delegated),
  );
  for (const { quorum, groups } of rules) {
    const counted = entitled.filter(
      (vote) => groups.length === 0 || vote.groups.some((name) => groups.includes(name)),
    );
    if (counted.length < quorum)
      say('S10', `${counted.length} of ${quorum} yeses of ${groups.join(' or ') || 'anybody'}`);
  }
  const voters = (granted.data['voters'] ?? [granted.data['by']]) as readonly string[];
  if (voters.some((name) => !votes.some((vote) => vote.voter === name)))
    say('S10', 'counts somebody who has not voted');
}

interface Rule {
  readonly quorum: number;
  readonly groups: readonly string[];
}

const namesIn = (data: Plain): readonly unknown[] => [data['by'], data['onBehalfOf']];

/** After a restore: what the chain shows was paid before is taken over without asking anybody, in one commit with its intent. */
const isAdopted = (events: readonly EventRow[], intent: EventRow): boolean =>
  events.some((event) => event.type === 'SettlementObserved' && event.order[1] === intent.order[1]);
