// Every method that a settlement can have: adding one is a row in each table, and the compiler asks for it.
import type { SettlementMethod, SignedTransfer } from '#engine';
import { allowanceCodec } from './allowance-call.js';
import { allowanceFate } from './allowance-fate.js';
import { cancelCodec } from './cancel-call.js';
import { cancelFate } from './cancel-fate.js';
import { eip3009Codec } from './eip3009-call.js';
import { eip3009Fate } from './eip3009-fate.js';
import { permit2Codec, uptoCodec } from './permit2-call.js';
import { permit2Fate } from './permit2-fate.js';
import type { MethodCodec, MethodFate, TransferCall } from './method.js';

const CODECS: { readonly [M in SettlementMethod]: MethodCodec<Extract<TransferCall, { method: M }>> } = {
  eip3009: eip3009Codec,
  permit2: permit2Codec,
  upto: uptoCodec,
  cancel: cancelCodec,
  allowance: allowanceCodec,
};

const FATES: { readonly [M in SettlementMethod]: MethodFate<Extract<SignedTransfer, { method: M }>> } = {
  eip3009: eip3009Fate,
  permit2: permit2Fate,
  upto: permit2Fate,
  cancel: cancelFate,
  allowance: allowanceFate,
};

const BY_SELECTOR: ReadonlyMap<string, MethodCodec<TransferCall>> = new Map(
  Object.values(CODECS).flatMap((codec: MethodCodec<TransferCall>) =>
    codec.selectors.map((it) => [it, codec] as const),
  ),
);

export function codecOf({ method }: Pick<TransferCall, 'method'>): MethodCodec<TransferCall> {
  return CODECS[method];
}

/** The codec whose call begins so, if there is one. */
export function codecFor(data: Buffer): MethodCodec<TransferCall> | undefined {
  return BY_SELECTOR.get(data.toString('hex', 0, 4));
}

export function fatesOf({ method }: Pick<SignedTransfer, 'method'>): MethodFate<SignedTransfer> {
  return FATES[method];
}
