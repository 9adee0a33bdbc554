import { checkAllowance, checkShared, isAllowance } from './allowance-rules.js';
import { checkApprovals } from './approval-rules.js';
import { checkSettlements } from './settlement-rules.js';
import { checkStops } from './stop-rules.js';
import { checkPolicies } from './policy-rules.js';
import { checkRepeats } from './repeat-rules.js';
import { checkTopUps } from './top-up-rules.js';
import { createHash } from 'node:crypto';
import { checkBudgets, checkUsage } from './budget-rules.js';
import {
  canonical,
  groupBy,
  nonceKey,
  type Books,
  type EventRow,
  type NonceUse,
  type Plain,
  type TransferLog,
  type Violation,
} from './model.js';

/** Facts that end an operation, and whether they may come with money having moved. */
const ENDS: Readonly<Record<string, 'paid' | 'unpaid'>> = {
  SettlementFinalized: 'paid',
  OperationRefused: 'unpaid',
  ApprovalRejected: 'unpaid',
  ApprovalExpired: 'unpaid',
  OperationCancelled: 'unpaid',
  AuthorizationExpiredUnused: 'unpaid',
  AuthorizationVoided: 'unpaid',
  AuthorizationBurned: 'unpaid',
};
/** What may still be recorded after the end: the budget's own entry and what the seller answered. */
const AFTER_END: ReadonlySet<string> = new Set([
  'BudgetCaptured',
  'BudgetReleased',
  'PresentationStarted',
  'ResourceDelivered',
  'DeliveryFailed',
  'SettlementSubmitted',
  'CancellationSubmitted',
  'AuthorizationSigned',
]);
const DEATHS: ReadonlySet<string> = new Set([
  'AuthorizationExpiredUnused',
  'AuthorizationVoided',
  'AuthorizationBurned',
]);

export function checkBooks(books: Books): Violation[] {
  const found: Violation[] = [];
  const report = (rule: string, where: string, what: string): void => void found.push({ rule, where, what });
  checkSettlements(books, report);
  const byNonce = groupBy(books.uses, nonceKey);
  const transfers = new Map(books.transfers.map((it) => [`${it.txHash}/${it.logIndex}`, it]));
  const owners = new Map<string, string>();
  const keys = new Map<string, string>();
  for (const [operationId, events] of books.operations) {
    checkChain(operationId, events, report);
    checkKey(operationId, events, keys, report);
    checkApprovals(events, books.votes, (rule, what) => report(rule, operationId, what));
    if (isAllowance(events))
      checkEnds(operationId, events, checkAllowance(books, operationId, events, report), report);
    else checkOperation(books, operationId, events, { byNonce, transfers, owners, report });
  }
  checkWallets(books, byNonce, owners, report);
  checkShared(books, report);
  checkPolicies(books, report);
  checkRepeats(books, report);
  checkTopUps(books, report);
  checkBudgets(books, report);
  checkStops(books, report);
  checkUsage(books, report);
  return found;
}

export type Report = (rule: string, where: string, what: string) => void;

/** S14: versions without gaps, each hash over the one before and the event's own bytes. */
function checkChain(operationId: string, events: readonly EventRow[], report: Report): void {
  let prev = '0'.repeat(64);
  events.forEach((event, index) => {
    if (event.version !== index + 1)
      report('S14', operationId, `version ${event.version} where ${index + 1} was expected`);
    if (event.prevHash !== prev)
      report('S14', operationId, `version ${event.version} does not follow the hash before it`);
    if (event.hash !== hashOf(event))
      report('S14', operationId, `version ${event.version} was changed: its hash does not fit`);
    prev = event.hash;
  });
}

function hashOf(event: EventRow): string {
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
  return createHash('sha256').update(Buffer.from(event.prevHash, 'hex')).update(text, 'utf8').digest('hex');
}

