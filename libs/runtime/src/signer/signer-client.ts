// The workers' and the API's end of the signer's socket. It never retries by itself: the saga asks again, and the signer gives the same bytes.
import { createConnection, type Socket } from 'node:net';
import type { WalletId, WorkspaceId } from '#domain';
import type { BroadcastSigner, Signer } from '#engine';
import { broadcastMessage, MAX_CALL_BYTES } from './broadcast-message.js';
import { FrameReader, FrameWriter } from './frames.js';
import type {
  Replies,
  SignerCall,
  SignerResponse,
  SignerStatus,
  WalletInfo,
  WalletRefusal,
} from './messages.js';

/** Not connected, no answer in time, or the signer failed. Nothing is known about what it did; asking again is safe. */
export class SignerUnavailableError extends Error {
  override readonly name = 'SignerUnavailableError';
}

/** The signer will not sign this, now or later, and does not vouch that nothing was signed: a person must look. */
export class SignerRefusedError extends Error {
  override readonly name = 'SignerRefusedError';
  constructor(readonly reason: string) {
    super(`The signer refused: ${reason}.`);
  }
}

export class WalletRefusedError extends Error {
  override readonly name = 'WalletRefusedError';
  constructor(readonly reason: WalletRefusal) {
    super(`The signer refused the wallet: ${reason}.`);
  }
}

/**
 * Wallet calls are idempotent on the wallet id. All throw SignerUnavailableError and WalletRefusedError; broadcastAccounts throws
 * SignerUnavailableError and SignerRefusedError.
 */
export interface SignerClient extends Signer, BroadcastSigner {
  createWallet(workspaceId: WorkspaceId, walletId: WalletId): Promise<WalletInfo>;
  importWallet(workspaceId: WorkspaceId, walletId: WalletId, privateKey: string): Promise<WalletInfo>;
  retireWallet(workspaceId: WorkspaceId, walletId: WalletId): Promise<WalletInfo>;
  listWallets(workspaceId: WorkspaceId): Promise<readonly WalletInfo[]>;
  /** Text of the encrypted keystore file. */
  exportBackup(workspaceId: WorkspaceId, walletId: WalletId): Promise<string>;
  status(): Promise<SignerStatus>;
  close(): void;
}

export interface SignerClientOptions {
  readonly socketPath: string;
  /** How long one call may take. */
  readonly deadlineMs?: number;
}

const DEADLINE_MS = 10_000;

export function createSignerClient(options: SignerClientOptions): SignerClient {
  const connection = new SignerConnection(options.socketPath, options.deadlineMs ?? DEADLINE_MS);
  return {
    async sign({ workspaceId, operationId }) {
      let reply: Replies['authorize'];
      try {
        reply = await connection.call({ type: 'authorize', workspaceId, operationId });
      } catch (error) {
        if (error instanceof SignerUnavailableError)
          return { kind: 'unavailable', reason: 'signer_unavailable' };
        throw error;
      }
      switch (reply.kind) {
        case 'signed':
          return { kind: 'signed', signature: Buffer.from(reply.signature, 'hex') };
        case 'burned':
          return reply;
        case 'unavailable':
          return {
            kind: 'unavailable',
            reason: reply.reason === 'quarantined' ? 'quarantined' : 'signer_unavailable',
          };
        case 'refused':
          throw new SignerRefusedError(reply.reason);
      }
    },
    async cancel({ workspaceId, operationId }) {
      let reply: Replies['cancel'];
      try {
        reply = await connection.call({ type: 'cancel', workspaceId, operationId });
      } catch (error) {
        if (error instanceof SignerUnavailableError)
          return { kind: 'unavailable', reason: 'signer_unavailable' };
        throw error;
      }
      if (reply.kind === 'refused') return reply;
      if (reply.kind === 'signed') return { kind: 'signed', signature: Buffer.from(reply.signature, 'hex') };
      const reason = reply.reason === 'quarantined' ? 'quarantined' : 'signer_unavailable';
      return { kind: 'unavailable', reason };
    },
    createWallet: async (workspaceId, walletId) =>
      walletOf(await connection.call({ type: 'create_wallet', workspaceId, walletId })),
    importWallet: async (workspaceId, walletId, privateKey) =>
      walletOf(await connection.call({ type: 'import_wallet', workspaceId, walletId, privateKey })),
    retireWallet: async (workspaceId, walletId) =>
      walletOf(await connection.call({ type: 'retire_wallet', workspaceId, walletId })),
    listWallets: async (workspaceId) =>
      (await connection.call({ type: 'list_wallets', workspaceId })).wallets,
    async exportBackup(workspaceId, walletId) {
      const reply = await connection.call({ type: 'export_backup', workspaceId, walletId });
      if ('error' in reply) throw new WalletRefusedError(reply.error);
      return reply.backup;
    },
    async broadcastAccounts(network, count) {
      const reply = await connection.call({ type: 'broadcast_accounts', network, count });
      if ('error' in reply) throw new SignerRefusedError(reply.error);
      return reply.addresses;
    },
    async signBroadcast(call, fees) {
      if (call.data.length > MAX_CALL_BYTES) return { kind: 'refused', reason: 'call_too_long' };
      let reply: Replies['sign_broadcast'];
      try {
        reply = await connection.call(broadcastMessage(call, fees));
      } catch (error) {
        if (error instanceof SignerUnavailableError)
          return { kind: 'unavailable', reason: 'signer_unavailable' };
        throw error;
      }
      if (reply.kind !== 'signed') return reply;
      return { kind: 'signed', raw: Buffer.from(reply.raw, 'hex'), txHash: reply.txHash };
    },
    status: () => connection.call({ type: 'status' }),
    close: () => connection.close(),
  };
}

