// Payments, holds, approvals and wallets: what may be signed, and what an end must mean (S1, S2, S5 to S10).
import {
  dataOf,
  DEATHS,
  keyOf,
  of,
  PAID_END,
  UNPAID_ENDS,
  type Evidence,
  type LoggedEvent,
  type Payment,
  type Plain,
  type Report,
} from './evidence.js';

interface Context {
  readonly payments: ReadonlyMap<string, readonly Payment[]>;
  readonly owners: Map<string, string>;
  readonly report: Report;
}

/** S1, S2, S7, S8, S9 */
export function checkAuthorization(
  evidence: Evidence,
  id: string,
  events: readonly LoggedEvent[],
  context: Context,
): void {
  const { payments, owners, report } = context;
  const prepared = of(events, 'AuthorizationPrepared');
  if (prepared.length > 1) report('S2', id, `${prepared.length} authorizations`);
  const all = prepared.map((event) => dataOf(event)['authorization'] as Plain);
  for (const it of all) {
    const key = keyOf(it['from'], it['nonce']);
    if (owners.has(key)) report('S2', id, `shares its nonce with ${String(owners.get(key))}`);
    owners.set(key, id);
  }
  const uses = all.flatMap((it) => payments.get(keyOf(it['from'], it['nonce'])) ?? []);
  const paid = uses.filter(({ use }) => use.kind !== 'cancelled');
  if (paid.length > 1) report('S1', id, `${paid.length} transfers`);
  const end = events.find((event) => event.type === PAID_END || UNPAID_ENDS.has(event.type));
  const intent = prepared[0];
  if (end && UNPAID_ENDS.has(end.type)) {
    if (paid.length > 0) report('S7', id, `${end.type} although it was paid`);
    if (intent && !DEATHS.has(end.type)) report('S8', id, `${end.type} after the intent`);
    if (end.type === 'AuthorizationBurned' && evidence.signed.has(id))
      report('S8', id, 'burned after it was signed');
    checkProof(evidence, id, end, { authorization: all[0], report });
    const until = Number((dataOf(end)['proof'] as Plain | undefined)?.['blockNumber']);
    const killed = uses.some(({ use }) => use.kind === 'cancelled' && use.blockNumber <= until);
    if (end.type === 'AuthorizationVoided' && !killed)
      report('S8', id, 'called void before the chain had cancelled it');
  }
  if (end?.type === PAID_END) {
    const at = dataOf(end)['settlement'] as Plain;
    const found = paid.find(
      ({ transfer }) =>
        transfer?.txHash === at['txHash'] &&
        transfer?.blockHash === at['blockHash'] &&
        transfer?.logIndex === at['logIndex'],
    );
    if (!found) report('S7', id, 'settled by a transfer that is not on the chain');
  }
  if (intent) checkBinding(id, events, intent, report);
}

function checkProof(
  { blocks }: Evidence,
  id: string,
  end: LoggedEvent,
  { authorization, report }: { readonly authorization: Plain | undefined; readonly report: Report },
): void {
  const proof = dataOf(end)['proof'] as Plain | undefined;
  if (!proof) return;
  const block = blocks[Number(proof['blockNumber'])];
  if (!block || block.hash !== proof['blockHash'])
    report('S8', id, 'its proof names a block that does not exist');
  else if (
    end.type === 'AuthorizationExpiredUnused' &&
    block.timestampSec <= Number(authorization?.['validBeforeSec'])
  )
    report('S8', id, 'called dead while it could still be used');
}

const core = (terms: Plain): string =>
  [
    terms['network'],
    terms['token'],
    terms['payTo'],
    terms['amount'],
    terms['resourceUrl'],
    terms['method'],
    terms['paymentFlow'] ?? 'authorization',
    terms['transferMethod'] ?? 'eip3009',
    terms['facilitator'],
  ].join('|');

/** S9: signed is what was judged, and what a person approved. */
function checkBinding(id: string, events: readonly LoggedEvent[], intent: LoggedEvent, report: Report): void {
  const before = events.filter((event) => event.version < intent.version);
  const authorization = dataOf(intent)['authorization'] as Plain;
  const judged = dataOf(of(before, 'TermsAccepted', 'TermsChanged').at(-1))['terms'] as Plain;
  const confirmed = dataOf(of(before, 'TermsConfirmed').at(-1))['terms'] as Plain | undefined;
  if (confirmed && core(confirmed) !== core(judged))
    report('S9', id, 'other terms than the approved ones were confirmed');
  const same =
    authorization['network'] === judged['network'] &&
    authorization['token'] === judged['token'] &&
    authorization['to'] === judged['payTo'] &&
    authorization['value'] === judged['amount'] &&
    authorization['method'] === (judged['transferMethod'] ?? 'eip3009') &&
    authorization['facilitator'] === judged['facilitator'];
  if (!same) report('S9', id, 'the authorization is not what was judged');
  const grant = of(before, 'ApprovalGranted').at(-1);
  const granted = grant && grant.version > (of(before, 'TermsAccepted', 'TermsChanged').at(-1)?.version ?? 0);
  if (granted && Number(authorization['validBeforeSec']) * 1000 > Number(dataOf(grant)['useByMs']))
    report('S9', id, 'the authorization outlives its approval');
}

