// Transfers that failed in a transaction of ours while anybody may still bring them.
import type { BroadcastStore } from '#engine';
import { ASKED, BY_KEY, keyLists, keyOf, PLACED, placedOfRow, type Run } from './rows.js';
import type { Sealing } from './sealed.js';

const ALIVE = `SELECT ${PLACED} FROM settlement s JOIN broadcast b USING (network, sender, account_nonce)
  WHERE s.network = $1 AND s.status = 'failed' AND NOT s.final AND s.sender IS NOT NULL AND s.method <> 'cancel' AND b.final ORDER BY s.valid_before LIMIT $2`;
// Its own transaction is final, so that it is carried by none of ours any more.
const BROUGHT = `UPDATE settlement s SET status = 'settled', reason = NULL, tx_hash = $6, block_number = $7, block_hash = $8, log_index = $9,
    sender = NULL, account_nonce = NULL, place = NULL, ended_at = clock_timestamp()
  FROM ${ASKED} WHERE ${BY_KEY} AND s.status = 'failed' AND NOT s.final`;
const DEAD = `WITH locked AS MATERIALIZED (
    SELECT ${keyOf('s')} FROM ${ASKED} JOIN settlement s ON ${BY_KEY} WHERE s.status = 'failed' ORDER BY ${keyOf('s')} FOR UPDATE OF s)
  UPDATE settlement s SET final = true FROM locked asked WHERE ${BY_KEY}`;

export function failures(
  run: Run,
  sealing: Sealing,
): Pick<BroadcastStore, 'failedAlive' | 'broughtByOthers' | 'failedForGood'> {
  return {
    failedAlive: async (network, limit) =>
      (await run('failed_alive', ALIVE, [network, limit])).map((row) => placedOfRow(row, sealing)),
    async broughtByOthers(key, { txHash, blockNumber, blockHash, logIndex }) {
      await run('brought', BROUGHT, [...keyLists([key]), txHash, blockNumber, blockHash, logIndex]);
    },
    async failedForGood(keys) {
      if (keys.length > 0) await run('dead', DEAD, [...keyLists(keys)]);
    },
  };
}
