// JSON-RPC over one kept WebSocket: batches by ids that are used once, and the node's announcements of new blocks. Opened by a request and by nothing
// else; what is under way when it is lost has failed, and the next request opens another.
import { Fault, parsed, repliesOf, wholeBatchFault, type RpcEntry, type RpcReply } from './rpc-replies.js';
import { openWs, type WsConnection, type WsEndpoint } from './ws-connection.js';

export interface WsExchange {
  /** Answers by the ids of the entries. @throws Fault */
  exchange(entries: readonly RpcEntry[], signal: AbortSignal): Promise<Map<number, RpcReply>>;
  /** As JsonRpc has it. */
  onNewHead(heard: () => void): () => void;
  close(): void;
}

interface Batch {
  /** Its entries have the ids from here on, as the node sees them. */
  readonly firstId: number;
  readonly size: number;
  /** Answers that had come when it was sent. */
  readonly answeredBefore: number;
  /** Its signal outlives it, and would keep its answers. */
  unwatch(): void;
  resolve(replies: Map<number, RpcReply>): void;
  reject(fault: Fault): void;
}

/** However many blocks are announced, listeners hear of them no more often. */
const ANNOUNCE_EVERY_MS = 50;

export function createWsExchange(endpoint: WsEndpoint, maxMessageBytes: number): WsExchange {
  const underWay = new Set<Batch>();
  const listeners = new Set<() => void>();
  let connection: WsConnection | null = null;
  let subscribed = false;
  let closed = false;
  let nextId = 0;
  let answered = 0;

  const announce = spaced(ANNOUNCE_EVERY_MS, () => {
    for (const heard of listeners) heard();
  });

  const ended = (batch: Batch): boolean => {
    const was = underWay.delete(batch);
    batch.unwatch();
    if (underWay.size === 0) connection?.keepAlive(false);
    return was;
  };

  const failAll = (fault: Fault): void => {
    for (const batch of underWay) if (ended(batch)) batch.reject(fault);
  };

  const drop = (fault: Fault): void => {
    connection?.end();
    connection = null;
    failAll(fault);
  };

  /** An announcement is a hint, so its subscription and the answer to it need not be known. */
  const subscribe = (): void => {
    if (connection === null || subscribed || listeners.size === 0) return;
    subscribed = true;
    const call = { jsonrpc: '2.0', id: nextId, method: 'eth_subscribe', params: ['newHeads'] };
    nextId += 1;
    connection.send(JSON.stringify(call));
  };

  const batchOf = (reply: unknown): Batch | undefined => {
    const id = isObject(reply) ? reply['id'] : undefined;
    if (typeof id !== 'number') return undefined;
    for (const batch of underWay) if (id >= batch.firstId && id < batch.firstId + batch.size) return batch;
    return undefined;
  };

  const addressed = (message: unknown): Batch | undefined => {
    if (!Array.isArray(message)) return batchOf(message);
    for (const reply of message as readonly unknown[]) {
      const batch = batchOf(reply);
      if (batch !== undefined) return batch;
    }
    return undefined;
  };

  const hear = (text: string): void => {
    const message = parsed(text);
    if (isObject(message) && message['method'] === 'eth_subscription') return announce();
    const batch = addressed(message);
    if (batch === undefined) {
      // A refusal that names no call: whichever it was meant for, nothing else will tell.
      if (isObject(message) && typeof message['id'] !== 'number') failAll(wholeBatchFault(message));
      return;
    }
    answered += 1;
    ended(batch);
    try {
      const replies = [...repliesOf(message)].map(([id, reply]) => [id - batch.firstId, reply] as const);
      batch.resolve(new Map(replies));
    } catch (error) {
      batch.reject(faultIn(error));
    }
  };

  const connected = (): WsConnection => {
    if (connection?.isClosing()) drop(new Fault('unreachable'));
    if (connection !== null) return connection;
    subscribed = false;
    connection = openWs(endpoint, maxMessageBytes, {
      opened: subscribe,
      message(text) {
        try {
          hear(text);
        } catch (error) {
          drop(faultIn(error));
        }
      },
      lost(fault) {
        connection = null;
        failAll(new Fault(fault));
      },
    });
    return connection;
  };

  return {
    exchange: (entries, signal) =>
      new Promise((resolve, reject) => {
        if (closed) return reject(new Fault('unreachable'));
        const batch: Batch = {
          firstId: nextId,
          size: entries.length,
          answeredBefore: answered,
          unwatch: () => signal.removeEventListener('abort', timeUp),
          resolve,
          reject,
        };
        const timeUp = (): void => {
          if (!ended(batch)) return;
          reject(new Fault('timeout'));
          // Nobody has been answered since: the line may be dead, and would not say so.
          if (answered === batch.answeredBefore) drop(new Fault('unreachable'));
        };
        signal.addEventListener('abort', timeUp);
        nextId += entries.length;
        const onto = connected();
        underWay.add(batch);
        onto.keepAlive(true);
        onto.send(JSON.stringify(entries.map((entry) => ({ ...entry, id: entry.id + batch.firstId }))));
      }),
    onNewHead(heard) {
      const listener = (): void => heard();
      listeners.add(listener);
      subscribe();
      return () => void listeners.delete(listener);
    },
    close() {
      closed = true;
      listeners.clear();
      drop(new Fault('unreachable'));
    },
  };
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const faultIn = (error: unknown): Fault => (error instanceof Fault ? error : new Fault('bad_response'));

/** At once, and what comes soon after that once more, later. */
function spaced(everyMs: number, tell: () => void): () => void {
  let next: NodeJS.Timeout | undefined;
  let again = false;
  const now = (): void => {
    again = false;
    tell();
    next = setTimeout(() => {
      next = undefined;
      if (again) now();
    }, everyMs).unref();
  };
  return () => {
    if (next === undefined) now();
    else again = true;
  };
}