/** S5, S6 per operation: what is held covers what is live; nothing is taken twice. */
export function checkHold(id: string, events: readonly LoggedEvent[], report: Report): void {
  let held = 0n;
  let live = 0n;
  for (const event of events) {
    const data = dataOf(event);
    const amount = BigInt((data['amount'] as string | undefined) ?? 0);
    if (event.type === 'BudgetReserved') held += amount;
    if (event.type === 'AuthorizationPrepared') {
      live = BigInt((data['authorization'] as Plain)['value'] as string);
      if (live > held) report('S5', id, `authorized ${live} with ${held} held`);
    }
    if (DEATHS.has(event.type)) live = 0n;
    if (event.type === 'SettlementFinalized') live = 0n;
    if (event.type === 'BudgetReleased' && live > 0n) report('S5', id, 'released with a live authorization');
    if (event.type === 'BudgetReleased' || event.type === 'BudgetCaptured') held -= amount;
    if (held < 0n) report('S6', id, `${event.type} of more than was held`);
  }
  const ended = events.some((event) => event.type === PAID_END || UNPAID_ENDS.has(event.type));
  if (ended && held !== 0n) report('S6', id, `ended with ${held} still held`);
}

/** S10 */
export function checkApproval(id: string, events: readonly LoggedEvent[], report: Report): void {
  const requester = dataOf(events[0])['requester'];
  const intent = of(events, 'AuthorizationPrepared')[0];
  const judged = of(events, 'TermsAccepted', 'TermsChanged').findLast(
    (it) => !intent || it.version < intent.version,
  );
  for (const grant of of(events, 'ApprovalGranted', 'ApprovalRejected')) {
    const request = of(events, 'ApprovalRequested').findLast((it) => it.version < grant.version);
    if (grant.recordedAtMs >= Number(dataOf(request)['decideByMs']))
      report('S10', id, `${grant.type} after its time`);
    if (dataOf(grant)['by'] === requester) report('S10', id, 'decided by the person who asked');
  }
  const needed = (dataOf(judged)['verdict'] as Plain | undefined)?.['needsApproval'] === true;
  if (!intent || !needed) return;
  const grants = of(events, 'ApprovalGranted').filter(
    (it) => it.version < intent.version && it.version > (judged?.version ?? 0),
  );
  if (grants.length !== 1) return report('S10', id, `an intent with ${grants.length} approvals`);
  if (intent.recordedAtMs >= Number(dataOf(grants[0])['useByMs']))
    report('S10', id, 'an approval used after its time');
}

/** Ruling 22: a paid request that may act twice is sent once. */
export function checkReplay(
  evidence: Evidence,
  id: string,
  events: readonly LoggedEvent[],
  report: Report,
): void {
  const request = dataOf(events[0])['request'] as Plain;
  const terms = dataOf(of(events, 'TermsAccepted', 'TermsChanged').at(-1))['terms'] as Plain | undefined;
  const identified = (terms?.['wire'] as Plain | undefined)?.['identifier'] === true;
  if (
    request['kind'] !== 'purchase' ||
    request['method'] === 'GET' ||
    request['allowReplay'] === true ||
    identified
  )
    return;
  const sent = evidence.paidRequests.get(id) ?? 0;
  if (sent > 1) report('R22', id, `a paid ${String(request['method'])} was sent ${sent} times`);
}

/** S6: every outgoing transfer of a managed wallet belongs to one operation, to the letter. */
export function checkWallets(
  { chain, events, history }: Evidence,
  owners: ReadonlyMap<string, string>,
  report: Report,
): void {
  let moved = 0n;
  chain.forEach((log, index) => {
    if (log.kind !== 'transfer' || !history.wallets.has(log.from)) return;
    moved += log.value;
    const use = chain[index - 1];
    const owner =
      use?.kind === 'used' || use?.kind === 'permit' ? owners.get(keyOf(use.from, use.nonce)) : undefined;
    if (owner === undefined) report('S6', log.txHash, 'a transfer that belongs to no operation');
  });
  const captured = of(events, 'BudgetCaptured').reduce(
    (sum, it) => sum + BigInt(dataOf(it)['amount'] as string),
    0n,
  );
  if (captured !== moved) report('S6', 'all', `captured ${captured}, moved ${moved}`);
}
