// A broadcast call as it crosses the socket: bytes in hex, numbers of any size as decimal text. Both ends use this file.
import { parseCaip2, parseEvmAddress } from '#domain';
import type { BroadcastCall, Fees } from '#engine';
import type { BroadcastMessage } from './messages.js';

/** Nodes take no transaction of more than 128 KiB into their pools; the rest of it is small. In hex it stays far below a frame's limit. */
export const MAX_CALL_BYTES = 126 * 1024;

const HEX = /^(?:[0-9a-f]{2})*$/;
/** More than any gas or fee, and within 256 bits. */
const DECIMAL = /^[0-9]{1,60}$/;

export function broadcastMessage(call: BroadcastCall, fees: Fees): BroadcastMessage {
  const { network, sender, accountNonce, target, data } = call;
  return {
    type: 'sign_broadcast',
    network,
    sender,
    accountNonce,
    target,
    data: Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('hex'),
    gasLimit: call.gasLimit.toString(),
    maxFeePerGas: fees.maxFeePerGas.toString(),
    maxPriorityFeePerGas: fees.maxPriorityFeePerGas.toString(),
  };
}

/** @throws TypeError or a validation refusal when the message is not one of ours. Neither shows a value. */
export function readBroadcastMessage(message: BroadcastMessage): {
  readonly call: BroadcastCall;
  readonly fees: Fees;
} {
  const { accountNonce, data } = message;
  if (!Number.isSafeInteger(accountNonce) || accountNonce < 0) throw new TypeError('accountNonce');
  if (typeof data !== 'string' || data.length > 2 * MAX_CALL_BYTES || !HEX.test(data))
    throw new TypeError('data');
  return {
    call: {
      network: parseCaip2(message.network),
      sender: parseEvmAddress(message.sender, 'sender'),
      accountNonce,
      target: parseEvmAddress(message.target, 'target'),
      data: Buffer.from(data, 'hex'),
      gasLimit: decimal(message.gasLimit, 'gasLimit'),
    },
    fees: {
      maxFeePerGas: decimal(message.maxFeePerGas, 'maxFeePerGas'),
      maxPriorityFeePerGas: decimal(message.maxPriorityFeePerGas, 'maxPriorityFeePerGas'),
    },
  };
}

function decimal(text: unknown, field: string): bigint {
  if (typeof text !== 'string' || !DECIMAL.test(text)) throw new TypeError(field);
  return BigInt(text);
}
