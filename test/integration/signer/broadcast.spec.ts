import { readdirSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { parseTransaction, recoverTransactionAddress, type TransactionSerializedEIP1559 } from 'viem';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseCaip2, parseEvmAddress } from '#domain';
import type { BroadcastCall, Fees } from '#engine';
import { encodeTransfers, identityHash, keccak256, toHex } from '#evm';
import { createIds, SignerRefusedError } from '#runtime';
import { addressOf, BroadcastSeeds, someTransfer } from '../../support/broadcast.js';
import { NETWORK } from '../../support/builders.js';
import { SignerStage } from '../../support/signer.js';

const GWEI = 1_000_000_000n;
const FEES: Fees = { maxFeePerGas: 2n * GWEI, maxPriorityFeePerGas: GWEI };
const OTHER = parseEvmAddress(`0x${'22'.repeat(20)}`);

let stage: SignerStage;
let seeds: BroadcastSeeds;
beforeAll(async () => {
  stage = await SignerStage.set();
  const [sender] = await stage.client.broadcastAccounts(NETWORK, 1);
  seeds = new BroadcastSeeds(stage.sql, sender ?? expect.fail('no account'));
});
afterAll(() => stage.strike());

async function signed(call: BroadcastCall, fees = FEES) {
  const answer = await stage.client.signBroadcast(call, fees);
  if (answer.kind !== 'signed') throw new Error(`${answer.kind}: ${answer.reason}`);
  const serializedTransaction = toHex(answer.raw) as TransactionSerializedEIP1559;
  const sender = await recoverTransactionAddress({ serializedTransaction });
  return { ...answer, transaction: parseTransaction(serializedTransaction), sender: sender.toLowerCase() };
}

const refusal = (reason: string) => ({ kind: 'refused', reason, id: undefined });

async function ledgerOf(call: BroadcastCall) {
  const { rows } = await stage.sql.query(
    'SELECT purpose, digest, reason, workspace_id FROM signer_ledger WHERE subject = $1',
    [`84532/${call.sender}/${call.accountNonce}`],
  );
  return rows;
}

