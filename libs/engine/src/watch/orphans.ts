import type { ChainSource, TrackedAuthorization } from './ports.js';

/**
 * Those that were seen in a block which is not canonical now. The chain is asked, not our memory of it: a watcher that was frozen may be
 * the last to learn what another one has long since recorded.
 */
export async function orphaned(
  source: ChainSource,
  seen: readonly TrackedAuthorization[],
): Promise<ReadonlySet<TrackedAuthorization>> {
  const numbers = [
    ...new Set(seen.flatMap(({ settlement }) => (settlement ? [settlement.blockNumber] : []))),
  ];
  const headers = await Promise.all(numbers.map((number) => source.header(number)));
  const hashes = new Map(numbers.map((number, index) => [number, headers[index]?.hash]));
  return new Set(
    seen.filter(
      ({ settlement }) => settlement && hashes.get(settlement.blockNumber) !== settlement.blockHash,
    ),
  );
}