/** S13: one operation per workspace, agent and key. */
function checkKey(
  operationId: string,
  events: readonly EventRow[],
  keys: Map<string, string>,
  report: Report,
): void {
  const opened = events.filter((event) => event.type === 'OperationOpened');
  const first = opened[0];
  if (opened.length !== 1 || !first) return report('S13', operationId, `${opened.length} times opened`);
  const request = first.data['request'] as Plain;
  const key = `${first.workspaceId}/${String(request['agentId'])}/${String(first.data['keyHash'])}`;
  const other = keys.get(key);
  if (other !== undefined) report('S13', operationId, `shares its key with ${other}`);
  keys.set(key, operationId);
}

interface Context {
  readonly byNonce: ReadonlyMap<string, readonly NonceUse[]>;
  /** By transaction and log index. */
  readonly transfers: ReadonlyMap<string, TransferLog>;
  readonly owners: Map<string, string>;
  readonly report: Report;
}

function checkOperation(
  books: Books,
  operationId: string,
  events: readonly EventRow[],
  { byNonce, transfers, owners, report }: Context,
): void {
  const prepared = events
    .filter((event) => event.type === 'AuthorizationPrepared')
    .map((event) => event.data['authorization'] as Plain);
  if (prepared.length > 1) report('S2', operationId, `${prepared.length} authorizations`);
  const uses = prepared.flatMap((it) => byNonce.get(keyOf(it)) ?? []);
  const paid = uses.filter((use) => use.kind === 'used');
  if (paid.length > 1) report('S1', operationId, `${paid.length} transfers`);
  for (const it of prepared) {
    const owner = owners.get(keyOf(it));
    if (owner !== undefined && owner !== operationId)
      report('S2', operationId, `shares its nonce with ${owner}`);
    owners.set(keyOf(it), operationId);
    for (const use of paid)
      if (!transferOf(transfers, use, it))
        report('S6', operationId, `nonce used without its exact transfer in ${use.txHash}`);
  }
  checkEnds(operationId, events, paid.length, report);
  checkRelease(operationId, events, report);
  checkProofs(books, operationId, events, { byNonce, transfers, owners, report });
}

const keyOf = (it: Plain): string =>
  nonceKey({ token: String(it['token']), from: String(it['from']), nonce: String(it['nonce']) });

function transferOf(
  transfers: Context['transfers'],
  use: NonceUse,
  authorization: Plain,
): TransferLog | undefined {
  const it = transfers.get(`${use.txHash}/${use.logIndex + 1}`);
  const ceiling = BigInt(String(authorization['value']));
  const exact =
    it?.token === use.token &&
    it.to === String(authorization['to']).toLowerCase() &&
    (authorization['method'] === 'upto' ? it.value <= ceiling : it.value === ceiling);
  return exact ? it : undefined;
}

/** S7, S8: an end is the end, unpaid ends have no transfer, and after the intent only proof makes one. */
function checkEnds(
  operationId: string,
  events: readonly EventRow[],
  transfers: number,
  report: Report,
): void {
  const at = events.findIndex((event) => event.type in ENDS);
  if (at < 0) return;
  const end = events[at] as EventRow;
  const late = events.slice(at + 1).find((event) => !AFTER_END.has(event.type));
  if (late) report('S7', operationId, `${late.type} after ${end.type}`);
  const fate = ENDS[end.type];
  if (fate === 'unpaid' && transfers > 0)
    report('S7', operationId, `${end.type}, yet ${transfers} transfer on chain`);
  if (fate === 'paid' && transfers !== 1)
    report('S7', operationId, `${end.type} with ${transfers} transfers on chain`);
  const intended = events.slice(0, at).some((event) => event.type === 'AuthorizationPrepared');
  if (intended && fate === 'unpaid' && !DEATHS.has(end.type))
    report('S8', operationId, `${end.type} after the intent, without proof`);
}

