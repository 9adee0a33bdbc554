// A chain with one EIP-3009 token and Permit2: blocks, a mempool, used nonces, balances, receipts, reorganizations. It checks every signature against
// the digest of exactly the tuple it was given, as the token contract does.
import {
  parseHex32,
  permitNonceOf,
  type Authorization,
  type EvmAddress,
  type Hex32,
  type TransferMethod,
} from '#domain';
import type { WatchedBlock } from '#engine';
import { digestOf, fakeSignature, type WirePayment } from './memory-basics.js';
import { TOKEN } from './builders.js';

export interface ChainLog {
  /** `permit` is no log: it stands for a call of a proxy, which only the transaction and Permit2's bitmap tell of. */
  readonly kind: 'used' | 'cancelled' | 'permit' | 'transfer' | 'approval';
  readonly token: EvmAddress;
  readonly from: EvmAddress;
  readonly to: EvmAddress | null;
  readonly value: bigint;
  readonly nonce: Hex32 | null;
  readonly txHash: Hex32;
  readonly blockNumber: number;
  readonly blockHash: Hex32;
  readonly logIndex: number;
  readonly method?: Exclude<TransferMethod, 'eip3009'>;
}

export type Transaction =
  | {
      readonly kind: 'transfer';
      readonly hash: Hex32;
      readonly payment: WirePayment;
      readonly charge: bigint;
    }
  | { readonly kind: 'cancel'; readonly hash: Hex32; readonly from: EvmAddress; readonly nonce: Hex32 };

export interface Block extends WatchedBlock {
  readonly transactions: readonly Transaction[];
  readonly logs: readonly ChainLog[];
}

const word = (prefix: string, a: number, b = 0): Hex32 =>
  parseHex32(
    `0x${prefix}${b.toString(16).padStart(20, '0')}${a.toString(16).padStart(64 - 20 - prefix.length, '0')}`,
  );
const stateKey = (from: string, nonce: string): string => `${from}/${nonce}`;

export class MemoryChain {
  readonly blocks: Block[] = [];
  mempool: Transaction[] = [];
  /** Of every owner that gave none. */
  permit2Allowance = 1n << 255n;
  private readonly allowances = new Map<EvmAddress, bigint[]>();
  private readonly spent = new Map<string, ChainLog>();
  private readonly balances = new Map<string, bigint>();
  private readonly includedIn = new Map<Hex32, Block>();
  private forks = 0;
  private transactions = 0;
  private readonly contracts = new Set<EvmAddress>();

  constructor(
    private readonly nowMs: () => number,
    readonly finalityDepth: number,
  ) {
    this.mine();
  }

  get head(): Block {
    return this.blocks.at(-1) as Block;
  }

  get finalized(): Block | undefined {
    return this.blocks.at(-1 - this.finalityDepth);
  }

  fund(owner: EvmAddress, amount: bigint): void {
    this.balances.set(owner, (this.balances.get(owner) ?? 0n) + amount);
  }

  deployContract(address: EvmAddress): void {
    this.contracts.add(address);
  }

  isContract(address: EvmAddress): boolean {
    return this.contracts.has(address);
  }

  /**
   * Broadcasts a payment; anybody who holds it can. The hash says nothing about whether it will be mined. `charge`: what is taken of a ceiling.
   */
  submit(payment: WirePayment, charge = payment.value): Hex32 {
    const hash = word('77', (this.transactions += 1));
    this.mempool.push({ kind: 'transfer', hash, payment, charge });
    return hash;
  }

  /** `cancelAuthorization`, as the payer's owner may send it. */
  cancel(from: EvmAddress, nonce: Hex32): Hex32 {
    const hash = word('cc', (this.transactions += 1));
    this.mempool.push({ kind: 'cancel', hash, from, nonce });
    return hash;
  }

  /** The next block, with everything that waits. Block times only rise. */
  mine(): Block {
    const parent = this.blocks.at(-1);
    const number = parent ? parent.number + 1 : 0;
    const hash = word('b1', number, this.forks);
    const timestampSec = Math.max(Math.floor(this.nowMs() / 1000), (parent?.timestampSec ?? 0) + 1);
    const logs: ChainLog[] = [];
    const transactions = this.mempool;
    this.mempool = [];
    for (const transaction of transactions) this.execute(transaction, { number, hash, timestampSec }, logs);
    const block: Block = {
      number,
      hash,
      parentHash: parent?.hash ?? word('00', 0),
      timestampSec,
      transactions,
      logs,
    };
    for (const transaction of transactions) this.includedIn.set(transaction.hash, block);
    this.blocks.push(block);
    return block;
  }

  /** Takes the newest blocks away; `keeps` says which of their transactions wait again, the others are forgotten. */
  reorganize(depth: number, keeps: (transaction: Transaction) => boolean): void {
    this.forks += 1;
    const waiting: Transaction[] = [];
    for (let undone = 0; undone < depth; undone += 1) {
      const block = this.blocks.pop() as Block;
      for (const log of block.logs) this.undo(log);
      for (const transaction of block.transactions) this.includedIn.delete(transaction.hash);
      waiting.unshift(...block.transactions.filter(keeps));
    }
    this.mempool = [...waiting, ...this.mempool];
  }

