// What a method is to the chain: one codec for its call, one reader of its fate. The tables in index.ts have a row of each for every method.
import type { EvmAddress } from '#domain';
import type { AuthorizationFate, BroadcastChain, SignedTransfer } from '#engine';
import type { EvmRpc, RawLog } from '../rpc.js';

type WithoutNetwork<T> = T extends unknown ? Omit<T, 'network'> : never;

/** A signed message as its call says it; the chain is the transaction's. */
export type TransferCall = WithoutNetwork<SignedTransfer>;

/** How a message becomes the call that brings it on chain, both ways. */
export interface MethodCodec<Call extends TransferCall> {
  /** First four bytes of its calls, in hex; no other method has them. */
  readonly selectors: readonly string[];
  /** Gas that one call takes at most when it comes with others. */
  readonly gas: bigint;
  /** The contract that is called. */
  targetOf(call: Call): EvmAddress;
  /** Bytes of the call data. */
  sizeOf(call: Call): number;
  /** Into bytes that are zero. @throws InvalidAuthorizationError */
  write(data: Buffer, start: number, call: Call): void;
  /**
   * Undefined: no such call. May be lenient about all that {@link write} decides by itself (padding, order, where things stand): whoever decodes
   * writes the result again and compares.
   */
  read(target: EvmAddress, data: Buffer): Call | undefined;
}

export type WhyNot = Awaited<ReturnType<BroadcastChain['whyNot']>>;

/** What logs say became of messages. */
export interface LogReader<Message extends SignedTransfer> {
  fateOf(message: Message): AuthorizationFate;
}

/** What the chain says became of a message. */
export interface MethodFate<Message extends SignedTransfer> {
  /** From the logs of one transaction that succeeded as a whole: they are read once for all messages that it carried. */
  inLogs(logs: readonly RawLog[]): LogReader<Message>;
  /** {@link BroadcastChain.whyNot} */
  whyNot(rpc: EvmRpc, message: Message): Promise<WhyNot>;
}

/** Nothing of the message is on chain, and this is why it would fail now, in the words of x402. */
export const unused = (reason: string) => ({ kind: 'unused' as const, reason });

/** How far back somebody else's transaction is looked for; an authorization lives ten minutes at most (ruling 13). */
export const LOOK_BACK_BLOCKS = 2_000;
