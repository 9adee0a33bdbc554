// What a proxy's success leaves behind: its `Settled`, directly after the token's Transfer that it made.
import type { EvmAddress } from '#domain';
import type { RawLog } from './rpc.js';
import { decodeTokenEvent, topicOf, type TransferEvent } from './settlement-logs.js';

const SETTLED = new Set(['Settled()', 'SettledWithPermit()'].map(topicOf));

/** A transfer that a contract called its own; whether that is one of the proxies is for the caller to see. */
export interface SettledTransfer {
  readonly by: EvmAddress;
  readonly transfer: TransferEvent;
}

/** In the order of the logs, which are those of whole transactions. */
export function settledTransfers(logs: readonly RawLog[]): readonly SettledTransfer[] {
  return logs.flatMap((log, index) => {
    const before = logs[index - 1];
    const [topic] = log.topics;
    const adjoining = before?.txHash === log.txHash && before.logIndex + 1 === log.logIndex;
    if (!adjoining || topic === undefined || !SETTLED.has(topic)) return [];
    const transfer = decodeTokenEvent(before);
    return transfer?.kind === 'transfer' ? [{ by: log.address, transfer }] : [];
  });
}
