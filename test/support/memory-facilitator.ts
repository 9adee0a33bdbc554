// The facilitator's outside in memory: the desk with its rows, a chain that settles when a test says so, and who may be told what.
import type { EvmAddress, Hex32 } from '#domain';
import type {
  AnswerRights,
  Asker,
  ChainFacts,
  FacilitatorPorts,
  PaymentChecks,
  SettlementDesk,
  SettlementRequest,
  SettlementView,
  SignedTransfer,
  TransferKey,
} from '#engine';
import { createAssetRegistry, recoverAddress } from '#evm';
import { address, hex32, uuid } from './builders.js';
import { BUYER, USDC_NETWORK } from './facilitator-requests.js';
import { silentLogger } from './memory-basics.js';

export const BROADCASTER = address(0xb40a);
export const OTHER_BROADCASTER = address(0xb40b);
const keyText = ({ network, method, token, from, nonce }: TransferKey): string =>
  [network, method, token, from, nonce].join('/');

/** What a node would say. A contract payer accepts exactly the signature given here. */
export class MemoryPaymentChecks implements PaymentChecks {
  readonly balances = new Map<EvmAddress, bigint>([[BUYER, 1_000_000n]]);
  /** What payers let Permit2 take. */
  readonly allowances = new Map<EvmAddress, bigint>([[BUYER, 1_000_000n]]);
  readonly used = new Set<string>();
  readonly contracts = new Map<EvmAddress, Uint8Array>();
  /** Answers in place of the chain. */
  override: Partial<ChainFacts> = {};
  /** Where transfers are that somebody else brought. */
  readonly brought = new Map<string, Hex32>();
  fails: Error | null = null;
  asked = 0;

  async transferable(transfer: SignedTransfer): Promise<boolean> {
    const { balance = 0n, nonceUsed, payer, transferable } = await this.factsOf(transfer);
    return transferable && nonceUsed === false && payer !== 'refuses' && balance >= transfer.value;
  }

  broughtIn(transfer: SignedTransfer): Promise<Hex32 | undefined> {
    return Promise.resolve(this.brought.get(keyText(transfer)));
  }

  factsOf(transfer: SignedTransfer): Promise<ChainFacts> {
    this.asked += 1;
    if (this.fails) return Promise.reject(this.fails);
    const balance = this.balances.get(transfer.from) ?? 0n;
    const nonceUsed = this.used.has(keyText(transfer));
    const accepted = this.contracts.get(transfer.from);
    const payer =
      accepted === undefined
        ? 'account'
        : Buffer.from(accepted).equals(transfer.signature)
          ? 'accepts'
          : 'refuses';
    const allowance = transfer.method === 'eip3009' ? null : (this.allowances.get(transfer.from) ?? 0n);
    const allowed = allowance === null || allowance >= transfer.value;
    const transferable = !nonceUsed && balance >= transfer.value && allowed && payer !== 'refuses';
    const facts = { balance, nonceUsed, payer, allowance, deployed: true, transferable } as const;
    return Promise.resolve({ ...facts, ...this.override });
  }
}

const NOBODY: Asker = { workspaceId: null, requestKey: null };

type Row = { -readonly [Name in keyof SettlementView]: SettlementView[Name] } & {
  request: SettlementRequest;
};

export class MemoryDesk implements SettlementDesk, AnswerRights {
  readonly rows = new Map<string, Row>();
  /** Until when (unix ms; for ever where told), and whose. */
  readonly rights = new Map<
    string,
    { readonly untilMs: number; readonly holder: string; readonly by: Asker }
  >();
  private takings = 0;
  /** What becomes of a claim: settled at once, or left as it is until the test ends it. */
  mode: 'settles' | 'waits' = 'settles';
  fails: Error | null = null;
  /** The answer of the next such call is lost on its way, though the call was carried out. */
  loses: 'claim' | 'told' | null = null;
  private readonly waiters = new Map<string, (() => void)[]>();

  constructor(
    private readonly checks: MemoryPaymentChecks,
    private readonly clock: { now(): number; passTo(ms: number): void },
  ) {}

  async claim(request: SettlementRequest, holdMs?: number) {
    const { transfer, workspaceId, askedBy, requestKey, redemption = null } = request;
    const known = this.rows.get(keyText(transfer));
    if (known !== undefined && (known.status !== 'failed' || known.txHash !== null))
      return { claimed: false, settlement: view(known), holder: null };
    const row: Row = {
      ...transfer,
      settlementId: uuid(this.rows.size + 1, 7),
      workspaceId,
      askedBy,
      requestKey,
      redemption,
      status: 'waiting',
      txHash: null,
      reason: null,
      final: false,
      request,
    };
    this.rows.set(keyText(transfer), row);
    const settlement = view(row);
    if (this.mode === 'settles') this.settle(transfer);
    const holder = holdMs === undefined ? undefined : await this.take(transfer, holdMs, request);
    this.lose('claim');
    return { claimed: true, settlement, holder: holder ?? null };
  }