  receipt(hash: Hex32): { readonly block: Block; readonly logs: readonly ChainLog[] } | undefined {
    const block = this.includedIn.get(hash);
    return block && { block, logs: block.logs.filter((log) => log.txHash === hash) };
  }

  /** How many permits of the owner the token has taken (EIP-2612). */
  permitNonce(owner: EvmAddress): bigint {
    return BigInt(this.allowances.get(owner)?.length ?? 0);
  }

  allowanceOf(owner: EvmAddress): bigint {
    return this.allowances.get(owner)?.at(-1) ?? this.permit2Allowance;
  }

  /** What consumed the nonce at or before the block, on the canonical chain. */
  useAt(from: string, nonce: string, blockNumber: number): ChainLog | undefined {
    const log = this.spent.get(stateKey(from, nonce));
    return log && log.blockNumber <= blockNumber ? log : undefined;
  }

  balanceAt(owner: EvmAddress, blockNumber: number): bigint {
    let balance = this.balances.get(owner) ?? 0n;
    for (let index = this.blocks.length - 1; index > blockNumber; index -= 1) {
      for (const log of (this.blocks[index] as Block).logs) {
        if (log.kind !== 'transfer') continue;
        if (log.from === owner) balance += log.value;
        if (log.to === owner) balance -= log.value;
      }
    }
    return balance;
  }

  private execute(
    transaction: Transaction,
    block: { readonly number: number; readonly hash: Hex32; readonly timestampSec: number },
    logs: ChainLog[],
  ): void {
    const at = { token: TOKEN, txHash: transaction.hash, blockNumber: block.number, blockHash: block.hash };
    if (transaction.kind === 'cancel') {
      const { from, nonce } = transaction;
      if (this.spent.has(stateKey(from, nonce))) return;
      const log: ChainLog = {
        ...at,
        kind: 'cancelled',
        from,
        to: null,
        value: 0n,
        nonce,
        logIndex: logs.length,
      };
      this.spent.set(stateKey(from, nonce), log);
      logs.push(log);
      return;
    }
    const { from, to, nonce, method } = transaction.payment;
    if (method === 'allowance') return this.permit(transaction.payment, { at, block }, logs);
    if (!this.accepts(transaction.payment, transaction.charge, block.timestampSec)) return;
    const value = transaction.charge;
    const how = method === 'eip3009' ? ({ kind: 'used' } as const) : ({ kind: 'permit', method } as const);
    const used: ChainLog = { ...at, ...how, from, to: null, value: 0n, nonce, logIndex: logs.length };
    this.spent.set(stateKey(from, nonce), used);
    this.move(from, to, value);
    logs.push(used, { ...at, kind: 'transfer', from, to, value, nonce: null, logIndex: logs.length + 1 });
  }

  private permit(
    payment: WirePayment,
    {
      at,
      block,
    }: {
      readonly at: Pick<ChainLog, 'token' | 'txHash' | 'blockNumber' | 'blockHash'>;
      readonly block: { readonly timestampSec: number };
    },
    logs: ChainLog[],
  ): void {
    const { signature, operationId: _operationId, ...tuple } = payment;
    const { from, to, value, nonce } = tuple;
    const valid =
      block.timestampSec <= tuple.validBeforeSec &&
      signature === fakeSignature(digestOf(tuple), from) &&
      permitNonceOf(nonce) === this.permitNonce(from);
    if (!valid) return;
    const log: ChainLog = { ...at, kind: 'approval', from, to, value, nonce, logIndex: logs.length };
    this.allowances.set(from, [...(this.allowances.get(from) ?? []), value]);
    this.spent.set(stateKey(from, nonce), log);
    logs.push(log);
  }

  private accepts(payment: WirePayment, charge: bigint, timestampSec: number): boolean {
    const { signature, operationId: _operationId, ...tuple } = payment;
    const { from, value, nonce, method, validAfterSec, validBeforeSec } = tuple;
    return (
      (method === 'upto' ? charge <= value : charge === value) &&
      timestampSec > validAfterSec &&
      timestampSec < validBeforeSec &&
      signature === fakeSignature(digestOf(tuple), from) &&
      !this.spent.has(stateKey(from, nonce)) &&
      (this.balances.get(from) ?? 0n) >= charge
    );
  }

  private move(from: EvmAddress, to: EvmAddress, value: bigint): void {
    this.balances.set(from, (this.balances.get(from) ?? 0n) - value);
    this.balances.set(to, (this.balances.get(to) ?? 0n) + value);
  }

  private undo(log: ChainLog): void {
    if (log.kind === 'transfer') this.move(log.to as EvmAddress, log.from, log.value);
    else this.spent.delete(stateKey(log.from, log.nonce as Hex32));
    if (log.kind === 'approval') this.allowances.get(log.from)?.pop();
  }
}

export type Payable = Pick<Authorization, 'method' | 'from' | 'to' | 'value' | 'nonce'>;
