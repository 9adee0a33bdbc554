// Every intent obeys the policies that its verdict names, and a verdict names stored documents by their true hash. Read from the documents, not from the
// code that judges by them.
import { createHash } from 'node:crypto';
import { canonical, type Books, type EventRow, type Plain, type PolicyRow } from './model.js';

type Report = (rule: string, where: string, what: string) => void;

export function checkPolicies(books: Books, report: Report): void {
  for (const [key, { document, hash }] of books.policies)
    if (createHash('sha256').update(canonical(document)).digest('hex') !== hash)
      report('S14', key, 'a stored policy is not what its hash says');
  for (const [operationId, events] of books.operations)
    for (const fault of faultsOf(books, events)) report('S9', operationId, fault);
}

function faultsOf({ policies }: Books, events: readonly EventRow[]): string[] {
  const [opened] = events;
  const judged = judgedBefore(events);
  if (!opened || !judged) return [];
  const { terms, verdict } = judged;
  const documents = verdict['judgedBy'] as readonly Plain[] | undefined;
  // What was judged before verdicts named their documents, and what a restored database took over from the chain.
  if (!documents) return [];
  const request = opened.data['request'] as Plain;
  const { kind, agentId } = request;
  const faults: string[] = [];
  const named = documents.map((it) => Number(it['version']));
  if (verdict['policyVersion'] !== Math.max(0, ...named))
    faults.push('the verdict names another version than judged');
  for (const { scope, version, hash } of documents) {
    if (version === 0 && hash === null) continue;
    const where = scope === 'workspace' ? 'workspace' : String(agentId);
    const stored = policies.get(`${opened.workspaceId}/${where}/${String(version)}`);
    if (stored?.hash !== hash)
      faults.push(`judged by ${String(scope)} version ${String(version)}, which is not stored so`);
    else faults.push(...broken(stored as PolicyRow, { kind: String(kind), request, terms, verdict }));
  }
  return faults;
}

/** The newest terms before the intent; none where there was no intent. */
export function judgedBefore(
  events: readonly EventRow[],
): { readonly terms: Plain; readonly verdict: Plain } | null {
  const intent = events.findIndex((event) => event.type === 'AuthorizationPrepared');
  const judged = events
    .slice(0, Math.max(0, intent))
    .findLast((event) => event.type === 'TermsAccepted' || event.type === 'TermsChanged');
  return judged ? { terms: judged.data['terms'] as Plain, verdict: judged.data['verdict'] as Plain } : null;
}

interface Judged {
  readonly kind: string;
  readonly request: Plain;
  readonly terms: Plain;
  readonly verdict: Plain;
}

function broken({ document }: PolicyRow, { kind, request, terms, verdict }: Judged): string[] {
  const amount = BigInt(String(terms['amount']));
  const asked = verdict['needsApproval'] === true;
  const faults: string[] = [];
  const unless = (fine: boolean, what: string): void => void (fine || faults.push(what));
  const among = (name: string, value: string): boolean => {
    const list = document[name] as readonly string[] | null | undefined;
    return list == null || list.includes(value);
  };
  const over = (name: string): boolean => document[name] != null && amount >= BigInt(String(document[name]));

  unless(among('allowed_networks', String(terms['network'])), 'on a network that is not allowed');
  unless(
    among('allowed_assets', `${String(terms['network'])}/erc20:${String(terms['token'])}`),
    'in an asset that is not allowed',
  );
  if (kind === 'top_up') {
    unless(asked || !over('top_up_approval_threshold'), 'a top-up above the threshold, and nobody was asked');
    return faults;
  }
  if (kind === 'allowance') return faults;

  const payee = String(terms['payTo']);
  const url = String(terms['resourceUrl']);
  const host = URL.canParse(url) ? new URL(url).hostname.replace(/\.$/, '') : '';
  const matches = (pattern: string): boolean =>
    pattern.startsWith('*.')
      ? host.endsWith(pattern.slice(1)) && host !== pattern.slice(1)
      : host === pattern;
  const listed = (name: string): readonly string[] => (document[name] ?? []) as readonly string[];
  unless(!listed('denied_hosts').some(matches), `at ${host}, which is denied`);
  unless(
    document['allowed_hosts'] == null || listed('allowed_hosts').some(matches),
    `at ${host}, which is not allowed`,
  );
  for (const cap of (document['host_price_caps'] ?? []) as readonly Plain[])
    unless(
      !matches(String(cap['host'])) || amount <= BigInt(String(cap['max_amount'])),
      `above the cap of ${String(cap['host'])}`,
    );
  unless(!listed('denied_payees').includes(payee), 'to a payee that is denied');
  unless(among('allowed_payees', payee), 'to a payee that is not allowed');
  for (const tag of listed('required_tags'))
    unless(typeof request[tag === 'category' ? tag : 'costCentre'] === 'string', `without its ${tag}`);
  unless(terms['paymentFlow'] !== 'upfront' || document['allow_upfront'] === true, 'paid upfront');
  unless(terms['transferMethod'] !== 'upto' || document['allow_upto'] === true, 'up to a ceiling');
  const hours = document['hours'] as Plain | null | undefined;
  unless(hours == null || isOpen(hours, Number(verdict['judgedAtMs'])), 'outside the hours');
  unless(asked || !over('approval_threshold'), 'at or above the threshold, and nobody was asked');
  const like = verdict['like'] as Plain | undefined;
  unless(
    Number(document['duplicate_window_sec'] ?? 0) <= Number(like?.['withinSec'] ?? 0),
    'not compared with others like it',
  );
  return faults;
}

const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];

/** As somebody reads it off a clock in that place. */
function isOpen({ zone, windows }: Plain, atMs: number): boolean {
  const format = {
    timeZone: String(zone),
    weekday: 'short',
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
  } as const;
  const [, day = '', time = ''] =
    /^(\w{3})\D+(\d\d:\d\d)$/.exec(new Date(atMs).toLocaleString('en-GB', format)) ?? [];
  const before = DAYS[(DAYS.indexOf(day) + 6) % 7] ?? '';
  return (windows as readonly Plain[]).some(({ days, from, to }) => {
    const on = (name: string): boolean => (days as readonly string[]).includes(name.toLowerCase());
    const [start, end] = [String(from), String(to)];
    if (start < end) return on(day) && start <= time && time < end;
    return (on(day) && time >= start) || (on(before) && time < end);
  });
}
