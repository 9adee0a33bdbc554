// Account nonces and settlements written straight into the tables, as the store leaves them before it asks the signer.
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import type { Client } from 'pg';
import { parseEvmAddress, parseHex32, type EvmAddress } from '#domain';
import type { BroadcastCall, Eip3009Transfer } from '#engine';
import { encodeTransfers, keccak256, toHex, type TransferCall } from '#evm';
import { NETWORK, SELLER } from './builders.js';
import { TOKEN } from './signer.js';

/** A transfer nobody signed: only the token would mind. */
export function someTransfer(over: Partial<Eip3009Transfer> = {}): TransferCall {
  return {
    method: 'eip3009',
    token: TOKEN,
    from: addressOf('payer'),
    to: parseEvmAddress(SELLER),
    value: 10_000n,
    validAfterSec: 0,
    validBeforeSec: 1_900_000_000,
    nonce: parseHex32(toHex(randomBytes(32))),
    signature: Uint8Array.from([...randomBytes(64), 27]),
    ...over,
  };
}

export function addressOf(name: string): EvmAddress {
  return parseEvmAddress(`0x${createHash('sha256').update(name).digest('hex').slice(0, 40)}`);
}

/** What the rows say where it is not what the call says. */
export interface SeedBroadcast {
  readonly kind?: 'transfers' | 'fill';
  readonly status?: 'open' | 'mined' | 'taken';
  readonly settled?: readonly TransferCall[];
}

export class BroadcastSeeds {
  #nonce = 0;

  constructor(
    private readonly sql: Client,
    readonly sender: EvmAddress,
  ) {}

  async transfers(transfers: readonly TransferCall[], seed: SeedBroadcast = {}): Promise<BroadcastCall> {
    return this.call(encodeTransfers(transfers), { settled: transfers, ...seed });
  }

  async fill(): Promise<BroadcastCall> {
    const nothing = { target: this.sender, data: new Uint8Array(), gasLimit: 21_000n };
    return this.call(nothing, { kind: 'fill' });
  }

  /** The next account nonce with its rows. */
  async call(
    what: Pick<BroadcastCall, 'target' | 'data'> & { readonly gasLimit?: bigint },
    seed: SeedBroadcast = {},
  ): Promise<BroadcastCall> {
    const { sender, sql } = this;
    const call: BroadcastCall = {
      network: NETWORK,
      sender,
      accountNonce: this.#nonce,
      gasLimit: 120_000n,
      ...what,
    };
    this.#nonce += 1;
    const key = [call.network, sender, call.accountNonce];
    await sql.query(
      'INSERT INTO broadcast_account (network, address, next_nonce) VALUES ($1, $2, 0) ON CONFLICT DO NOTHING',
      [call.network, sender],
    );
    const mined = seed.status === 'mined' ? ['0xaa', 1, '0xbb'] : [null, null, null];
    await sql.query(
      `INSERT INTO broadcast (network, sender, account_nonce, kind, target, call_hash, call_sealed, gas_limit, status, tx_hash, block_number, block_hash)
       VALUES ($1, $2, $3, $4, $5, $6, '', $7, $8, $9, $10, $11)`,
      [
        ...key,
        seed.kind ?? 'transfers',
        call.target,
        toHex(keccak256(call.data)),
        call.gasLimit,
        seed.status ?? 'open',
        ...mined,
      ],
    );
    for (const [place, it] of (seed.settled ?? []).entries())
      await sql.query(
        `INSERT INTO settlement (network, method, token, payer, nonce, settlement_id, payee, value, valid_after, valid_before, signature_sealed, asked_by, status, sender, account_nonce, place, ceiling, facilitator)
         VALUES ($1, $13, $4, $5, $6, $7, $8, $9, $10, $11, '', 'test', 'broadcast', $2, $3, $12, $14, $15)`,
        [
          ...key,
          it.token,
          it.from,
          it.nonce,
          randomUUID(),
          it.to,
          it.value,
          it.validAfterSec,
          it.validBeforeSec,
          place,
          it.method,
          it.method === 'upto' ? it.ceiling : null,
          it.method === 'upto' ? it.facilitator : null,
        ],
      );
    return call;
  }

  async attempted(call: BroadcastCall, maxFeePerGas: bigint, maxPriorityFeePerGas: bigint): Promise<void> {
    await this.sql.query(
      `INSERT INTO broadcast_attempt (network, sender, account_nonce, attempt, max_fee_per_gas, max_priority_fee_per_gas, tx_hash, raw_sealed)
       VALUES ($1, $2, $3, 0, $4, $5, $6, '')`,
      [
        call.network,
        call.sender,
        call.accountNonce,
        maxFeePerGas,
        maxPriorityFeePerGas,
        toHex(randomBytes(32)),
      ],
    );
  }
}