describe('broadcasts', () => {
  it.each([1, 100])('are signed when they carry exactly the %i transfers of their row', async (count) => {
    const transfers = Array.from({ length: count }, (_, i) => someTransfer({ value: BigInt(i) }));
    const call = await seeds.transfers(transfers);
    const { transaction, sender, txHash, raw } = await signed(call);
    expect(sender).toBe(seeds.sender);
    expect(txHash).toBe(toHex(keccak256(raw)));
    expect({ nonce: 0, ...transaction }).toMatchObject({
      chainId: 84532,
      nonce: call.accountNonce,
      to: call.target,
      data: toHex(call.data),
      gas: call.gasLimit,
      ...FEES,
    });
    expect(transaction.value ?? 0n).toBe(0n);
    expect(await ledgerOf(call)).toEqual([
      {
        purpose: 'broadcast',
        digest: identityHash(call),
        reason: null,
        workspace_id: '00000000-0000-0000-0000-000000000000',
      },
    ]);
  });

  it('carry signatures of contract accounts too', async () => {
    const wide = someTransfer({ signature: new Uint8Array(190).fill(7) });
    expect((await signed(await seeds.transfers([wide, someTransfer()]))).sender).toBe(seeds.sender);
  });

  it('may fill an account nonce with nothing, and with nothing else', async () => {
    expect((await signed(await seeds.fill())).transaction.gas).toBe(21_000n);
    const wrong = [
      { target: OTHER, data: new Uint8Array(), gasLimit: 21_000n },
      { target: seeds.sender, data: new Uint8Array(), gasLimit: 100_001n },
      { ...encodeTransfers([someTransfer()]), gasLimit: 21_000n },
    ];
    for (const what of wrong) {
      const call = await seeds.call(what, { kind: 'fill' });
      expect(await stage.client.signBroadcast(call, FEES)).toEqual(refusal('not_a_fill'));
    }
  });

  const two = [someTransfer(), someTransfer()] as const;
  const [first, second] = two;
  it.each([
    ['another payee', [first, { ...second, to: OTHER }]],
    ['another value', [first, { ...second, value: second.value + 1n }]],
    ['another payer', [first, { ...second, from: OTHER }]],
    ['other times', [first, { ...second, validBeforeSec: second.validBeforeSec + 1 }]],
    ['one more', [first, second, someTransfer()]],
    ['one less', [first]],
    ['none', []],
    ['another order', [second, first]],
    ['another method', [first, { ...second, method: 'cancel' as 'eip3009' }]],
  ] as const)('are refused when the rows hold %s', async (_case, settled) => {
    const call = await seeds.transfers(two, { settled });
    expect(await stage.client.signBroadcast(call, FEES)).toEqual(refusal('transfers_mismatch'));
    expect(await ledgerOf(call)).toEqual([]);
    await stage.sql.query('DELETE FROM settlement');
  });

  it.each([
    ['of an unregistered token', encodeTransfers([someTransfer({ token: OTHER })]), 'token_not_registered'],
    [
      'of an unregistered token among others',
      encodeTransfers([someTransfer(), someTransfer({ token: OTHER })]),
      'token_not_registered',
    ],
    ['of anything but transfers', { target: OTHER, data: Uint8Array.from([1, 2, 3, 4]) }, 'call_not_decoded'],
    ['without data', { target: OTHER, data: new Uint8Array() }, 'call_not_decoded'],
  ])('are refused when they are calls %s, whatever the rows say', async (_case, what, reason) => {
    expect(await stage.client.signBroadcast(await seeds.call(what), FEES)).toEqual(refusal(reason));
  });

  it('are refused when the row is another, not open any more, or not there', async () => {
    const call = await seeds.transfers([someTransfer()]);
    const { data } = encodeTransfers([someTransfer()]);
    const answers = [
      [{ ...call, accountNonce: call.accountNonce + 1_000 }, 'unknown_broadcast'],
      [{ ...call, data }, 'call_mismatch'],
      [{ ...call, target: OTHER }, 'target_mismatch'],
      [{ ...call, gasLimit: call.gasLimit + 1n }, 'gas_limit_mismatch'],
      [{ ...call, sender: parseEvmAddress(stage.payer) }, 'sender_unknown'],
      [{ ...call, sender: addressOf('nobody') }, 'sender_unknown'],
      [{ ...call, network: parseCaip2('eip155:1') }, 'network_not_configured'],
      [{ ...call, data: new Uint8Array(200_000) }, 'call_too_long'],
    ] as const;
    for (const [asked, reason] of answers)
      expect(await stage.client.signBroadcast(asked, FEES)).toEqual(refusal(reason));
    expect((await signed(call)).sender).toBe(seeds.sender);
    for (const status of ['mined', 'taken'] as const) {
      const closed = await seeds.transfers([someTransfer()], { status });
      expect(await stage.client.signBroadcast(closed, FEES)).toEqual(refusal('broadcast_not_open'));
    }
  });

  it('never get a second call for an account nonce, however the rows change', async () => {
    const call = await seeds.transfers([first]);
    const before = await signed(call);
    const other = { ...call, ...encodeTransfers([someTransfer()]) };
    await stage.sql.query('ALTER TABLE broadcast DISABLE TRIGGER call_kept');
    await stage.sql.query('UPDATE broadcast SET call_hash = $2 WHERE account_nonce = $1', [
      call.accountNonce,
      toHex(keccak256(other.data)),
    ]);
    expect(await stage.client.signBroadcast(other, FEES)).toEqual(refusal('conflict'));
    await stage.sql.query('UPDATE broadcast SET call_hash = $2 WHERE account_nonce = $1', [
      call.accountNonce,
      toHex(keccak256(call.data)),
    ]);
    expect(toHex((await signed(call)).raw)).toBe(toHex(before.raw));
  });

  it('are signed anew at higher fees: the same call, and no second row', async () => {
    const call = await seeds.transfers([someTransfer(), someTransfer()]);
    const before = await signed(call);
    await seeds.attempted(call, FEES.maxFeePerGas, FEES.maxPriorityFeePerGas);
    const raised = { maxFeePerGas: 3n * GWEI, maxPriorityFeePerGas: 2n * GWEI };
    const after = await signed(call, raised);
    expect(after.transaction).toMatchObject(raised);
    const { data, nonce, to, gas } = before.transaction;
    expect(after.transaction).toMatchObject({ data, nonce, to, gas });
    expect(await ledgerOf(call)).toHaveLength(1);
    for (const lower of [
      { ...raised, maxFeePerGas: FEES.maxFeePerGas - 1n, maxPriorityFeePerGas: GWEI },
      { ...raised, maxPriorityFeePerGas: GWEI - 1n },
    ])
      expect(await stage.client.signBroadcast(call, lower)).toEqual(refusal('fee_below_earlier_one'));
  });

  it('are refused above the caps, and when the priority fee is above the whole', async () => {
    const call = await seeds.transfers([someTransfer()]);
    const big = await seeds.call({ ...encodeTransfers([first]), gasLimit: 30_000_000n }, { settled: [] });
    const answers = [
      [call, { ...FEES, maxFeePerGas: 500n * GWEI + 1n }, 'limit_fee_per_gas'],
      [call, { ...FEES, maxPriorityFeePerGas: FEES.maxFeePerGas + 1n }, 'priority_above_max_fee'],
    ] as const;
    for (const [asked, fees, reason] of answers)
      expect(await stage.client.signBroadcast(asked, fees)).toEqual(refusal(reason));
    await stage.sql.query('UPDATE settlement SET account_nonce = $2 WHERE nonce = $1', [
      first.nonce,
      big.accountNonce,
    ]);
    expect(await stage.client.signBroadcast(big, { ...FEES, maxFeePerGas: 20n * GWEI })).toEqual(
      refusal('limit_gas_cost'),
    );
    expect((await signed(call, { ...FEES, maxFeePerGas: 500n * GWEI })).sender).toBe(seeds.sender);
  });

  it('and authorizations asked for at once share one order of the ledger', async () => {
    const operations = await stage.operations(40);
    const calls: BroadcastCall[] = [];
    for (let i = 0; i < 20; i += 1) calls.push(await seeds.transfers([someTransfer()]));
    const [authorized, broadcast] = await Promise.all([
      Promise.all(operations.map((it) => stage.client.sign(it))),
      Promise.all(calls.map((it) => stage.client.signBroadcast(it, FEES))),
    ]);
    expect([...authorized, ...broadcast].map((it) => it.kind)).toEqual(Array(60).fill('signed'));
    const { rows } = await stage.sql.query<{ n: number }>('SELECT count(*)::int AS n FROM signer_ledger');
    expect(await stage.client.status()).toMatchObject({ ledgerCount: rows[0]?.n, quarantine: null });
  });
});