  find(key: TransferKey): Promise<SettlementView | undefined> {
    const row = this.rows.get(keyText(key));
    return Promise.resolve(row && view(row));
  }

  /** With nobody to end it, the caller's time runs out. */
  async ended(key: TransferKey, deadlineMs: number, last?: SettlementView): Promise<SettlementView> {
    if (this.fails) throw this.fails;
    if (last?.status === 'settled') return last;
    const row = this.row(key);
    const live = row.status === 'waiting' || row.status === 'broadcast';
    if (live && this.held) await this.changed(key);
    else if (live) this.clock.passTo(deadlineMs);
    return view(this.row(key));
  }

  /** While true, time stands still for those who wait: they wait for `settle` or `end`. */
  held = false;

  settle(key: TransferKey): Hex32 {
    const row = this.row(key);
    const txHash = hex32(0x7000 + [...this.rows.keys()].indexOf(keyText(key)));
    Object.assign(row, { status: 'settled', txHash });
    this.checks.used.add(keyText(key));
    this.checks.balances.set(row.from, (this.checks.balances.get(row.from) ?? 0n) - row.value);
    this.wake(key);
    return txHash;
  }

  broadcast(key: TransferKey, txHash: Hex32): void {
    Object.assign(this.row(key), { status: 'broadcast', txHash });
  }

  fail(key: TransferKey, reason: string, txHash: Hex32 | null): void {
    Object.assign(this.row(key), { status: 'failed', reason, txHash });
    this.wake(key);
  }

  /** By a transaction of somebody else. */
  bring(key: TransferKey, txHash: Hex32): void {
    this.checks.brought.set(keyText(key), txHash);
    this.checks.used.add(keyText(key));
  }

  take(key: TransferKey, forMs: number, by: Asker = NOBODY): Promise<string | undefined> {
    const nowMs = this.clock.now();
    if ((this.rights.get(keyText(key))?.untilMs ?? 0) > nowMs) return Promise.resolve(undefined);
    this.takings += 1;
    const holder = `taking-${this.takings}`;
    this.rights.set(keyText(key), { untilMs: nowMs + forMs, holder, by });
    return Promise.resolve(holder);
  }

  free(key: TransferKey): Promise<boolean> {
    return Promise.resolve((this.rights.get(keyText(key))?.untilMs ?? 0) <= this.clock.now());
  }

  isOf(key: TransferKey, { workspaceId, requestKey }: Asker): Promise<boolean> {
    const by = this.rights.get(keyText(key))?.by;
    return Promise.resolve(by?.requestKey === requestKey && by.workspaceId === workspaceId);
  }

  async told(key: TransferKey, holder: string): Promise<boolean> {
    const right = this.rights.get(keyText(key));
    const mine = right?.holder === holder;
    if (mine) this.rights.set(keyText(key), { ...right, untilMs: Number.MAX_SAFE_INTEGER });
    await Promise.resolve();
    this.lose('told');
    return mine;
  }

  giveBack(key: TransferKey, holder: string): Promise<void> {
    if (this.rights.get(keyText(key))?.holder === holder) this.rights.delete(keyText(key));
    return Promise.resolve();
  }

  row(key: TransferKey): Row {
    const row = this.rows.get(keyText(key));
    if (row === undefined) throw new Error('no such claim');
    return row;
  }

  private lose(call: 'claim' | 'told'): void {
    if (this.loses !== call) return;
    this.loses = null;
    throw new Error('connection terminated');
  }

  private changed(key: TransferKey): Promise<void> {
    return new Promise((resolve) => {
      this.waiters.set(keyText(key), [...(this.waiters.get(keyText(key)) ?? []), resolve]);
    });
  }

  private wake(key: TransferKey): void {
    for (const resolve of this.waiters.get(keyText(key)) ?? []) resolve();
    this.waiters.delete(keyText(key));
  }
}

const view = ({ request: _request, ...row }: Row): SettlementView => row;

/** Real rules over the real registry; only chain and desk are in memory. */
export class MemoryFacilitator {
  readonly checks = new MemoryPaymentChecks();
  readonly desk: MemoryDesk;
  readonly ports: FacilitatorPorts;

  constructor(clock: { now(): number; passTo(ms: number): void }) {
    this.desk = new MemoryDesk(this.checks, clock);
    this.ports = {
      clock: { nowMs: () => clock.now() },
      logger: silentLogger,
      assets: createAssetRegistry([USDC_NETWORK]),
      recover: (digest, signature) => recoverAddress(Buffer.from(digest.slice(2), 'hex'), signature),
      checks: this.checks,
      desk: this.desk,
      rights: this.desk,
      accounts: () => Promise.resolve([BROADCASTER, OTHER_BROADCASTER]),
    };
  }
}
