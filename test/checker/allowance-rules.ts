// Allowances: no money, no budget, a person's yes before each, and one Approval of the token behind each that is said to be given.
import { groupBy, type ApprovalLog, type Books, type EventRow, type Plain } from './model.js';

type Report = (rule: string, where: string, what: string) => void;

const PERMIT2 = '0x000000000022d473030f116ddee9f6b43ac78ba3';
const BUDGET = new Set(['BudgetReserved', 'BudgetCaptured', 'BudgetReleased']);

export const isAllowance = (events: readonly EventRow[]): boolean =>
  (events[0]?.data['request'] as Plain | undefined)?.['kind'] === 'allowance';

/** How often the chain has what the operation says was given: once, if it says so, and never otherwise. */
export function checkAllowance(
  books: Books,
  operationId: string,
  events: readonly EventRow[],
  report: Report,
): number {
  const say = (rule: string, what: string): void => report(rule, operationId, what);
  const budget = events.find((event) => BUDGET.has(event.type));
  if (budget) say('S6', `${budget.type} of an allowance`);
  const prepared = events.filter((event) => event.type === 'AuthorizationPrepared');
  if (prepared.length > 1) say('S2', `${prepared.length} authorizations`);
  const [intent] = prepared;
  if (!intent) return 0;
  const own = intent.data['authorization'] as Plain;
  if (String(own['to']).toLowerCase() !== PERMIT2) say('S9', 'an allowance for somebody else than Permit2');
  const granted = events.find((event) => event.type === 'ApprovalGranted');
  if (!granted || granted.version > intent.version) say('S10', 'signed without a yes');
  const final = events.find((event) => event.type === 'SettlementFinalized');
  const dead = events.find((event) => event.type === 'AuthorizationExpiredUnused');
  if (dead) checkDeath(books, own, dead.data['proof'] as Plain, (what) => say('S8', what));
  if (!final) return 0;
  const found = books.approvals.find((it) => isAt(it, final.data['settlement'] as Plain) && isOf(it, own));
  if (!found) say('S7', 'said to be given, and no such approval is there');
  return found ? 1 : 0;
}

/** An approval is the end of one operation. */
export function checkShared(books: Books, report: Report): void {
  const ends = [...books.operations].flatMap(([operationId, events]) =>
    isAllowance(events)
      ? events
          .filter((event) => event.type === 'SettlementFinalized')
          .map(({ data }) => ({ operationId, place: placeOf(data['settlement'] as Plain) }))
      : [],
  );
  for (const [place, shared] of groupBy(ends, (it) => it.place))
    if (shared.length > 1) report('S2', place, `the approval of ${shared.length} operations`);
}

function checkDeath(books: Books, own: Plain, proof: Plain, say: (what: string) => void): void {
  const block = books.blocks.get(Number(proof['blockNumber']));
  if (!block || block.hash !== proof['blockHash']) return say('the block of the proof is not on the chain');
  if (block.timestampSec <= Number(own['validBeforeSec'])) say('proof taken before the allowance expired');
}

const placeOf = (named: Plain): string => `${String(named['txHash'])}/${String(named['logIndex'])}`;
const isAt = (it: ApprovalLog, named: Plain): boolean =>
  placeOf({ ...it }) === placeOf(named) && it.blockHash === named['blockHash'];
const isOf = (it: ApprovalLog, own: Plain): boolean =>
  it.token === String(own['token']).toLowerCase() &&
  it.owner === String(own['from']).toLowerCase() &&
  it.spender === PERMIT2 &&
  it.value === BigInt(String(own['value']));