describe('broadcast accounts', () => {
  it('are the same ones in the same order, also after a restart, and only grow in number', async () => {
    const three = await stage.client.broadcastAccounts(NETWORK, 3);
    expect(three).toHaveLength(3);
    expect(three[0]).toBe(seeds.sender);
    const five = await Promise.all([5, 4].map((count) => stage.client.broadcastAccounts(NETWORK, count)));
    expect(five[0]?.slice(0, 3)).toEqual(three);
    await stage.stop();
    await stage.start();
    expect(await stage.client.broadcastAccounts(NETWORK, 1)).toEqual(five[0]);
    expect((await signed(await seeds.transfers([someTransfer()]))).sender).toBe(seeds.sender);
  });

  it('are refused beyond sixteen and on other networks', async () => {
    for (const count of [0, 17, 1.5])
      await expect(stage.client.broadcastAccounts(NETWORK, count)).rejects.toThrow(SignerRefusedError);
    await expect(stage.client.broadcastAccounts(parseCaip2('eip155:1'), 1)).rejects.toThrow(
      'network_not_configured',
    );
  });

  it('are no wallets: nothing is authorized from one, and none is listed', async () => {
    const listed = await stage.client.listWallets(stage.workspaceId);
    expect(listed.map((it) => it.address)).toEqual([stage.payer]);
    const walletId = createIds().walletId();
    await stage.sql.query(
      `INSERT INTO wallet (workspace_id, wallet_id, address, origin) VALUES ($1, $2, $3, 'created')`,
      [stage.workspaceId, walletId, seeds.sender],
    );
    const { payer } = stage;
    stage.payer = seeds.sender;
    const operation = await stage.operation();
    stage.payer = payer;
    await stage.sql.query('UPDATE authorization_ledger SET wallet_id = $2 WHERE operation_id = $1', [
      operation.operationId,
      walletId,
    ]);
    expect(await stage.client.sign(operation)).toMatchObject({ kind: 'burned', reason: 'wallet_unknown' });
  });

  it('lie encrypted in a folder of their own, and the signer does not start when one is missing', async () => {
    const folder = join(stage.folder, 'keystore', 'broadcast');
    const names = readdirSync(folder).sort();
    expect(names).toEqual([0, 1, 2, 3, 4].map((index) => `eip155-84532-0${index}.json`));
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    for (const name of names) expect(statSync(join(folder, name)).mode & 0o777).toBe(0o600);
    await stage.stop();
    const [from, to] = [join(folder, names[1] ?? ''), join(stage.folder, 'lost')];
    renameSync(from, to);
    await expect(stage.start()).rejects.toThrow('is missing');
    renameSync(to, from);
    await stage.start();
  });
});

describe('the high-water mark', () => {
  it('covers broadcasts: nothing is signed on a database that has lost one', async () => {
    const [kept, lost] = [await seeds.transfers([someTransfer()]), await seeds.transfers([someTransfer()])];
    await signed(kept);
    await signed(lost);
    const operation = await stage.operation();
    await stage.stop();
    await stage.sql.query('SET session_replication_role = replica');
    await stage.sql.query('DELETE FROM signer_ledger WHERE subject = $1', [
      `84532/${lost.sender}/${lost.accountNonce}`,
    ]);
    await stage.sql.query('SET session_replication_role = origin');
    await stage.start();
    expect((await stage.client.status()).quarantine).toMatchObject({ reason: 'ledger_behind_mark' });
    const quarantined = { kind: 'unavailable', reason: 'quarantined' };
    expect(await stage.client.signBroadcast(kept, FEES)).toEqual(quarantined);
    expect(await stage.client.signBroadcast(lost, FEES)).toEqual(quarantined);
    expect(await stage.client.sign(operation)).toEqual(quarantined);
  });

  it('and a signer that is not there make a broadcast unavailable, not refused', async () => {
    const call = await seeds.transfers([someTransfer()]);
    await stage.stop();
    expect(await stage.client.signBroadcast(call, FEES)).toEqual({
      kind: 'unavailable',
      reason: 'signer_unavailable',
    });
  });
});
