// The one socket. Whoever may open it may ask; what is answered is decided by the rows in the database, not by who asks.
import { createServer, createConnection, type Server, type Socket } from 'node:net';
import { chmod, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { parseOperationId, parseWalletId, parseWorkspaceId } from '#domain';
import {
  FrameReader,
  FrameWriter,
  privateFolder,
  readBroadcastMessage,
  type Replies,
  type RuntimeLogger,
  type SignerCall,
  type SignerRequest,
  type SignerResponse,
  type SignerStatus,
} from '#runtime';
import type { Authorizer } from './authorizer.js';
import type { Broadcasts } from './broadcasts.js';
import type { Cancellations } from './cancellations.js';
import type { Wallets } from './wallets.js';

export interface ServerDeps {
  readonly authorizer: Authorizer;
  readonly broadcasts: Broadcasts;
  readonly cancellations: Cancellations;
  readonly wallets: Wallets;
  readonly status: () => SignerStatus;
  readonly log: RuntimeLogger;
}

/** Another signer serves this socket already; two on one keystore would disagree about the mark. */
export class SocketInUseError extends Error {
  override readonly name = 'SocketInUseError';
}

export interface SignerServer {
  /** Takes no new requests, answers those it has, then closes. */
  close(): Promise<void>;
}

/** @throws SocketInUseError, KeystoreError when the socket's folder is open to others. */
export async function listen(socketPath: string, deps: ServerDeps): Promise<SignerServer> {
  await privateFolder(dirname(socketPath));
  if (await answers(socketPath)) throw new SocketInUseError('Another signer is running on this socket.');
  await unlink(socketPath).catch(() => undefined);
  const connections = new Set<Connection>();
  const server = createServer((socket) => {
    const connection = new Connection(socket, deps);
    connections.add(connection);
    socket.on('close', () => connections.delete(connection));
  });
  const before = process.umask(0o177);
  try {
    await listening(server, socketPath);
  } finally {
    process.umask(before);
  }
  await chmod(socketPath, 0o600);
  return {
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const connection of connections) connection.stopReading();
      await Promise.all([...connections].map((connection) => connection.drain()));
      await closed;
    },
  };
}

class Connection {
  readonly #writer: FrameWriter;
  readonly #reader = new FrameReader();
  readonly #working = new Set<Promise<void>>();

  constructor(
    private readonly socket: Socket,
    private readonly deps: ServerDeps,
  ) {
    this.#writer = new FrameWriter(socket);
    socket.on('data', (chunk: Buffer) => this.#read(chunk));
    socket.on('error', () => socket.destroy());
  }

  stopReading(): void {
    this.socket.removeAllListeners('data');
    this.socket.pause();
  }

  async drain(): Promise<void> {
    await Promise.all(this.#working);
    // The writer sends at the end of the turn.
    await new Promise(setImmediate);
    await new Promise<void>((resolve) => {
      this.socket.once('close', () => resolve());
      if (this.socket.destroyed) resolve();
      else this.socket.end(() => this.socket.destroy());
    });
  }

  #read(chunk: Buffer): void {
    try {
      for (const message of this.#reader.push(chunk)) {
        if (!isRequest(message)) throw new TypeError('The frame does not hold a request.');
        const work = this.#serve(message);
        this.#working.add(work);
        void work.finally(() => this.#working.delete(work));
      }
    } catch (error) {
      this.deps.log.warn({ error }, 'closed a connection that does not speak the protocol');
      this.socket.destroy();
    }
  }

  /** Never rejects: whatever one peer sends, the others must still be signed for. */
  async #serve(request: SignerRequest): Promise<void> {
    const { id } = request;
    try {
      const reply = await this.#reply(request);
      this.#send({ id, reply });
    } catch (error) {
      // The request may hold a private key or signatures: only its type is logged.
      this.deps.log.error({ error, call: request.type }, 'request failed');
      this.#send({ id, failed: true });
    }
  }

  #send(response: SignerResponse): void {
    if (!this.socket.destroyed) this.#writer.send(response);
  }

  async #reply(request: SignerRequest): Promise<Replies[SignerCall['type']]> {
    const { authorizer, broadcasts, cancellations, wallets, status } = this.deps;
    if (request.type === 'status') return status();
    if (request.type === 'broadcast_accounts') return broadcasts.accounts(request.network, request.count);
    if (request.type === 'sign_broadcast') {
      const { call, fees } = readBroadcastMessage(request);
      return broadcasts.sign(call, fees);
    }
    const workspaceId = parseWorkspaceId(request.workspaceId);
    if (request.type === 'list_wallets') return { wallets: wallets.list(workspaceId) };
    if (request.type === 'cancel')
      return cancellations.sign({ workspaceId, operationId: parseOperationId(request.operationId) });
    if (request.type === 'authorize')
      return authorizer.authorize({ workspaceId, operationId: parseOperationId(request.operationId) });
    const walletId = parseWalletId(request.walletId);
    switch (request.type) {
      case 'create_wallet':
        return wallets.create(workspaceId, walletId);
      case 'import_wallet':
        return wallets.import(workspaceId, walletId, request.privateKey);
      case 'retire_wallet':
        return wallets.retire(workspaceId, walletId);
      case 'export_backup':
        return wallets.backup(workspaceId, walletId);
    }
  }
}

function isRequest(message: unknown): message is SignerRequest {
  return (
    typeof message === 'object' && message !== null && 'id' in message && Number.isSafeInteger(message.id)
  );
}

function listening(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

/** A socket file that a killed signer left behind answers nobody. */
function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createConnection({ path });
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
    probe.once('error', () => resolve(false));
  });
}
