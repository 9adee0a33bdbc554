// What only a final block may decide: payments become final, unused authorizations become dead. Both need every RPC to agree (S8, ruling 23).
import type { DeathProof, Hex32, OperationCommand } from '#domain';
import { applyFact, applyFacts } from './apply.js';
import type { WatcherDeps } from './deps.js';
import { orphaned } from './orphans.js';
import type { TrackedAuthorization, WatchedBlock } from './ports.js';

const BATCH = 500;

export async function releaseAndFinalize(deps: WatcherDeps, genesisHash: Hex32): Promise<void> {
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
  await finalizeSeen(deps, block);
  await releaseExpired(deps, block);
  await store.advance(source.network, genesisHash, [], {
    scannedTo: cursor.scannedTo,
    finalizedTo: block.number,
  });
}

/**
 * A look at `latest` may be recorded after its block was reorganized away, in a range that has been scanned already: only what stands in
 * a canonical block becomes final. Anything else is looked up where it is now, or was never paid.
 */
async function finalizeSeen({ ports, source, store }: WatcherDeps, block: WatchedBlock): Promise<void> {
  for (;;) {
    const seen = await store.provisionalUpTo(source.network, block.number, BATCH);
    const gone = await orphaned(source, seen);
    await applyFacts(
      ports,
      seen.filter((it) => !gone.has(it)),
      (it) => (it.settlement ? { type: 'FinalizeSettlement', settlement: it.settlement } : null),
    );
    for (const it of gone) {
      const fate = await source.findUse(it.authorization, block);
      const moved = fate.kind === 'settled';
      await applyFact(
        ports,
        it,
        moved ? { type: 'FinalizeSettlement', settlement: fate.settlement } : { type: 'ReorgSettlement' },
      );
    }
    if (seen.length < BATCH) return;
  }
}

/** Past validBefore at a final block and unused there, by the word of every RPC: it can never move money again. */
async function releaseExpired(deps: WatcherDeps, block: WatchedBlock): Promise<void> {
  const { ports, source, store } = deps;
  for (;;) {
    const expired = await store.expiredLive(source.network, block.timestampSec, BATCH);
    if (expired.length === 0) return;
    const unused = await source.unusedAt(
      expired.map((it) => it.authorization),
      block,
    );
    const judged = await Promise.all(
      expired.map(async (it, index) => {
        const command = await judgeExpired(deps, it, unused[index] ?? 0, block);
        if (command) await applyFact(ports, it, command);
        return command !== null;
      }),
    );
    // What could not be judged stays live and is asked about again at the next final block.
    if (expired.length < BATCH || !judged.every(Boolean)) return;
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
  switch (fate.kind) {
    case 'settled':
      return { type: 'FinalizeSettlement', settlement: fate.settlement };
    case 'cancelled':
      return { type: 'RecordVoided', proof: { ...proof, txHash: fate.txHash } };
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
