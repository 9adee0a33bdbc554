import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generatePrivateKey } from 'viem/accounts';
import type { Hex } from 'viem';
import { freePort, postgresDataDir } from '../services/index.js';

/** A path the kernel takes for a local socket has at most 107 bytes. */
const LONGEST_SOCKET_PATH = 100;

/** Where one stack keeps what outlives it. Two stacks in different checkouts share nothing. */
export class StackFolder {
  readonly path: string;
  readonly postgresData: string;

  constructor(checkout: string) {
    // A home of its own lets a second stack run from one checkout, as the end-to-end tests do.
    this.path = process.env['PURSER_HOME'] ?? join(checkout, '.purser');
    // Beside the private folder and not in it: as root, PostgreSQL runs as another user, who must be able to reach its data.
    this.postgresData = postgresDataDir(`${this.path}-postgres`);
    mkdirSync(this.path, { recursive: true, mode: 0o700 });
  }

  within(...parts: string[]): string {
    return join(this.path, ...parts);
  }

  log(role: string): string {
    return this.within('logs', `${role}.log`);
  }

  get stackFile(): string {
    return this.within('stack.json');
  }

  get signerSocket(): string {
    const wanted = this.within('signer.sock');
    if (Buffer.byteLength(wanted) <= LONGEST_SOCKET_PATH) return wanted;
    const name = createHash('sha256').update(this.path).digest('hex').slice(0, 16);
    const folder = join(tmpdir(), `purser-${process.getuid?.() ?? 0}-${name}`);
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    return join(folder, 'signer.sock');
  }

  /** Forgets everything: money, keys, history. The local chain goes with it, so nothing is lost that anyone owns. */
  reset(): void {
    rmSync(this.postgresData, { recursive: true, force: true });
    rmSync(this.path, { recursive: true, force: true });
    mkdirSync(this.path, { recursive: true, mode: 0o700 });
  }

  /** Refuses a second stack on the same data. A lock left by a killed stack is taken over. */
  lock(): void {
    const file = this.within('stack.lock');
    const holder = existsSync(file) ? Number(readFileSync(file, 'utf8')) : 0;
    if (holder > 0 && holder !== process.pid && isOurs(holder)) {
      throw new Error(
        `a stack is already running here (pid ${holder}); stop it with Ctrl-C or kill ${holder}`,
      );
    }
    writeFileSync(file, String(process.pid), { mode: 0o600 });
  }

  unlock(): void {
    rmSync(this.within('stack.lock'), { force: true });
  }

  /** Replaces a file whole, readable by its owner only: readers see the old text or the new, never half. */
  write(file: string, value: unknown): void {
    const incoming = `${file}.${process.pid}.new`;
    writeFileSync(incoming, `${JSON.stringify(value, null, 2)}\n`, { mode: 0o600 });
    renameSync(incoming, file);
  }

  read<T>(file: string): T | undefined {
    return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as T) : undefined;
  }
}

function isOurs(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  // The number may have been given to another program since.
  const commandLine = `/proc/${pid}/cmdline`;
  return !existsSync(commandLine) || readFileSync(commandLine, 'utf8').includes('apps/local');
}

/** Made once per stack and kept, so that a restart finds its data again. */
export interface Secrets {
  readonly postgresPassword: string;
  /** From which every database role's own password is derived. */
  readonly databasePassword: string;
  readonly keystorePassphrase: string;
  readonly derivationPassphrase: string;
  /** Opens the issuer's signing key. */
  readonly issuerPassphrase: string;
  /** By which the API knows the issuer. */
  readonly issuerSecret: string;
  /** Settlement keys of the demo sellers, by seller. */
  readonly sellerKeys: Readonly<Record<SellerName, Hex>>;
}

/** `facilitated` has Purser for its facilitator, the others one of their own. */
export const SELLER_NAMES = ['v2', 'v1', 'slow', 'failing', 'facilitated'] as const;
export type SellerName = (typeof SELLER_NAMES)[number];

export function loadSecrets(folder: StackFolder): Secrets {
  const file = folder.within('secrets.json');
  const known = folder.read<Secrets>(file);
  const sellerKeys: Secrets['sellerKeys'] = {
    v2: generatePrivateKey(),
    v1: generatePrivateKey(),
    slow: generatePrivateKey(),
    failing: generatePrivateKey(),
    facilitated: generatePrivateKey(),
    // A folder from before there was a seller gets only that one's key.
    ...known?.sellerKeys,
  };
  const made: Secrets = {
    postgresPassword: randomBytes(24).toString('base64url'),
    databasePassword: randomBytes(32).toString('base64url'),
    keystorePassphrase: randomBytes(32).toString('base64url'),
    derivationPassphrase: randomBytes(32).toString('base64url'),
    issuerPassphrase: randomBytes(32).toString('base64url'),
    issuerSecret: randomBytes(32).toString('base64url'),
    ...known,
    sellerKeys,
  };
  folder.write(file, made);
  return made;
}

/** Fixed for a stack's life, so that a restarted process is found where it was and pasted commands keep working. */
export interface Ports {
  readonly postgres: number;
  readonly redis: number;
  readonly chain: number;
  readonly issuer: number;
  readonly api: readonly number[];
  readonly workers: readonly number[];
  readonly sellers: Readonly<Record<SellerName, number>>;
}

export async function choosePorts(folder: StackFolder, apis: number, workers: number): Promise<Ports> {
  const file = folder.within('ports.json');
  const before = folder.read<Ports>(file);
  const ports: Ports = {
    postgres: await freePort(before?.postgres),
    redis: await freePort(before?.redis),
    chain: await freePort(before?.chain),
    issuer: await freePort(before?.issuer),
    api: await many(apis, before?.api),
    workers: await many(workers, before?.workers),
    sellers: {
      v2: await freePort(before?.sellers.v2),
      v1: await freePort(before?.sellers.v1),
      slow: await freePort(before?.sellers.slow),
      failing: await freePort(before?.sellers.failing),
      facilitated: await freePort(before?.sellers.facilitated),
    },
  };
  folder.write(file, ports);
  return ports;
}

const many = (count: number, wanted: readonly number[] = []): Promise<number[]> =>
  Promise.all(Array.from({ length: count }, (_, index) => freePort(wanted[index])));