/** S5: after the intent the hold is released only once the authorization is dead; never captured and released both. */
function checkRelease(operationId: string, events: readonly EventRow[], report: Report): void {
  let intended = false;
  let dead = false;
  let held = 0n;
  for (const event of events) {
    if (event.type === 'AuthorizationPrepared') {
      intended = true;
      const value = BigInt(String((event.data['authorization'] as Plain)['value']));
      if (value > held) report('S5', operationId, `value ${value} above the hold ${held}`);
    }
    // What was authorized can be spent no more: dead, or charged for good.
    if (DEATHS.has(event.type) || event.type === 'SettlementFinalized') dead = true;
    if (event.type === 'BudgetReserved') held += BigInt(String(event.data['amount']));
    if (event.type === 'BudgetReleased' && intended && !dead)
      report('S5', operationId, 'released while the authorization may be live');
    if (event.type === 'BudgetReleased' || event.type === 'BudgetCaptured')
      held -= BigInt(String(event.data['amount']));
    if (held < 0n) report('S6', operationId, 'more captured and released than reserved');
  }
}

/** S7, S8: what settlements and deaths name is what the canonical chain has. */
function checkProofs(
  books: Books,
  operationId: string,
  events: readonly EventRow[],
  { byNonce, transfers, report }: Context,
): void {
  const own = events.find((it) => it.type === 'AuthorizationPrepared')?.data['authorization'] as
    Plain | undefined;
  const uses = own ? (byNonce.get(keyOf(own)) ?? []) : [];
  for (const event of events) {
    if (event.type === 'SettlementFinalized') {
      const named = event.data['settlement'] as Plain;
      const place = `${String(named['txHash'])}/${String(named['logIndex'])}`;
      // It must be this operation's own transfer: the log after the use of its nonce, in that very block.
      const found = uses.some(
        (use) =>
          use.kind === 'used' &&
          `${use.txHash}/${use.logIndex + 1}` === place &&
          transfers.get(place)?.blockHash === named['blockHash'],
      );
      if (!found) report('S7', operationId, `no transfer of its own at ${place}`);
    }
    if (event.type === 'BudgetCaptured' && BigInt(String(event.data['amount'])) !== paidBy(uses, transfers))
      report(
        'S6',
        operationId,
        `captured ${String(event.data['amount'])}, transferred ${paidBy(uses, transfers)}`,
      );
    if (event.type === 'AuthorizationVoided' && !uses.some((use) => use.kind === 'cancelled'))
      report('S8', operationId, 'called void, yet nothing on chain cancelled it');
    if (event.type === 'AuthorizationExpiredUnused') {
      const proof = event.data['proof'] as Plain;
      const block = books.blocks.get(Number(proof['blockNumber']));
      if (block?.hash !== proof['blockHash'])
        report('S8', operationId, 'the block of the proof is not on the chain');
      if (!own || !block || block.timestampSec <= Number(own['validBeforeSec']))
        report('S8', operationId, 'proof taken before the authorization expired');
    }
  }
}

function paidBy(uses: readonly NonceUse[], transfers: Context['transfers']): bigint {
  return uses
    .filter((use) => use.kind === 'used')
    .reduce((sum, use) => sum + (transfers.get(`${use.txHash}/${use.logIndex + 1}`)?.value ?? 0n), 0n);
}

/** S6: every use of a wallet's nonce and every transfer out of a wallet belongs to one operation. */
function checkWallets(
  books: Books,
  byNonce: ReadonlyMap<string, readonly NonceUse[]>,
  owners: ReadonlyMap<string, string>,
  report: Report,
): void {
  for (const [key, uses] of byNonce)
    if (!owners.has(key) && books.wallets.has(uses[0]?.from ?? ''))
      report('S6', uses[0]?.txHash ?? '', 'a nonce was used that no operation prepared');
  const explained = new Set(
    books.uses.filter((use) => use.kind === 'used').map((use) => `${use.txHash}/${use.logIndex + 1}`),
  );
  for (const transfer of books.transfers.filter((it) => books.wallets.has(it.from))) {
    if (!explained.has(`${transfer.txHash}/${transfer.logIndex}`))
      report('S6', transfer.txHash, `unexplained transfer of ${transfer.value} from ${transfer.from}`);
  }
}
