// The engine's two views of the chain: a worker's reads, and the watcher's over two RPCs.
import type { Authorization, EvmAddress, Hex32 } from '#domain';
import type {
  AuthorizationFate,
  ChainReader,
  ChainSource,
  NonceSeen,
  PermitSeen,
  Scan,
  TransferSeen,
} from '#engine';
import { NETWORK } from './builders.js';
import type { Block, ChainLog, MemoryChain, Payable } from './memory-chain.js';

export class MemoryChainReader implements ChainReader {
  constructor(private readonly chain: MemoryChain) {}

  latest() {
    return Promise.resolve(this.chain.head);
  }

  fateInTransaction(authorization: Authorization, txHash: Hex32): Promise<AuthorizationFate> {
    return Promise.resolve(fateIn(authorization, this.chain.receipt(txHash)?.logs ?? []));
  }

  permit2Allowance(_network: string, _token: string, owner: EvmAddress) {
    return Promise.resolve(this.chain.allowanceOf(owner));
  }

  permitNonce(_network: string, _token: string, owner: EvmAddress) {
    return Promise.resolve(this.chain.permitNonce(owner));
  }

  isContract(_network: string, address: EvmAddress): Promise<boolean> {
    return Promise.resolve(this.chain.isContract(address));
  }
}

export class MemoryChainSource implements ChainSource {
  readonly network = NETWORK;
  readonly witnessesNeeded = 2;

  constructor(private readonly chain: MemoryChain) {}

  genesisHash(): Promise<Hex32> {
    return Promise.resolve((this.chain.blocks[0] as Block).hash);
  }

  latest() {
    return Promise.resolve(this.chain.head);
  }

  finalized() {
    return Promise.resolve(this.chain.finalized);
  }

  header(number: number) {
    return Promise.resolve(this.chain.blocks[number]);
  }

  scan(
    wallets: readonly EvmAddress[],
    range: { readonly fromBlock: number; readonly toBlock: number },
  ): Promise<Scan> {
    const watched = new Set<EvmAddress | null>(wallets);
    const logs = this.chain.blocks.slice(range.fromBlock, range.toBlock + 1).flatMap((block) => block.logs);
    const owned = new Set<ChainLog>();
    const uses: NonceSeen[] = [];
    logs.forEach((log, index) => {
      if (log.kind === 'transfer' || log.kind === 'permit' || log.kind === 'approval') return;
      if (!watched.has(log.from) || log.nonce === null) return;
      const next = log.kind === 'used' ? logs[index + 1] : undefined;
      const transfer = next?.kind === 'transfer' && next.txHash === log.txHash ? next : undefined;
      if (transfer) owned.add(transfer);
      uses.push({ ...log, nonce: log.nonce, transfer: transfer ? seen(transfer) : null });
    });
    const transfers = logs.filter((log) => log.kind === 'transfer');
    return Promise.resolve({
      uses,
      permits: permitsIn(logs).filter((it) => watched.has(it.from)),
      otherTransfers: transfers
        .filter((log) => watched.has(log.from) && !owned.has(log))
        .map((log) => ({ ...seen(log), ...methodOf(logs[logs.indexOf(log) - 1]) })),
      allowances: logs.filter((log) => log.kind === 'approval' && watched.has(log.from)).map(seen),
      incoming: transfers.filter((log) => watched.has(log.to)).map(seen),
      fateOf: (authorization) => fateIn({ ...authorization, method: 'eip3009' }, logs),
    });
  }

  forkPoint(stored: readonly { readonly number: number; readonly hash: Hex32 }[]) {
    return Promise.resolve(stored.find(({ number, hash }) => this.chain.blocks[number]?.hash === hash));
  }

  witnesses({ number, hash }: { readonly number: number; readonly hash: Hex32 }): Promise<number> {
    const final = this.chain.finalized;
    const known = final !== undefined && number <= final.number && this.chain.blocks[number]?.hash === hash;
    return Promise.resolve(known ? 2 : 0);
  }

  unusedAt(queries: Parameters<ChainSource['unusedAt']>[0], block: { readonly hash: Hex32 }) {
    const number = this.numberOf(block.hash);
    return Promise.resolve(
      queries.map(({ from, nonce }) => (this.chain.useAt(from, nonce, number) ? -1 : 2)),
    );
  }

