// What was said of claims, held against the chain: settled means one transfer, to the letter; failed means none.
import {
  groupBy,
  nonceKey,
  type ApprovalLog,
  type Books,
  type NonceUse,
  type SettlementRow,
  type TransferLog,
} from './model.js';

type Report = (rule: string, where: string, what: string) => void;

export function checkSettlements(books: Books, report: Report): void {
  const uses = groupBy(books.uses, nonceKey);
  const transfers = new Map(books.transfers.map((it) => [`${it.txHash}/${it.logIndex}`, it]));
  for (const row of books.settlements) {
    const key = nonceKey({ token: row.token, from: row.payer, nonce: row.nonce });
    if (row.method === 'allowance') {
      if (row.status === 'settled' && !isApproved(row, books.approvals))
        report('S7', key, 'said to be given, and no such approval is there');
      continue;
    }
    if (row.method === 'cancel') {
      checkCancelled(row, uses.get(key) ?? [], (rule, what) => report(rule, key, what));
      continue;
    }
    const used = (uses.get(key) ?? []).filter((use) => use.kind === 'used');
    if (used.length > 1) report('S1', key, `a claim was paid ${used.length} times`);
    if (row.status === 'settled') checkSettled(row, used[0], transfers, (what) => report('S7', key, what));
    if (row.status === 'failed' && pays(row, used[0], transfers))
      report('S8', key, 'said to have failed, and was paid');
  }
}

const isApproved = (row: SettlementRow, approvals: readonly ApprovalLog[]): boolean =>
  approvals.some(
    (it) =>
      it.txHash === row.txHash &&
      it.logIndex === row.logIndex &&
      it.token === row.token &&
      it.owner === row.payer &&
      it.spender === row.payee &&
      it.value === row.value,
  );

/** A cancellation pays nobody: settled means that the token says so where we say, failed that it does not. */
function checkCancelled(
  row: SettlementRow,
  uses: readonly NonceUse[],
  report: (rule: string, what: string) => void,
): void {
  const cancelled = uses.find((use) => use.kind === 'cancelled');
  const there = cancelled?.txHash === row.txHash && cancelled?.logIndex === row.logIndex;
  if (row.status === 'settled' && !there)
    report('S7', 'said to be cancelled, and nothing there cancelled it');
  if (row.status === 'failed' && cancelled) report('S8', 'said not to be cancelled, and it is');
}

function checkSettled(
  row: SettlementRow,
  use: NonceUse | undefined,
  transfers: ReadonlyMap<string, TransferLog>,
  report: (what: string) => void,
): void {
  if (!pays(row, use, transfers)) return report('said to be settled, and no such transfer is on chain');
  if (row.txHash !== use?.txHash || row.logIndex !== use.logIndex + 1)
    report('settled somewhere else than said');
}

/** The Transfer is the log right after the use, and is the claim's own. */
function pays(
  row: SettlementRow,
  use: NonceUse | undefined,
  transfers: ReadonlyMap<string, TransferLog>,
): boolean {
  const transfer = use && transfers.get(`${use.txHash}/${use.logIndex + 1}`);
  return transfer?.to === row.payee && transfer.value === row.value;
}
