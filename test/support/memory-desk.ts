// Claims and their broadcaster in memory: one row per transfer, brought to the memory chain now, later or not at all.
import {
  ASKED_BY_OPERATION,
  type SettlementDesk,
  type SettlementRequest,
  type SettlementView,
  type TransferKey,
} from '#engine';
import type { Hex32 } from '#domain';
import type { MemoryChain } from './memory-chain.js';

/** What becomes of one try: broadcast after so many milliseconds, or refused before. */
export type Try = { readonly afterMs: number } | { readonly refused: string };

export interface DeskWorld {
  readonly chain: MemoryChain;
  nowMs(): number;
  sleep(ms: number): Promise<void>;
  after(ms: number, run: () => void): void;
  next(request: SettlementRequest): Try;
}

interface Row {
  view: SettlementView;
  readonly hashes: Hex32[];
}

const KILLED = { refused: 'cancellation_requested' };
/** The log that tells of success, where it is not a transfer. */
const WANTED: Partial<Record<SettlementView['method'], string>> = {
  cancel: 'cancelled',
  allowance: 'approval',
};

const POLL_MS = 250;

export class MemoryDesk implements SettlementDesk {
  private readonly rows = new Map<string, Row>();

  constructor(private readonly world: DeskWorld) {}

  /** Claims that were made, by whoever asked first. */
  get claims(): readonly SettlementView[] {
    return [...this.rows.values()].map((row) => row.view);
  }

  claim(request: SettlementRequest) {
    const key = keyOf(request.transfer);
    const known = this.rows.get(key);
    if (known !== undefined && !(known.view.status === 'failed' && known.hashes.length === 0))
      return Promise.resolve({ claimed: false, settlement: this.look(known), holder: null });
    const { network, method, token, from, nonce, to, value } = request.transfer;
    const view: SettlementView = {
      network,
      method,
      token,
      from,
      nonce,
      to,
      value,
      settlementId: `settlement-${this.rows.size + 1}`,
      workspaceId: request.workspaceId,
      askedBy: request.askedBy,
      requestKey: request.requestKey,
      redemption: request.redemption ?? null,
      status: 'waiting',
      txHash: null,
      reason: null,
      final: false,
    };
    const row: Row = { view, hashes: [] };
    this.rows.set(key, row);
    if (method === 'cancel') this.kill(request.transfer);
    const what = this.isKilled(view) ? KILLED : this.world.next(request);
    if ('refused' in what) row.view = { ...view, status: 'failed', reason: what.refused };
    else if (what.afterMs === 0) this.broadcast(row, request);
    else
      this.world.after(what.afterMs, () => {
        if (row.view.status === 'waiting') this.broadcast(row, request);
      });
    return Promise.resolve({ claimed: true, settlement: row.view, holder: null });
  }

  /** What our own operation still had waiting is not brought any more. */
  private kill(key: TransferKey): void {
    const row = this.rows.get(keyOf({ ...key, method: 'eip3009' }));
    if (row?.view.status === 'waiting' && this.isKilled(row.view))
      row.view = { ...row.view, status: 'failed', reason: KILLED.refused };
  }

  private isKilled(view: SettlementView): boolean {
    const ours = view.method === 'eip3009' && view.askedBy === ASKED_BY_OPERATION;
    return ours && this.rows.has(keyOf({ ...view, method: 'cancel' }));
  }

  find(key: TransferKey) {
    const row = this.rows.get(keyOf(key));
    return Promise.resolve(row && this.look(row));
  }

  async ended(key: TransferKey, deadlineMs: number): Promise<SettlementView> {
    for (;;) {
      const row = this.rows.get(keyOf(key));
      if (row === undefined) throw new Error('a claimed settlement is missing');
      const view = this.look(row);
      if (view.status === 'settled' || view.status === 'failed' || this.world.nowMs() >= deadlineMs)
        return view;
      await this.world.sleep(Math.min(POLL_MS, deadlineMs - this.world.nowMs()));
    }
  }

  private broadcast(row: Row, { transfer, requestKey }: SettlementRequest): void {
    if (transfer.method === 'cancel') {
      const hash = this.world.chain.cancel(transfer.from, transfer.nonce);
      row.hashes.push(hash);
      row.view = { ...row.view, status: 'broadcast', txHash: hash };
      return;
    }
    const { signature, network, token, from, to, value, validAfterSec, validBeforeSec, nonce } = transfer;
    const tuple = {
      method: transfer.method === 'allowance' ? 'allowance' : 'eip3009',
      network,
      token,
      from,
      to,
      value,
      validAfterSec,
      validBeforeSec,
      nonce,
    } as const;
    const hash = this.world.chain.submit({
      ...tuple,
      signature: Buffer.from(signature).toString('hex'),
      operationId: requestKey ?? '',
    });
    row.hashes.push(hash);
    row.view = { ...row.view, status: 'broadcast', txHash: hash };
  }

  /** What the receipts say now, so that a reorganization takes its effect back. */
  private look(row: Row): SettlementView {
    const receipt = row.hashes.map((hash) => this.world.chain.receipt(hash)).find((it) => it !== undefined);
    if (receipt === undefined) return row.view.status === 'failed' ? row.view : { ...row.view, reason: null };
    const wanted = WANTED[row.view.method] ?? 'transfer';
    return receipt.logs.some((log) => log.kind === wanted)
      ? { ...row.view, status: 'settled' }
      : { ...row.view, status: 'failed', reason: 'invalid_exact_evm_transaction_failed' };
  }
}

/** Broadcasts at once, and whoever waits makes the next block come: for tests where time stands still. */
export function promptDesk(chain: MemoryChain, nowMs: () => number): MemoryDesk {
  return new MemoryDesk({
    chain,
    nowMs,
    sleep: () => {
      chain.mine();
      return Promise.resolve();
    },
    after: () => {
      throw new Error('nothing happens later here');
    },
    next: () => ({ afterMs: 0 }),
  });
}

function keyOf({ network, method, token, from, nonce }: TransferKey): string {
  return [network, method, token, from, nonce].join('/');
}
