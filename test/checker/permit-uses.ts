// Permit2 logs no nonce. Which one a transfer spent is found in the bytes of its transaction: our nonces are 32 bytes nobody can guess, so where
// one stands in a transaction that moved its payer's money to its payee, it is what was called. Sellers are told them, though, and gain by a smaller
// charge: that of a ceiling is told only by a transaction that is the proxy's call and nothing else, and a transfer of nothing tells of none.
import {
  groupBy,
  nonceKey,
  type EventRow,
  type NonceUse,
  type Plain,
  type SettlementRow,
  type TransferLog,
} from './model.js';

export interface Permit {
  readonly from: string;
  readonly to: string;
  readonly nonce: string;
  /** The most that it can move. */
  readonly value: bigint;
  readonly exact: boolean;
}

/** A transaction's own call; `to` is null where it made a contract. */
export interface SentCall {
  readonly to: string | null;
  readonly input: string;
}

const UPTO_PROXY = '0x4020a4f3b7b90cca423b9fabcc0ce57c6c240002';

/** What operations prepared by a method of Permit2. */
export function permitsIn(events: readonly EventRow[]): Permit[] {
  return events.flatMap(({ type, data }): Permit[] => {
    const it = data['authorization'] as Plain | undefined;
    const method = it?.['method'] ?? 'eip3009';
    if (type !== 'AuthorizationPrepared' || !it || method === 'eip3009' || method === 'allowance') return [];
    return [
      {
        from: String(it['from']).toLowerCase(),
        to: String(it['to']).toLowerCase(),
        nonce: String(it['nonce']).toLowerCase(),
        value: BigInt(String(it['value'])),
        exact: method !== 'upto',
      },
    ];
  });
}

/** What was claimed by a method of Permit2, whoever asked; of a ceiling exactly what was charged. */
export function claimedPermits(settlements: readonly SettlementRow[]): Permit[] {
  return settlements
    .filter(({ method }) => method === 'permit2' || method === 'upto')
    .map(({ payer, payee, nonce, value }) => ({ from: payer, to: payee, nonce, value, exact: true }));
}

/** Uses in the form of the token's own: as if the log before the transfer had told of the nonce. */
export async function permitUses(
  permits: readonly Permit[],
  { uses, transfers }: { readonly uses: readonly NonceUse[]; readonly transfers: readonly TransferLog[] },
  callOf: (txHash: string) => Promise<SentCall>,
): Promise<NonceUse[]> {
  const payers = new Set(permits.map((it) => it.from));
  const told = new Set(uses.map((it) => `${it.txHash}/${it.logIndex + 1}`));
  const open = transfers.filter((it) => payers.has(it.from) && !told.has(`${it.txHash}/${it.logIndex}`));
  const spent = new Set<string>();
  const found: NonceUse[] = [];
  const inOrder = open.toSorted((a, b) => a.blockNumber - b.blockNumber || a.logIndex - b.logIndex);
  for (const [txHash, moved] of groupBy(inOrder, (it) => it.txHash)) {
    const call = await callOf(txHash);
    const input = call.input.toLowerCase();
    const named = permits
      .filter(({ exact }) => exact || call.to?.toLowerCase() === UPTO_PROXY)
      .map((permit) => ({ permit, at: input.indexOf(permit.nonce.slice(2)) }))
      .filter(({ at }) => at >= 0)
      .toSorted((a, b) => a.at - b.at);
    for (const transfer of moved) {
      const match = named.find(({ permit }) => !spent.has(nonceOf(permit)) && pays(permit, transfer));
      if (!match) continue;
      spent.add(nonceOf(match.permit));
      const { from, to: _to, value: _value, logIndex, ...place } = transfer;
      found.push({ ...place, kind: 'used', from, nonce: match.permit.nonce, logIndex: logIndex - 1 });
    }
  }
  return found;
}

function pays({ from, to, value, exact }: Permit, transfer: TransferLog): boolean {
  const amount = exact ? transfer.value === value : transfer.value <= value;
  return transfer.from === from && transfer.to === to && transfer.value > 0n && amount;
}

const nonceOf = ({ from, nonce }: Permit): string => nonceKey({ token: '', from, nonce });
