// Signs that an authorization be dead: read, check, write the ledger, move the mark, and only then sign. It moves no money, so a stop, a spent budget or a
// retired wallet is no reason against it; but a nonce is cancelled for its own operation alone, and only when that operation's log asks for it.
import type { Caip2 } from '#domain';
import type { Derivation, OperationRef } from '#engine';
import { hasherOf, toHex } from '#evm';
import type { CancelReply, RuntimeLogger } from '#runtime';
import { subjectKey, type SignerDatabase } from './database.js';
import type { HighWater } from './high-water.js';
import type { Lane } from './lane.js';
import type { Subject } from './subject.js';
import type { OpenWallet, Wallets } from './wallets.js';

export interface CancellationsDeps {
  readonly db: SignerDatabase;
  readonly wallets: Wallets;
  readonly derivation: Pick<Derivation, 'authorizationNonce'>;
  readonly highWater: HighWater;
  readonly lane: Lane;
  readonly networks: ReadonlySet<Caip2>;
  readonly log: RuntimeLogger;
}

type NotSigned = Exclude<CancelReply, { readonly kind: 'signed' }>;

const refused = (reason: string): NotSigned => ({ kind: 'refused', reason });
const unavailable = (reason: string): NotSigned => ({ kind: 'unavailable', reason });

export class Cancellations {
  constructor(private readonly deps: CancellationsDeps) {}

  /** Never throws: a fault is `unavailable`, and asking again is always safe. */
  async sign(ref: OperationRef): Promise<CancelReply> {
    const reply = await this.deps.lane.run(() => this.#permit(ref));
    if (reply.kind !== 'signed') this.deps.log.warn({ ...ref, ...reply }, 'no cancellation signed');
    return reply;
  }

  async #permit(ref: OperationRef): Promise<CancelReply> {
    const { db, highWater } = this.deps;
    try {
      if (!(await highWater.allows())) return unavailable('quarantined');
      const [subject] = await db.read([ref]);
      if (subject === undefined) return unavailable('not_read');
      const nowMs = subject.nowSec * 1_000;
      if (!(await highWater.sawEpoch(subject.clusterEpoch, nowMs))) return unavailable('quarantined');
      if (!subject.cancellationRequested) return refused('not_asked_for');
      const check = this.#check(subject);
      if ('kind' in check) return check;
      const entry = { subject: subjectKey(ref), workspaceId: ref.workspaceId, reason: null };
      const { inserted, rows } = await db.record('cancel', [{ ...entry, digest: check.digest }]);
      if (!(await highWater.advance(inserted, nowMs))) return unavailable('quarantined');
      // The ledger has the last word.
      if (rows.get(entry.subject)?.digest !== check.digest) return refused('digest_conflict');
      return { kind: 'signed', signature: Buffer.from(check.sign()).toString('hex') };
    } catch (error) {
      highWater.connectionLost();
      this.deps.log.error({ error, ...ref }, 'cancellation failed');
      return unavailable('signer_failed');
    }
  }

  #check(subject: Subject): NotSigned | { readonly digest: string; readonly sign: () => Uint8Array } {
    const { wallets, derivation, networks } = this.deps;
    const { authorization, workspaceId, operationId } = subject;
    if (authorization === null) return refused('unknown_operation');
    const { network, token, from, nonce, method, walletId } = authorization;
    if (method !== 'eip3009') return refused('method_has_no_cancellation');
    const hasher = hasherOf(network, token);
    if (hasher === undefined || !networks.has(network)) return refused('token_not_registered');
    if (nonce !== derivation.authorizationNonce(workspaceId, operationId))
      return refused('nonce_not_derived');
    const wallet: OpenWallet | undefined = wallets.find(walletId);
    if (wallet?.workspaceId !== workspaceId || wallet.address !== from) return refused('wallet_unknown');
    const tuple = { from, nonce };
    return {
      digest: toHex(hasher.cancelDigest(tuple)),
      sign: () => wallet.key.signCancel(hasher, tuple).signature,
    };
  }
}
