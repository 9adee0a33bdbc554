// Judges a run from outside: reads the event log, the chain's own logs and what people asked and were told; shares no code with the engine.
import { createHash } from 'node:crypto';
import { checkCaps } from './checker-caps.js';
import { checkApproval, checkAuthorization, checkHold, checkReplay, checkWallets } from './checker-money.js';
import {
  dataOf,
  of,
  PAID_END,
  paymentsByNonce,
  UNPAID_ENDS,
  type Evidence,
  type LoggedEvent,
  type Plain,
  type Report,
  type Violation,
} from './evidence.js';

/** What may follow an end: the budget's own entry and what came of the delivery. */
const AFTER_END: ReadonlySet<string> = new Set([
  'BudgetCaptured',
  'BudgetReleased',
  'PresentationStarted',
  'ResourceDelivered',
  'DeliveryFailed',
  'SettlementSubmitted',
  'CancellationSubmitted',
]);

export function check(evidence: Evidence): Violation[] {
  const found: Violation[] = [];
  const report = (rule: string, where: string, what: string): void => void found.push({ rule, where, what });
  const operations = new Map<string, LoggedEvent[]>();
  for (const event of evidence.events) {
    const stream = operations.get(event.operationId);
    if (stream) stream.push(event);
    else operations.set(event.operationId, [event]);
  }
  const payments = paymentsByNonce(evidence.chain);
  const owners = new Map<string, string>();
  for (const [operationId, events] of operations) {
    checkStream(operationId, events, report);
    checkPrepaid(operationId, events, report);
    checkAuthorization(evidence, operationId, events, { payments, owners, report });
    checkHold(operationId, events, report);
    checkApproval(operationId, events, report);
    checkReplay(evidence, operationId, events, report);
  }
  checkWallets(evidence, owners, report);
  checkKeys(evidence, operations, report);
  checkStops(evidence, report);
  for (const violation of checkCaps(evidence.events, evidence.history.caps)) found.push(violation);
  return found;
}

/** S14: versions without gaps, each hash over the one before. The fence: no write under a lease that somebody has taken over. */
function checkStream(operationId: string, events: readonly LoggedEvent[], report: Report): void {
  let prev = '0'.repeat(64);
  let epoch = 0;
  events.forEach((event, index) => {
    if (event.version !== index + 1)
      report('S14', operationId, `version ${event.version} at place ${index + 1}`);
    if (event.prevHash !== prev) report('S14', operationId, `version ${event.version} does not follow`);
    const text = canonical({
      workspace_id: event.workspaceId,
      operation_id: event.operationId,
      version: event.version,
      type: event.type,
      schema: event.schema,
      data: event.data,
      actor: event.actor,
      occurred_at_ms: event.occurredAtMs,
    });
    const hash = createHash('sha256')
      .update(prev + text)
      .digest('hex');
    if (event.hash !== hash) report('S14', operationId, `version ${event.version} was changed`);
    prev = event.hash;
    if (event.leaseEpoch === null) return;
    if (event.leaseEpoch < epoch)
      report('fence', operationId, `${event.type} written under lease ${event.leaseEpoch} after ${epoch}`);
    epoch = Math.max(epoch, event.leaseEpoch);
  });
  const end = events.findIndex((event) => event.type === PAID_END || UNPAID_ENDS.has(event.type));
  for (const event of end < 0 ? [] : events.slice(end + 1))
    if (!AFTER_END.has(event.type))
      report('S7', operationId, `${event.type} after ${(events[end] as LoggedEvent).type}`);
}

/** Ruling 10: a seller whose host policy calls prepaid is shown nothing before the payment was seen on chain. */
function checkPrepaid(operationId: string, events: readonly LoggedEvent[], report: Report): void {
  const [verdict] = of(events, 'TermsAccepted', 'TermsChanged')
    .toReversed()
    .map((it) => dataOf(it)['verdict']);
  if ((verdict as Plain | undefined)?.['prepaid'] !== true) return;
  const seen = events.findIndex((event) => event.type === 'SettlementObserved');
  const shown = events.findIndex((event) =>
    /^(PresentationStarted|ResourceDelivered|DeliveryFailed)$/.test(event.type),
  );
  if (shown >= 0 && (seen < 0 || shown < seen)) report('R10', operationId, 'shown before it was on chain');
}

function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const entries = Object.entries(value as Plain).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([key, item]) => `${JSON.stringify(key)}:${canonical(item)}`).join(',')}}`;
}

/** S13 */
function checkKeys(
  { history }: Evidence,
  operations: ReadonlyMap<string, readonly LoggedEvent[]>,
  report: Report,
): void {
  const byKey = new Map<string, string>();
  for (const [id, events] of operations) {
    if (of(events, 'OperationOpened').length !== 1) report('S13', id, 'not opened once');
    const data = dataOf(events[0]);
    const key = `${String((data['request'] as Plain)['agentId'])}/${String(data['keyHash'])}`;
    if (byKey.has(key)) report('S13', id, 'two operations for one key');
    byKey.set(key, id);
  }
  const answers = new Map<string, string>();
  for (const { agentId, key, variant, operationId, code } of history.calls) {
    if (variant === 'other') {
      if (code !== 'idempotency_key_reused' && !code?.endsWith('_paused'))
        report('S13', key, 'other bytes were accepted');
    } else if (operationId !== null) {
      const known = answers.get(`${agentId}/${key}`) ?? operationId;
      if (known !== operationId) report('S13', key, 'the same request was answered with two operations');
      answers.set(`${agentId}/${key}`, known);
      if (!operations.has(operationId)) report('S13', key, 'answered with an operation that does not exist');
    }
  }
}

/** S17: no intent in a scope while it is stopped. */
function checkStops({ events, history }: Evidence, report: Report): void {
  const stopped = new Map<string, Readonly<Record<string, string | null>>>();
  const agents = new Map(
    of(events, 'OperationOpened').map((it) => [it.operationId, (dataOf(it)['request'] as Plain)['agentId']]),
  );
  const terms = new Map<string, Plain>();
  let next = 0;
  for (const event of events) {
    for (
      let stop = history.stops[next];
      stop && stop.fromSeq <= event.seq;
      stop = history.stops[(next += 1)]
    ) {
      const key = JSON.stringify(stop.scope);
      if (stop.stopped) stopped.set(key, stop.scope);
      else stopped.delete(key);
    }
    if (event.type === 'TermsAccepted' || event.type === 'TermsChanged')
      terms.set(event.operationId, dataOf(event)['terms'] as Plain);
    if (event.type !== 'AuthorizationPrepared' && event.type !== 'ApprovalRequested') continue;
    const { network, payTo: payee, resourceUrl } = terms.get(event.operationId) ?? {};
    const agentId = agents.get(event.operationId);
    const it = { workspaceId: event.workspaceId, agentId, network, payee };
    for (const [key, { kind: _, host, ...scope }] of stopped) {
      const place = new URL(String(resourceUrl)).hostname;
      const there = host == null || (host.startsWith('*') ? place.endsWith(host.slice(1)) : place === host);
      const same = Object.entries(scope).every(
        ([name, value]) => value === null || value === it[name as keyof typeof it],
      );
      if (there && same) report('S17', event.operationId, `${event.type} while ${key} was stopped`);
    }
  }
}