  findUse(authorization: Parameters<ChainSource['findUse']>[0], upTo: { readonly number: number }) {
    const use = this.chain.useAt(authorization.from, authorization.nonce, upTo.number);
    return Promise.resolve<AuthorizationFate | undefined>(
      use ? fateIn(authorization, (this.chain.blocks[use.blockNumber] as Block).logs) : { kind: 'unused' },
    );
  }

  settlementWitnesses(...[authorization, settlement]: Parameters<ChainSource['settlementWitnesses']>) {
    const fate = fateIn(authorization, this.chain.receipt(settlement.txHash)?.logs ?? []);
    const { amount = authorization.value, blockHash } = settlement;
    const same =
      fate.kind === 'settled' &&
      fate.settlement.blockHash === blockHash &&
      (fate.settlement.amount ?? authorization.value) === amount;
    return Promise.resolve(same ? 2 : 0);
  }

  cancelWitnesses(authorization: Parameters<ChainSource['findUse']>[0], upTo: { readonly number: number }) {
    const use = this.chain.useAt(authorization.from, authorization.nonce, upTo.number);
    const cancelled = use?.kind === 'cancelled';
    return Promise.resolve({ witnesses: cancelled ? 2 : 0, txHash: cancelled ? use.txHash : null });
  }

  balances(queries: Parameters<ChainSource['balances']>[0], block: { readonly hash: Hex32 }) {
    const number = this.numberOf(block.hash);
    return Promise.resolve(queries.map(({ owner }) => this.chain.balanceAt(owner, number)));
  }

  permit2Allowances(queries: Parameters<ChainSource['permit2Allowances']>[0]) {
    return Promise.resolve(queries.map(({ owner }) => this.chain.allowanceOf(owner)));
  }

  /** State is read at a block by its hash: a block that was reorganized away has none. */
  private numberOf(hash: Hex32): number {
    for (let index = this.chain.blocks.length - 1; index >= 0; index -= 1)
      if (this.chain.blocks[index]?.hash === hash) return index;
    throw new Error('unknown block');
  }
}

function seen(log: ChainLog): TransferSeen {
  return { ...log, to: log.to as EvmAddress };
}

/** Of the proxy that was called, where the log stands for that. */
function methodOf(before: ChainLog | undefined) {
  return before?.kind === 'permit' && before.method ? { method: before.method } : {};
}

function permitsIn(logs: readonly ChainLog[]): PermitSeen[] {
  return logs.flatMap(({ kind, method, from, nonce, token, txHash }, index) => {
    const moved = logs[index + 1];
    if (kind !== 'permit' || !method || !moved || nonce === null) return [];
    return [
      { method, token, from, to: moved.to as EvmAddress, value: moved.value, nonce, txHash, spent: true },
    ];
  });
}

function fateIn(authorization: Payable, logs: readonly ChainLog[]): AuthorizationFate {
  const index = logs.findIndex(
    (log) => log.kind !== 'transfer' && log.from === authorization.from && log.nonce === authorization.nonce,
  );
  const use = logs[index];
  if (!use) return { kind: 'unused' };
  const { txHash, blockNumber, blockHash } = use;
  if (use.kind === 'cancelled') return { kind: 'cancelled', txHash, blockNumber, blockHash };
  if (use.kind === 'approval')
    return { kind: 'settled', settlement: { txHash, blockNumber, blockHash, logIndex: use.logIndex } };
  const transfer = logs[index + 1];
  const exact =
    transfer?.kind === 'transfer' &&
    transfer.txHash === txHash &&
    transfer.to === authorization.to &&
    (use.method ?? 'eip3009') === authorization.method &&
    (use.method === 'upto' || transfer.value === authorization.value);
  if (!exact) return { kind: 'foreign', txHash };
  const charged = transfer.value === authorization.value ? {} : { amount: transfer.value };
  const { logIndex } = transfer;
  return { kind: 'settled', settlement: { txHash, blockNumber, blockHash, logIndex, ...charged } };
}
