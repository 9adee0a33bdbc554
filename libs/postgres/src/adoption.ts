// What a restored database has forgotten (ruling 9, safety.md d.5.10): nonces of managed wallets that the watcher saw used and no authorization explains.
import { parseHex32, parseEvmAddress, parseCaip2, parseWalletId, type TransferMethod } from '#domain';
import type { Adoption, ForgottenUse } from '#engine';
import type pg from 'pg';

const FIRST_LIFE = 1;

const FIND = `SELECT e.network, e.tx_hash, e.transfer, w.wallet_id
  FROM chain_exception e LEFT JOIN wallet w ON w.workspace_id = $1 AND w.address = e.address
 WHERE e.kind = 'unknown_nonce' AND e.nonce = $2 LIMIT 2`;

const FIRST_USED = `SELECT min(t.place)::integer AS place FROM unnest($1::text[]) WITH ORDINALITY t(nonce, place)
  JOIN chain_exception e ON e.kind = 'unknown_nonce' AND e.nonce = t.nonce`;

// "None" may be said once the quarantine is over and every network has a final block later than its end.
const COMPARED = `SELECT coalesce(bool_and(k.quarantined_until <= clock_timestamp() AND b.timestamp_sec > extract(epoch FROM k.quarantined_until)), false) AS compared
  FROM cluster k JOIN chain_cursor c ON true LEFT JOIN chain_block b ON b.network = c.network AND b.number = c.finalized_to`;

interface Found {
  readonly network: string;
  readonly tx_hash: string;
  readonly transfer: {
    readonly token: string;
    readonly from: string;
    readonly to: string;
    readonly value: string;
    readonly txHash: string;
    readonly blockNumber: number;
    readonly blockHash: string;
    readonly logIndex: number;
    readonly method?: TransferMethod;
    readonly facilitator?: string;
  } | null;
  readonly wallet_id: string | null;
}

/** Reads as purser_system. The cluster's epoch is read once: it rises only by a restore, and a restore needs every process stopped. */
export function createAdoption(pool: pg.Pool): Adoption {
  let epoch: Promise<number> | undefined;
  const epochNow = (): Promise<number> =>
    (epoch ??= pool
      .query<{ epoch: number }>('SELECT epoch FROM cluster')
      .then(({ rows }) => rows[0]?.epoch ?? FIRST_LIFE)
      .catch((error: unknown) => {
        epoch = undefined;
        throw error;
      }));
  const isCompared = async (): Promise<boolean> => {
    const { rows } = await pool.query<{ compared: boolean }>(COMPARED);
    return rows[0]?.compared === true;
  };
  return {
    async firstUsed(_workspaceId, nonces) {
      if ((await epochNow()) === FIRST_LIFE) return null;
      const { rows } = await pool.query<{ place: number | null }>(FIRST_USED, [nonces()]);
      const place = rows[0]?.place ?? null;
      if (place !== null) return place - 1;
      return (await isCompared()) ? null : 'not_yet';
    },
    async find(workspaceId, nonce) {
      if ((await epochNow()) === FIRST_LIFE) return { kind: 'none' };
      const { rows } = await pool.query<Found>(FIND, [workspaceId, nonce]);
      const [found, another] = rows;
      if (found) return another ? { kind: 'unclear', txHash: parseHex32(found.tx_hash) } : toUse(found);
      return { kind: (await isCompared()) ? 'none' : 'not_yet' };
    },
  };
}

function toUse({ network, tx_hash: txHash, transfer, wallet_id: walletId }: Found): ForgottenUse {
  if (transfer === null || walletId === null) return { kind: 'unclear', txHash: parseHex32(txHash) };
  return {
    kind: 'paid',
    walletId: parseWalletId(walletId),
    payment: {
      method: transfer.method ?? 'eip3009',
      ...(transfer.facilitator === undefined ? {} : { facilitator: parseEvmAddress(transfer.facilitator) }),
      network: parseCaip2(network),
      token: parseEvmAddress(transfer.token),
      from: parseEvmAddress(transfer.from),
      to: parseEvmAddress(transfer.to),
      value: BigInt(transfer.value),
    },
    settlement: {
      txHash: parseHex32(transfer.txHash),
      blockNumber: transfer.blockNumber,
      blockHash: parseHex32(transfer.blockHash),
      logIndex: transfer.logIndex,
    },
  };
}
