// Signs transactions that bring transfers on chain: read, check, write the ledger, move the mark, and only then sign. An account nonce gets one
// call for ever; asked again, at other fees, it is signed again and the ledger is only read.
import { parseWorkspaceId, type Caip2, type EvmAddress } from '#domain';
import type { BroadcastCall, Fees } from '#engine';
import type { BroadcastKey } from '#evm';
import type { BroadcastAccountsRefusal, BroadcastReply, RuntimeLogger } from '#runtime';
import type { BroadcastKeys } from './broadcast-keys.js';
import { readBroadcast } from './broadcast-rows.js';
import { broadcastSubject, checkBroadcast, type GasLimits } from './check-broadcast.js';
import type { SignerDatabase } from './database.js';
import type { HighWater } from './high-water.js';
import type { Lane } from './lane.js';

export interface BroadcastsDeps {
  readonly db: SignerDatabase;
  readonly keys: BroadcastKeys;
  readonly highWater: HighWater;
  readonly lane: Lane;
  readonly networks: ReadonlySet<Caip2>;
  readonly limits: GasLimits;
  readonly log: RuntimeLogger;
}

type NotSigned = Exclude<BroadcastReply, { readonly kind: 'signed' }>;

/** Per network. Each needs money for gas, and more than a few gain nothing. */
const MAX_ACCOUNTS = 16;
/** An account nonce belongs to no workspace; the ledger's column wants one (ruling 19). */
const NO_WORKSPACE = parseWorkspaceId('00000000-0000-0000-0000-000000000000');

const refused = (reason: string): NotSigned => ({ kind: 'refused', reason });
const unavailable = (reason: string): NotSigned => ({ kind: 'unavailable', reason });
const QUARANTINED = unavailable('quarantined');

export class Broadcasts {
  constructor(private readonly deps: BroadcastsDeps) {}

  async accounts(
    network: Caip2,
    count: number,
  ): Promise<{ readonly addresses: readonly EvmAddress[] } | { readonly error: BroadcastAccountsRefusal }> {
    if (!this.deps.networks.has(network)) return { error: 'network_not_configured' };
    if (!Number.isInteger(count) || count < 1 || count > MAX_ACCOUNTS) return { error: 'invalid_count' };
    return { addresses: await this.deps.keys.accounts(network, count) };
  }

  /** Never throws: a fault is `unavailable`, and asking again is always safe. */
  async sign(call: BroadcastCall, fees: Fees): Promise<BroadcastReply> {
    const { keys, lane, networks } = this.deps;
    const key = networks.has(call.network) ? keys.find(call.network, call.sender) : undefined;
    const reply =
      key === undefined
        ? refused(networks.has(call.network) ? 'sender_unknown' : 'network_not_configured')
        : ((await lane.run(() => this.#permit(call, fees))) ?? this.#signature(key, call, fees));
    if (reply.kind !== 'signed') this.#logRefusal(call, reply);
    return reply;
  }

  /** Undefined once a signature may exist: everything that must be durable before it is. */
  async #permit(call: BroadcastCall, fees: Fees): Promise<NotSigned | undefined> {
    const { db, highWater, limits } = this.deps;
    try {
      if (!(await highWater.allows())) return QUARANTINED;
      const subject = broadcastSubject(call);
      const rows = await readBroadcast(db.pool, call, subject);
      if (!(await highWater.sawEpoch(rows.clusterEpoch, rows.nowMs))) return QUARANTINED;
      const check = checkBroadcast(call, fees, rows, limits);
      if (check.kind === 'refused') return check;
      if (check.again) return undefined;
      const entry = { subject, workspaceId: NO_WORKSPACE, digest: check.digest, reason: null };
      const { inserted, rows: recorded } = await db.record('broadcast', [entry]);
      if (!(await highWater.advance(inserted, rows.nowMs))) return QUARANTINED;
      // Another signer may have written first; the ledger has the last word.
      return recorded.get(subject)?.digest === check.digest ? undefined : refused('conflict');
    } catch (error) {
      highWater.connectionLost();
      this.deps.log.error({ error, ...nameOf(call) }, 'broadcast failed');
      return unavailable('signer_failed');
    }
  }

  #signature(key: BroadcastKey, call: BroadcastCall, fees: Fees): BroadcastReply {
    try {
      const { raw, txHash } = key.signTransaction(call, fees);
      return { kind: 'signed', raw: Buffer.from(raw).toString('hex'), txHash };
    } catch (error) {
      // Most of all: the signature did not recover to its key and was discarded.
      this.deps.log.error({ error, ...nameOf(call) }, 'signing failed');
      return unavailable('signing_failed');
    }
  }

  #logRefusal(call: BroadcastCall, reply: NotSigned): void {
    const fields = { ...nameOf(call), kind: reply.kind, reason: reply.reason };
    if (reply.kind === 'refused') this.deps.log.error(fields, 'refused to sign a transaction');
    else this.deps.log.warn(fields, 'not signed');
  }
}

/** All of a call that may be logged: its data holds signatures. */
function nameOf({ network, sender, accountNonce }: BroadcastCall) {
  return { network, sender, accountNonce };
}
