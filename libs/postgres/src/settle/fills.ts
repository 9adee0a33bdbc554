// Account nonces that only have to be used up.
import type { BroadcastStore, Composed } from '#engine';
import { placeOf, type Run } from './rows.js';
import type { Sealing } from './sealed.js';

/** More than can wait in an account; further ones are filled at the next recovery. */
const MAX_GAPS = 16;

const FILL_GAPS = `INSERT INTO broadcast (network, sender, account_nonce, kind, target, call_hash, call_sealed, gas_limit)
  SELECT a.network, a.address, missing, 'fill', $4::text, $5::text, $6::bytea, $7::bigint
    FROM broadcast_account a, generate_series($3::bigint, least(a.next_nonce, $3::bigint + ${MAX_GAPS}) - 1) AS missing
   WHERE a.network = $1 AND a.address = $2 ON CONFLICT DO NOTHING`;
const BECOME_FILL = `UPDATE broadcast b SET kind = 'fill', target = $4, call_hash = $5, call_sealed = $6, gas_limit = $7
  WHERE b.network = $1 AND b.sender = $2 AND b.account_nonce = $3 AND b.kind = 'transfers' AND b.status = 'open' AND NOT EXISTS (
    SELECT FROM broadcast_attempt a WHERE a.network = b.network AND a.sender = b.sender AND a.account_nonce = b.account_nonce)
  RETURNING account_nonce`;
const FREED = `UPDATE settlement s SET status = 'waiting', sender = NULL, account_nonce = NULL, place = NULL FROM broadcast b
  WHERE s.network = $1 AND s.sender = $2 AND s.account_nonce = $3 AND s.status = 'broadcast'
    AND b.network = $1 AND b.sender = $2 AND b.account_nonce = $3 AND b.kind = 'fill' AND EXISTS (
    SELECT FROM broadcast_attempt a WHERE a.network = b.network AND a.sender = b.sender AND a.account_nonce = b.account_nonce)`;

export function fills(run: Run, sealing: Sealing): Pick<BroadcastStore, 'fillGaps' | 'becomeFill' | 'freed'> {
  return {
    async fillGaps(ref, call) {
      await run('fill_gaps', FILL_GAPS, [...placeOf(ref), ...callOf(call, sealing)]);
    },
    async becomeFill(ref, call) {
      const changed = await run('become_fill', BECOME_FILL, [...placeOf(ref), ...callOf(call, sealing)]);
      return changed.length === 1;
    },
    async freed(ref) {
      await run('freed', FREED, placeOf(ref));
    },
  };
}

function callOf({ target, callHash, data, gasLimit }: Composed, sealing: Sealing): readonly unknown[] {
  return [target, callHash, sealing.seal(data), gasLimit.toString()];
}
