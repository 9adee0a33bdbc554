// Length-prefixed JSON over a stream socket: four bytes of length, big endian, then UTF-8. Both ends use this file.
import type { Socket } from 'node:net';

/** No message of this protocol comes near; more means the peer is not ours. */
const MAX_FRAME_BYTES = 1 << 20;
const HEADER_BYTES = 4;

export class FrameError extends Error {
  override readonly name = 'FrameError';
}

export function encodeFrame(message: unknown): Buffer {
  const text = JSON.stringify(message);
  const length = Buffer.byteLength(text);
  if (length > MAX_FRAME_BYTES) throw new FrameError('The message is too long.');
  const frame = Buffer.allocUnsafe(HEADER_BYTES + length);
  frame.writeUInt32BE(length);
  frame.write(text, HEADER_BYTES);
  return frame;
}

/** Cuts a byte stream into messages. @throws FrameError when it is not made of our frames; then the connection must be closed. */
export class FrameReader {
  #rest: Buffer = Buffer.alloc(0);

  push(chunk: Buffer): unknown[] {
    const data = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    const messages: unknown[] = [];
    let at = 0;
    while (data.length - at >= HEADER_BYTES) {
      const length = data.readUInt32BE(at);
      if (length > MAX_FRAME_BYTES) throw new FrameError('The frame is too long.');
      const end = at + HEADER_BYTES + length;
      if (data.length < end) break;
      messages.push(parse(data.toString('utf8', at + HEADER_BYTES, end)));
      at = end;
    }
    this.#rest = at === data.length ? Buffer.alloc(0) : data.subarray(at);
    return messages;
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new FrameError('The frame does not hold JSON.');
  }
}

/** Sends frames; those written in one turn of the event loop leave in one system call. */
export class FrameWriter {
  #waiting: Buffer[] = [];

  constructor(private readonly socket: Socket) {}

  send(message: unknown): void {
    this.#waiting.push(encodeFrame(message));
    if (this.#waiting.length === 1) setImmediate(() => this.#flush());
  }

  #flush(): void {
    const frames = this.#waiting;
    this.#waiting = [];
    if (!this.socket.destroyed) this.socket.write(Buffer.concat(frames));
  }
}
