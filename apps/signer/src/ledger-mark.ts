// The high-water mark (design.md ruling 9): what the signer's ledger held, kept outside the database. A database that was restored from an
// older copy lacks rows of the ledger; signing on it could make a second authorization for a payment that it has forgotten.
import { open, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { privateFolder, readPrivate, writePrivate } from '#runtime';

export interface Mark {
  /** Rows of the ledger that were there when the mark was set, at least. */
  readonly count: number;
  /** Sequence number of the newest row that this signer wrote; 0: none. */
  readonly sequence: number;
  /** SHA-256 of that row, hex. */
  readonly hash: string;
  /** Which life of the database (ruling 19); rises with every restore. */
  readonly clusterEpoch: number;
}

export interface Quarantine {
  /** Database time at which the signer noticed, unix milliseconds. */
  readonly sinceMs: number;
  readonly reason: string;
}

const MARK_FILE = 'ledger.mark';
const QUARANTINE_FILE = 'quarantine.json';
/** Lines are appended and synced; beyond this the file is written anew with its last line alone. */
const COMPACT_AT_BYTES = 1 << 20;

export class LedgerMark {
  #mark: Mark | undefined;
  #quarantine: Quarantine | undefined;
  #file: FileHandle | undefined;
  #bytes = 0;

  private constructor(private readonly folder: string) {}

  static async open(keystore: string): Promise<LedgerMark> {
    const folder = join(keystore, 'signer');
    await privateFolder(folder);
    const ledger = new LedgerMark(folder);
    const text = await readPrivate(join(folder, MARK_FILE));
    ledger.#mark = text === undefined ? undefined : lastMark(text);
    const quarantine = await readPrivate(join(folder, QUARANTINE_FILE));
    // A damaged note still means quarantine, from now on.
    if (quarantine !== undefined && quarantine !== 'null\n') ledger.#quarantine = readQuarantine(quarantine);
    if (ledger.#mark !== undefined) await ledger.replace(ledger.#mark);
    return ledger;
  }

  get mark(): Mark | undefined {
    return this.#mark;
  }

  get quarantine(): Quarantine | undefined {
    return this.#quarantine;
  }

  /** On disk when this returns; a signature over the rows it covers may leave only then. */
  async advance(mark: Mark): Promise<void> {
    const file = this.#file;
    if (file === undefined || this.#bytes > COMPACT_AT_BYTES) return this.replace(mark);
    const line = encode(mark);
    try {
      await file.appendFile(line);
      await file.datasync();
    } catch (error) {
      // Half a line may be there now, and whatever is appended to it is lost with it: the next mark gets a new file.
      this.#file = undefined;
      await file.close().catch(() => undefined);
      throw error;
    }
    this.#bytes += line.length;
    this.#mark = mark;
  }

  /** Sets the mark as if there had never been another. */
  async replace(mark: Mark): Promise<void> {
    await this.#file?.close();
    this.#file = undefined;
    const path = join(this.folder, MARK_FILE);
    await writePrivate(path, encode(mark));
    this.#file = await open(path, 'a');
    this.#bytes = encode(mark).length;
    this.#mark = mark;
  }

  async enterQuarantine(quarantine: Quarantine): Promise<void> {
    await writePrivate(join(this.folder, QUARANTINE_FILE), `${JSON.stringify(quarantine)}\n`);
    this.#quarantine = quarantine;
  }

  /** The mark first: a crash between the two leaves the quarantine on. */
  async leaveQuarantine(mark: Mark): Promise<void> {
    await this.replace(mark);
    await writePrivate(join(this.folder, QUARANTINE_FILE), 'null\n');
    this.#quarantine = undefined;
  }

  async close(): Promise<void> {
    await this.#file?.close();
    this.#file = undefined;
  }
}

function encode(mark: Mark): string {
  return `${JSON.stringify(mark)}\n`;
}

/** A crash may leave half a line at the end; the signatures it would have covered never left. */
function lastMark(text: string): Mark | undefined {
  const lines = text.split('\n').filter((line) => line !== '');
  for (const line of lines.reverse()) {
    try {
      const { count, sequence, hash, clusterEpoch } = JSON.parse(line) as Mark;
      if ([count, sequence, clusterEpoch].every(Number.isSafeInteger) && typeof hash === 'string')
        return { count, sequence, hash, clusterEpoch };
    } catch {
      // Look at the line before.
    }
  }
  return undefined;
}

function readQuarantine(text: string): Quarantine {
  try {
    const { sinceMs, reason } = JSON.parse(text) as Quarantine;
    if (Number.isSafeInteger(sinceMs) && typeof reason === 'string') return { sinceMs, reason };
  } catch {
    // Falls through.
  }
  return { sinceMs: Date.now(), reason: 'note_damaged' };
}
