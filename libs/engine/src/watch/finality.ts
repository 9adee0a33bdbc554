// What only a final block may decide: payments become final, unused authorizations become dead. Both need every RPC to agree (S8, ruling 23).
import type { DeathProof, Hex32, OperationCommand, Settlement } from '#domain';
import type { Facts } from './apply.js';
import type { WatcherDeps } from './deps.js';
import { orphaned } from './orphans.js';
import type { ChainSource, Part, TrackedAuthorization, WatchedBlock } from './ports.js';

const BATCH = 500;

export async function releaseAndFinalize(deps: WatcherDeps, facts: Facts, genesisHash: Hex32): Promise<void> {
  const { ports, source, store } = deps;
  const cursor = await store.cursor(source.network);
  const block = await source.finalized();
  if (!cursor || !block || block.number <= cursor.finalizedTo || block.number > cursor.scannedTo) return;
  const stored = (await store.recentBlocks(source.network, cursor.scannedTo - block.number + 1)).find(
    (it) => it.number === block.number,
  );
  if (stored && stored.hash !== block.hash) return; // The next look steps back first.
  if ((await source.witnesses(block)) < source.witnessesNeeded) {
    ports.logger.warn(
      { network: source.network, block: block.number },
      'RPCs do not agree on the finalized block; nothing is released',
    );
    return;
  }
  await finalizeSeen(deps, facts, block);
  await releaseCancelled(deps, facts, block);
  await releaseExpired(deps, facts, block);
  // Its time tells how far the chain has been compared (adoption after a restore), also where finality lags behind the blocks remembered.
  await store.advance(source.network, genesisHash, [block], {
    scannedTo: cursor.scannedTo,
    finalizedTo: block.number,
  });
}

/**
 * A look at `latest` may be recorded after its block was reorganized away, in a range that has been scanned already: only what stands in
 * a canonical block becomes final. Anything else is looked up where it is now, or was never paid. What gives a rest back was recorded by the word
 * of those RPCs that were there: now all of them have to show it.
 */
async function finalizeSeen(
  { source, store }: WatcherDeps,
  facts: Facts,
  block: WatchedBlock,
): Promise<void> {
  await inParts(
    (part) => store.provisionalUpTo(source.network, block.number, part),
    async (seen) => {
      const gone = await orphaned(source, seen);
      await facts.apply(seen, async (it) => {
        if (!it.settlement) return null;
        if (!gone.has(it) && (await isWitnessed(source, it.authorization, it.settlement)))
          return { type: 'FinalizeSettlement', settlement: it.settlement };
        const fate = await source.findUse(it.authorization, block);
        if (fate === undefined) return null;
        return fate.kind === 'settled'
          ? { type: 'FinalizeSettlement', settlement: fate.settlement }
          : { type: 'ReorgSettlement' };
      });
    },
  );
}

/** Charged in full: nothing goes back, whoever said so. */
async function isWitnessed(
  source: ChainSource,
  authorization: TrackedAuthorization['authorization'],
  settlement: Settlement,
): Promise<boolean> {
  const { amount = authorization.value } = settlement;
  if (amount === authorization.value) return true;
  return (await source.settlementWitnesses(authorization, settlement)) >= source.witnessesNeeded;
}

/** Cancelled in a final block: no need to wait for its end. Anything less is asked about again, at the latest when it expires. */
async function releaseCancelled(deps: WatcherDeps, facts: Facts, block: WatchedBlock): Promise<void> {
  const { source, store } = deps;
  await facts.apply(await store.cancelledUpTo(source.network, block.number), (it) =>
    voidedBy(source, it, block),
  );
}

/** Null while not every RPC says that it was cancelled. */
async function voidedBy(
  source: ChainSource,
  { authorization }: TrackedAuthorization,
  block: WatchedBlock,
): Promise<OperationCommand | null> {
  const { number: blockNumber, hash: blockHash, timestampSec: blockTimeSec } = block;
  const { witnesses, txHash } = await source.cancelWitnesses(authorization, block);
  if (witnesses < source.witnessesNeeded || txHash === null) return null;
  return { type: 'RecordVoided', proof: { blockNumber, blockHash, blockTimeSec, witnesses, txHash } };
}

/** Past validBefore at a final block and unused there, by the word of every RPC: it can never move money again. */
async function releaseExpired(deps: WatcherDeps, facts: Facts, block: WatchedBlock): Promise<void> {
  const { source, store } = deps;
  await inParts(
    (part) => store.expiredLive(source.network, block.timestampSec, part),
    async (expired) => {
      const unused = await source.unusedAt(
        expired.map((it) => it.authorization),
        block,
      );
      const witnesses = new Map(expired.map((it, index) => [it, unused[index] ?? 0]));
      await facts.apply(expired, (it) => judgeExpired(deps, it, witnesses.get(it) ?? 0, block));
    },
  );
}

/** Part by part to the end: what cannot be judged stays where it is, hides nothing behind it, and is asked about again at the next final block. */
async function inParts(
  read: (part: Part) => Promise<readonly TrackedAuthorization[]>,
  judge: (rows: readonly TrackedAuthorization[]) => Promise<void>,
): Promise<void> {
  let after: TrackedAuthorization | null = null;
  for (;;) {
    const rows: readonly TrackedAuthorization[] = await read({ limit: BATCH, after });
    if (rows.length > 0) await judge(rows);
    if (rows.length < BATCH) return;
    after = rows.at(-1) ?? null;
  }
}

async function judgeExpired(
  { source }: WatcherDeps,
  it: TrackedAuthorization,
  witnesses: number,
  block: WatchedBlock,
): Promise<OperationCommand | null> {
  if (block.timestampSec <= it.authorization.validBeforeSec) return null;
  const proof: DeathProof = {
    blockNumber: block.number,
    blockHash: block.hash,
    blockTimeSec: block.timestampSec,
    witnesses,
  };
  if (witnesses >= source.witnessesNeeded) return { type: 'RecordExpiredUnused', proof };
  if (witnesses >= 0) return null;
  // Used before it expired, though no scan of ours said how: look for the use itself.
  const fate = await source.findUse(it.authorization, block);
  switch (fate?.kind) {
    case undefined:
      return null;
    case 'settled':
      return { type: 'FinalizeSettlement', settlement: fate.settlement };
    case 'cancelled':
      return voidedBy(source, it, block);
    case 'foreign':
      return {
        type: 'RequireAttention',
        code: 'needs_attention',
        details: { reason: 'foreign_use', tx: fate.txHash },
      };
    case 'unused':
      return { type: 'RequireAttention', code: 'needs_attention', details: { reason: 'used_but_unseen' } };
  }
}
