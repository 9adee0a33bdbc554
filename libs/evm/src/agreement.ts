// What several RPCs say of the same thing, made one answer. Where they contradict each other there is none: it is asked again, and whoever waits
// goes on waiting, since a wrong outcome is worse than a late one.
import type { Hex32 } from '#domain';
import type { BlockStanding } from '#engine';
import { RpcError } from './json-rpc.js';
import type { BlockHeader, EvmRpc, Receipt } from './rpc.js';
import type { RpcPanel } from './rpc-panel.js';
import { finalizedBlock } from './finality.js';
import type { FinalityRule } from './chains.js';

/** Believed when every RPC that is there has the same; undefined: in no block, or not known to all yet. In the order asked. */
export async function agreedReceipts(
  panel: RpcPanel,
  txHashes: readonly Hex32[],
): Promise<readonly (Receipt | undefined)[]> {
  if (txHashes.length === 0) return [];
  const answers = await panel.each((rpc) => Promise.all(txHashes.map((txHash) => rpc.receipt(txHash))));
  return txHashes.map((_, index) => {
    const [first, ...others] = answers.map((answer) => answer[index]);
    return first !== undefined && others.every((other) => textOf(other) === textOf(first))
      ? first
      : undefined;
  });
}

/** Some answer that all give. @throws RpcError when they differ, or when none comes. */
export async function agreed<T>(panel: RpcPanel, read: (rpc: EvmRpc) => Promise<T>): Promise<T> {
  return theSame(await panel.each(read));
}

/** What all there are say; undefined while one gives no answer. @throws RpcError when they differ */
export async function agreedByAll<T>(
  panel: RpcPanel,
  read: (rpc: EvmRpc) => Promise<T>,
): Promise<T | undefined> {
  const answers = await panel.all(read);
  return answers && theSame(answers);
}

function theSame<T>(answers: readonly T[]): T {
  if (answers.length === 1) return answers[0] as T;
  const [first, ...others] = answers.map(textOf);
  if (others.some((other) => other !== first)) throw new RpcError('disagreement', 'several');
  return answers[0] as T;
}

/** `unknown` also where an RPC has no block of that number: it may lag, or have lost its memory. */
export async function standing(
  panel: RpcPanel,
  { number, hash }: Pick<BlockHeader, 'number' | 'hash'>,
  by: 'present' | 'all',
): Promise<BlockStanding> {
  const read = async (rpc: EvmRpc): Promise<Hex32 | undefined> => (await rpc.block(number))?.hash;
  const hashes = by === 'all' ? await panel.all(read) : await panel.each(read);
  if (hashes === undefined) return 'unknown';
  if (hashes.every((it) => it === hash)) return 'canonical';
  return hashes.every((it) => it !== undefined && it !== hash) ? 'orphaned' : 'unknown';
}

/** Final for all: the lowest of what each calls final. Undefined while any has none or gives no answer. */
export async function agreedFinal(panel: RpcPanel, rule: FinalityRule): Promise<BlockHeader | undefined> {
  const blocks = (await panel.all((rpc) => finalizedBlock(rpc, rule))) ?? [undefined];
  return blocks.reduce((lowest, block) =>
    lowest === undefined || block === undefined || lowest.number <= block.number ? block && lowest : block,
  );
}

function textOf(value: unknown): string {
  return JSON.stringify(value, (_, it: unknown) => (typeof it === 'bigint' ? it.toString() : it)) ?? '';
}
