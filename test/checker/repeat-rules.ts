// What was bought or paid before: a duplicate is not paid while the first is not dead, and a payee that is new is not paid without a person's yes.
import type { Books, EventRow, Plain } from './model.js';
import { judgedBefore } from './policy-rules.js';

type Report = (rule: string, where: string, what: string) => void;

interface Intent {
  readonly operationId: string;
  readonly workspaceId: string;
  readonly agentId: string;
  readonly openedAtMs: number;
  readonly payee: string;
  readonly asked: boolean;
  readonly judgedBy: readonly Plain[];
  readonly like: Plain | undefined;
  readonly at: EventRow;
  /** When it could move money no more, without having moved any. */
  readonly died: EventRow | undefined;
  /** From when on its payee is known: final on chain, or signed with a yes. */
  readonly known: EventRow | undefined;
}

export function checkRepeats(books: Books, report: Report): void {
  const intents = [...books.operations]
    .flatMap(([operationId, events]) => intentOf(operationId, events) ?? [])
    .toSorted((a, b) => (isBefore(a.at, b.at) ? -1 : 1));
  const firstKnown = new Map<string, EventRow>();
  for (const { workspaceId, agentId, payee, known } of intents)
    for (const key of known ? [`${workspaceId}/${payee}`, `${agentId}/${payee}`] : []) {
      const first = firstKnown.get(key);
      if (known && (!first || isBefore(known, first))) firstKnown.set(key, known);
    }
  const alike = new Map<string, Intent[]>();
  for (const intent of intents) {
    if (intent.like) {
      const key = `${intent.workspaceId}/${intent.agentId}/${String(intent.like['hash'])}`;
      const earlier = alike.get(key) ?? [];
      const twice = earlier.find((first) => repeats(first, intent));
      if (twice)
        report('S9', intent.operationId, `the same purchase as ${twice.operationId}, under another key`);
      alike.set(key, [...earlier, intent]);
    }
    for (const { scope, version } of intent.judgedBy) {
      const named = scope === 'workspace' ? 'workspace' : intent.agentId;
      const policy = books.policies.get(`${intent.workspaceId}/${named}/${String(version)}`);
      if (policy?.document['new_payee'] !== 'approve' || intent.asked) continue;
      const owner = scope === 'workspace' ? intent.workspaceId : intent.agentId;
      const known = firstKnown.get(`${owner}/${intent.payee}`);
      if (!known || !isBefore(known, intent.at))
        report('S9', intent.operationId, 'to a new payee, and nobody was asked');
    }
  }
}

function intentOf(operationId: string, events: readonly EventRow[]): Intent | null {
  const [opened] = events;
  const at = events.find((event) => event.type === 'AuthorizationPrepared');
  const judged = judgedBefore(events);
  if (!opened || !at || !judged) return null;
  const { kind, agentId } = opened.data['request'] as Plain;
  if (kind === 'top_up' || kind === 'allowance') return null;
  const { terms, verdict } = judged;
  const granted = events.some((event) => event.type === 'ApprovalGranted');
  const final = events.find((event) => event.type === 'SettlementFinalized');
  return {
    operationId,
    workspaceId: opened.workspaceId,
    agentId: String(agentId),
    openedAtMs: opened.occurredAtMs,
    payee: String(terms['payTo']),
    asked: verdict['needsApproval'] === true,
    judgedBy: (verdict['judgedBy'] ?? []) as readonly Plain[],
    like: verdict['like'] as Plain | undefined,
    at,
    died: events.find((event) => DEATHS.has(event.type)),
    known: granted ? at : final,
  };
}

const DEATHS: ReadonlySet<string> = new Set([
  'AuthorizationExpiredUnused',
  'AuthorizationVoided',
  'AuthorizationBurned',
]);

/** Two that meet are in the order of their locks, which is not always the log's: what either of them allows, or died in time, is no fault. */
function repeats(first: Intent, intent: Intent): boolean {
  const withinMs = Number(intent.like?.['withinSec']) * 1000;
  const near = Math.abs(first.openedAtMs - intent.openedAtMs) <= withinMs;
  const { died } = first;
  const dead = died && (isBefore(died, intent.at) || died.occurredAtMs <= intent.at.occurredAtMs);
  return near && !dead && !allows(first, intent) && !allows(intent, first);
}

const allows = ({ like }: Intent, other: Intent): boolean =>
  like?.['allow'] === 'any' || like?.['allow'] === other.operationId;

function isBefore({ order: [epoch, tx, position] }: EventRow, { order }: EventRow): boolean {
  if (epoch !== order[0]) return epoch < order[0];
  return tx === order[1] ? position < order[2] : tx < order[1];
}
