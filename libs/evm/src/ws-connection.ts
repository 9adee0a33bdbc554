// One WebSocket, from its opening to its loss. Undici speaks the protocol; what is added is what it leaves open: an end without waiting for the other side,
// a bound on what a message may take that can be told from a loss, and no compression, by which a small message could become a large one.
import type { Socket } from 'node:net';
import { Agent, buildConnector, WebSocket, type Dispatcher } from 'undici';

export interface WsEndpoint {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** Nothing is heard after `lost`, nor after `end`. */
export interface WsListener {
  opened(): void;
  message(text: string): void;
  lost(fault: 'unreachable' | 'too_large'): void;
}

export interface WsConnection {
  /** What is given before it is open leaves when it is. */
  send(text: string): void;
  /** The other side has taken its leave: whatever is sent now is not heard. */
  isClosing(): boolean;
  /** An idle one does not keep the process alive. */
  keepAlive(busy: boolean): void;
  /** At once, and silently. */
  end(): void;
}

/** The last chunk may begin with the end of the message before, and frames have headers. */
const SLACK_BYTES = 65_536 + 1_024;

/** Never throws, and tells no more of a failure than that there is one: the library's words may quote the URL. */
export function openWs(endpoint: WsEndpoint, maxMessageBytes: number, listener: WsListener): WsConnection {
  const connect = buildConnector({});
  const agent = new Agent({
    webSocket: { maxPayloadSize: 0 },
    connect: (options, done) =>
      connect(options, (...result) => {
        socket = result[1] ?? undefined;
        done(...result);
      }),
  });
  let socket: Socket | undefined;
  let ended = false;
  let busy = true;
  let unsent: string[] | null = [];
  let unread = 0;

  const end = (): void => {
    ended = true;
    socket?.destroy();
    agent.destroy().catch(() => undefined);
  };
  const lose = (fault: 'unreachable' | 'too_large'): void => {
    if (ended) return;
    end();
    listener.lost(fault);
  };
  const keepAlive = (): void => void (busy ? socket?.ref() : socket?.unref());

  const ws = new WebSocket(endpoint.url, {
    dispatcher: agent.compose(uncompressed),
    headers: endpoint.headers,
  });
  ws.addEventListener('error', () => lose('unreachable'));
  ws.addEventListener('close', () => lose('unreachable'));
  ws.addEventListener('open', () => {
    if (ended) return;
    if (ws.extensions !== '') return lose('unreachable');
    // Before the library sees them: a message that grows too large is never put together.
    socket?.prependListener('data', (chunk: Uint8Array) => {
      unread += chunk.byteLength;
      if (unread > maxMessageBytes + SLACK_BYTES) lose('too_large');
    });
    for (const text of unsent ?? []) ws.send(text);
    unsent = null;
    keepAlive();
    listener.opened();
  });
  ws.addEventListener('message', ({ data }: { readonly data: unknown }) => {
    unread = 0;
    if (ended || typeof data !== 'string') return;
    if (Buffer.byteLength(data) > maxMessageBytes) return lose('too_large');
    listener.message(data);
  });

  return {
    send(text) {
      if (unsent === null) ws.send(text);
      else unsent.push(text);
    },
    isClosing: () => unsent === null && ws.readyState !== WebSocket.OPEN,
    keepAlive(now) {
      busy = now;
      keepAlive();
    },
    end,
  };
}

const uncompressed: Dispatcher.DispatcherComposeInterceptor = (dispatch) => (options, handler) => {
  const headers = Object.entries(options.headers ?? {}).filter(
    ([name]) => name !== 'sec-websocket-extensions',
  );
  return dispatch({ ...options, headers: Object.fromEntries(headers) }, handler);
};