function walletOf(reply: Replies['create_wallet']): WalletInfo {
  if ('error' in reply) throw new WalletRefusedError(reply.error);
  return reply.wallet;
}

interface Waiting {
  readonly resolve: (reply: Replies[SignerCall['type']]) => void;
  readonly reject: (error: Error) => void;
  readonly expiresAtMs: number;
}

/** One connection, made when first needed and again after it is lost. */
class SignerConnection {
  readonly #waiting = new Map<number, Waiting>();
  #nextId = 1;
  #socket: Socket | undefined;
  #writer: FrameWriter | undefined;
  #sweep: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(
    private readonly socketPath: string,
    private readonly deadlineMs: number,
  ) {}

  call<C extends SignerCall>(call: C): Promise<Replies[C['type']]> {
    if (this.#closed) return Promise.reject(new SignerUnavailableError('The client is closed.'));
    return new Promise((resolve, reject) => {
      const id = this.#nextId;
      this.#nextId += 1;
      this.#waiting.set(id, {
        resolve: resolve as Waiting['resolve'],
        reject,
        expiresAtMs: performance.now() + this.deadlineMs,
      });
      this.#connected().send({ ...call, id });
      this.#sweep ??= setInterval(() => this.#expire(), Math.max(10, this.deadlineMs / 20));
    });
  }

  close(): void {
    this.#closed = true;
    this.#socket?.destroy();
    this.#failAll('The client was closed.');
  }

  #connected(): FrameWriter {
    if (this.#writer !== undefined) return this.#writer;
    const socket = createConnection({ path: this.socketPath });
    const reader = new FrameReader();
    const lost = (): void => {
      socket.destroy();
      if (this.#socket !== socket) return;
      this.#socket = undefined;
      this.#writer = undefined;
      this.#failAll('The connection to the signer was lost.');
    };
    socket.on('data', (chunk: Buffer) => {
      try {
        for (const message of reader.push(chunk)) this.#settle(message as SignerResponse);
      } catch {
        lost();
      }
    });
    socket.on('error', lost);
    socket.on('close', lost);
    this.#socket = socket;
    this.#writer = new FrameWriter(socket);
    return this.#writer;
  }

  #settle(response: SignerResponse): void {
    const waiting = this.#waiting.get(response.id);
    if (waiting === undefined) return;
    this.#forget(response.id);
    if (response.reply === undefined) waiting.reject(new SignerUnavailableError('The signer failed.'));
    else waiting.resolve(response.reply);
  }

  /** Ids rise and all deadlines are alike, so the oldest come first. */
  #expire(): void {
    const now = performance.now();
    for (const [id, waiting] of this.#waiting) {
      if (waiting.expiresAtMs > now) break;
      this.#forget(id);
      waiting.reject(new SignerUnavailableError('The signer did not answer in time.'));
    }
  }

  #failAll(message: string): void {
    for (const [id, waiting] of this.#waiting) {
      this.#forget(id);
      waiting.reject(new SignerUnavailableError(message));
    }
  }

  #forget(id: number): void {
    this.#waiting.delete(id);
    if (this.#waiting.size > 0) return;
    clearInterval(this.#sweep);
    this.#sweep = undefined;
  }
}
