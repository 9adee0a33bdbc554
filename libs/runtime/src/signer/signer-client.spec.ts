import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseCaip2, parseEvmAddress, parseOperationId, parseWorkspaceId } from '#domain';
import { broadcastMessage, MAX_CALL_BYTES, readBroadcastMessage } from './broadcast-message.js';
import { encodeFrame, FrameError, FrameReader } from './frames.js';
import type { SignerRequest } from './messages.js';
import { createSignerClient, SignerRefusedError, type SignerClient } from './signer-client.js';

const ref = {
  workspaceId: parseWorkspaceId('00000000-0000-4000-8000-000000000001'),
  operationId: parseOperationId('00000000-0000-8000-8000-0000000000ff'),
};
const UNAVAILABLE = { kind: 'unavailable', reason: 'signer_unavailable' };

function reply(socket: Socket, id: number, answer: unknown): void {
  socket.write(encodeFrame({ id, reply: answer }));
}

function burn(request: SignerRequest, socket: Socket): void {
  reply(socket, request.id, { kind: 'burned', reason: 'expired' });
}

describe('frames', () => {
  it('come out whole however the stream is cut', () => {
    const messages = [{ id: 1, text: 'é€😀' }, { id: 2 }, { id: 3, long: 'x'.repeat(5_000) }];
    const stream = Buffer.concat(messages.map(encodeFrame));
    for (const size of [1, 3, 4, 7, 1_000, stream.length]) {
      const reader = new FrameReader();
      const read: unknown[] = [];
      for (let at = 0; at < stream.length; at += size)
        read.push(...reader.push(stream.subarray(at, at + size)));
      expect(read, `pieces of ${size}`).toEqual(messages);
    }
  });

  it('refuse lengths and bytes that are not ours', () => {
    expect(() => new FrameReader().push(Buffer.from('GET / HTTP/1.1\r\n\r\n'))).toThrow(FrameError);
    expect(() => new FrameReader().push(Buffer.from([0, 0, 0, 1, 0x7b]))).toThrow(FrameError);
  });
});

describe('broadcast messages', () => {
  const fees = { maxFeePerGas: 10n ** 30n, maxPriorityFeePerGas: 0n };
  const call = {
    network: parseCaip2('eip155:84532'),
    sender: parseEvmAddress(`0x${'ab'.repeat(20)}`),
    accountNonce: 7,
    target: parseEvmAddress(`0x${'cd'.repeat(20)}`),
    data: Buffer.alloc(MAX_CALL_BYTES, 0xfe),
    gasLimit: 1n << 63n,
  };

  it('hold a call of any size that nodes take, in one frame', () => {
    const [read] = new FrameReader().push(encodeFrame({ ...broadcastMessage(call, fees), id: 1 }));
    expect(readBroadcastMessage(read as ReturnType<typeof broadcastMessage>)).toEqual({ call, fees });
  });

  it.each([
    { accountNonce: -1 },
    { accountNonce: '7' },
    { data: 'abc' },
    { data: '0xab' },
    { data: 'ab'.repeat(MAX_CALL_BYTES + 1) },
    { target: '0x00' },
    { network: 'solana' },
    { gasLimit: '-1' },
    { gasLimit: '9'.repeat(78) },
    { maxFeePerGas: 5 },
    { maxPriorityFeePerGas: '0x5' },
  ])('are refused with another %o', (over) => {
    const message = { ...broadcastMessage(call, fees), ...over } as ReturnType<typeof broadcastMessage>;
    expect(() => readBroadcastMessage(message)).toThrow();
  });
});

describe('signer client', () => {
  let folder: string;
  let server: Server | undefined;
  let client: SignerClient;
  const sockets = new Set<Socket>();
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'psc-'));
    client = createSignerClient({ socketPath: join(folder, 's'), deadlineMs: 200 });
  });
  afterEach(async () => {
    client.close();
    await stop();
    rmSync(folder, { recursive: true, force: true });
  });

  async function serve(handle: (request: SignerRequest, socket: Socket) => void): Promise<void> {
    server = createServer((socket) => {
      sockets.add(socket);
      const reader = new FrameReader();
      socket.on('error', () => undefined);
      socket.on('data', (chunk: Buffer) => {
        for (const message of reader.push(chunk)) handle(message as SignerRequest, socket);
      });
    });
    await new Promise<void>((resolve) => server?.listen(join(folder, 's'), resolve));
  }

  async function stop(): Promise<void> {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => (server ? server.close(resolve) : resolve(undefined)));
    server = undefined;
  }

  it('matches answers to questions in whatever order they come', async () => {
    const held: [SignerRequest, Socket][] = [];
    await serve((request, socket) => {
      held.push([request, socket]);
      if (held.length < 50) return;
      for (const [{ id }, to] of held.reverse())
        reply(to, id, { kind: 'signed', signature: id.toString(16).padStart(4, '0') });
    });
    const outcomes = await Promise.all(Array.from({ length: 50 }, () => client.sign(ref)));
    outcomes.forEach((outcome, index) => {
      const expected = Buffer.from((index + 1).toString(16).padStart(4, '0'), 'hex');
      expect(outcome).toEqual({ kind: 'signed', signature: expected });
    });
  });

  it('is unavailable when nobody listens, when the answer is late, and when the connection breaks', async () => {
    expect(await client.sign(ref)).toEqual(UNAVAILABLE);
    let requests = 0;
    await serve((_request, socket) => {
      requests += 1;
      if (requests === 2) socket.destroy();
    });
    expect(await client.sign(ref)).toEqual(UNAVAILABLE);
    expect(await client.sign(ref)).toEqual(UNAVAILABLE);
    // It never asks again by itself.
    expect(requests).toBe(2);
  });

  it('connects again after the signer was restarted', async () => {
    await serve(burn);
    expect(await client.sign(ref)).toEqual({ kind: 'burned', reason: 'expired' });
    await stop();
    expect(await client.sign(ref)).toEqual(UNAVAILABLE);
    await serve(burn);
    expect(await client.sign(ref)).toEqual({ kind: 'burned', reason: 'expired' });
  });

  it('tells quarantine from other waiting, and treats a refusal as a fault, never as burned', async () => {
    const answers = [
      { kind: 'unavailable', reason: 'quarantined' },
      { kind: 'unavailable', reason: 'stopped' },
      { kind: 'refused', reason: 'digest_conflict' },
    ];
    await serve((request, socket) => reply(socket, request.id, answers.shift()));
    expect(await client.sign(ref)).toEqual({ kind: 'unavailable', reason: 'quarantined' });
    expect(await client.sign(ref)).toEqual(UNAVAILABLE);
    await expect(client.sign(ref)).rejects.toThrow(SignerRefusedError);
  });
});
