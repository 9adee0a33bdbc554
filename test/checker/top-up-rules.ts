// Money that stays in the house: a treasury pays an agent's wallet of its own workspace and nobody else, and no payment's budget hears of it.
import type { Books, EventRow, Plain } from './model.js';

type Report = (rule: string, where: string, what: string) => void;

export function checkTopUps(books: Books, report: Report): void {
  for (const [operationId, events] of books.operations)
    for (const fault of faultsOf(books, events)) report('S6', operationId, fault);
}

function faultsOf({ wallets }: Books, events: readonly EventRow[]): string[] {
  const [opened] = events;
  const authorization = dataOf(events, 'AuthorizationPrepared')?.['authorization'] as Plain | undefined;
  if (!opened || !authorization) return [];
  const request = opened.data['request'] as Plain;
  const isTopUp = request['kind'] === 'top_up';
  const payer = wallets.get(String(authorization['from']).toLowerCase());
  const payee = wallets.get(String(authorization['to']).toLowerCase());
  const unit = String(dataOf(events, 'BudgetReserved')?.['unit']);
  const faults: string[] = [];
  if ((payer?.role === 'treasury') !== isTopUp)
    faults.push(isTopUp ? 'a top-up that no treasury paid' : 'paid by a treasury, and no top-up');
  if (unit.startsWith('TOP_UP_') !== isTopUp) faults.push(`counted in ${unit}`);
  const own =
    payee?.workspaceId === opened.workspaceId &&
    payee.agentId === request['agentId'] &&
    payee.role === 'payments';
  if (isTopUp && !own) faults.push("a top-up of a wallet that is not its own agent's");
  return faults;
}

const dataOf = (events: readonly EventRow[], type: string): Plain | undefined =>
  events.find((event) => event.type === type)?.data;
