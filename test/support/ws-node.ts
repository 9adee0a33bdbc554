// A node that speaks JSON-RPC over WebSockets, on its own terms: no more of the protocol than a test needs, and whatever answers a test wants.
import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';

export interface Entry {
  readonly id: number;
  readonly method: string;
  readonly params: readonly unknown[];
}

/** What is sent for a message, as JSON; undefined: nothing. */
export type Answer = (message: readonly Entry[] | Entry, line: Line) => unknown;

export interface Line {
  readonly request: IncomingMessage;
  /** Text as it is, anything else as JSON. */
  send(message: unknown): void;
  /** A frame's header that promises so many bytes, and so many of them. */
  begin(promised: number, sent: number): void;
  /** A closing frame, and the line stays. */
  leave(): void;
  cut(): void;
}

export interface WsNode {
  readonly url: string;
  answer: Answer;
  /** Says that it will compress, though nobody asked. */
  compresses: boolean;
  readonly heard: (readonly Entry[] | Entry)[];
  /** One per socket that was opened. */
  readonly lines: Line[];
  /** Batches, of all sockets. */
  batches(): (readonly Entry[])[];
  subscriptions(): number;
  announce(): void;
  close(): void;
}

export const CHAIN = '0x14a34';

/** Every call's answer is its first argument. */
export const echo = (entries: readonly Entry[], chain = CHAIN) =>
  entries.map(({ id, method, params }) => ({ id, result: method === 'eth_chainId' ? chain : params[0] }));

/** Echoes batches, and takes subscriptions. */
export const honest: Answer = (message) =>
  Array.isArray(message)
    ? echo(message as readonly Entry[])
    : { jsonrpc: '2.0', id: (message as Entry).id, result: '0x1' };

const HEAD = { jsonrpc: '2.0', method: 'eth_subscription', params: { subscription: '0x1', result: {} } };

export async function startWsNode(): Promise<WsNode> {
  const server = createServer((_request, response) => response.writeHead(404).end());
  server.on('upgrade', (request, socket) => {
    const accept = createHash('sha1')
      .update(`${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
      .digest('base64');
    const head = [
      'HTTP/1.1 101 Switching Protocols',
      'Upgrade: websocket',
      'Connection: Upgrade',
      `Sec-WebSocket-Accept: ${accept}`,
      ...(node.compresses ? ['Sec-WebSocket-Extensions: permessage-deflate'] : []),
    ];
    socket.write(`${head.join('\r\n')}\r\n\r\n`);
    const line = lineOn(socket, request);
    node.lines.push(line);
    socket.on('error', () => undefined);
    readFrames(socket, (text) => {
      const message = JSON.parse(text) as readonly Entry[] | Entry;
      node.heard.push(message);
      const answer = node.answer(message, line);
      if (answer !== undefined) line.send(answer);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const node: WsNode = {
    url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}`,
    answer: honest,
    compresses: false,
    heard: [],
    lines: [],
    batches: () => node.heard.flatMap((it) => (Array.isArray(it) ? [it as readonly Entry[]] : [])),
    subscriptions: () => node.heard.filter((it) => !Array.isArray(it)).length,
    announce: () => node.lines.at(-1)?.send(HEAD),
    close() {
      for (const line of node.lines) line.cut();
      server.closeAllConnections();
      server.close();
    },
  };
  return node;
}

/** Of one frame of text, unmasked. */
function header(size: number): Buffer {
  const head = Buffer.alloc(10);
  head.writeUInt8(0x81, 0);
  head.writeUInt8(127, 1);
  head.writeBigUInt64BE(BigInt(size), 2);
  return head;
}

function lineOn(socket: Duplex, request: IncomingMessage): Line {
  return {
    request,
    send(message) {
      const body = Buffer.from(typeof message === 'string' ? message : JSON.stringify(message));
      socket.write(Buffer.concat([header(body.length), body]));
    },
    begin: (promised, sent) => void socket.write(Buffer.concat([header(promised), Buffer.alloc(sent, 'x')])),
    leave: () => void socket.write(Buffer.from([0x88, 0x00])),
    cut: () => void socket.destroy(),
  };
}

/** Text of a client, which is masked and comes in one frame. */
function readFrames(socket: Duplex, heard: (text: string) => void): void {
  let rest = Buffer.alloc(0);
  socket.on('data', (chunk: Buffer) => {
    rest = Buffer.concat([rest, chunk]);
    for (;;) {
      if (rest.length < 2) return;
      const short = rest.readUInt8(1) & 0x7f;
      const lengthBytes = short === 126 ? 2 : short === 127 ? 8 : 0;
      const start = 2 + lengthBytes + 4;
      if (rest.length < start) return;
      const size =
        lengthBytes === 0 ? short : Number(BigInt(`0x${rest.toString('hex', 2, 2 + lengthBytes)}`));
      if (rest.length < start + size) return;
      const mask = rest.subarray(start - 4, start);
      const body = rest.subarray(start, start + size).map((byte, at) => byte ^ (mask[at % 4] ?? 0));
      const isText = (rest.readUInt8(0) & 0x0f) === 1;
      rest = rest.subarray(start + size);
      if (isText) heard(Buffer.from(body).toString());
    }
  });
}
