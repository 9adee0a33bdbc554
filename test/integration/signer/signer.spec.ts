import { readFileSync, statSync } from 'node:fs';
import { createConnection } from 'node:net';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { recoverAddress } from '#evm';
import { createIds, FrameWriter, SignerRefusedError } from '#runtime';
import { startSigner } from '../../../apps/signer/src/signer.js';
import { loadConfig, createLogger } from '#runtime';
import { asRole, signatureOf, SignerStage, TOKEN, type SeededOperation } from '../../support/signer.js';

const bytesOf = (text: string): Uint8Array => Buffer.from(text.slice(2), 'hex');

const EVERYWHERE = `'00000000-0000-0000-0000-000000000000'::uuid`;
/** Stops what every operation here is about, or with false whatever is stopped no more. */
const stopOf = (kind: string, target: string, { network = `''`, workspace = 'workspace_id' } = {}): string =>
  `WITH gone AS (DELETE FROM stop WHERE NOT $1::boolean)
   INSERT INTO stop (workspace_id, stop_id, kind, target, network, actor, person)
   SELECT ${workspace}, 's', '${kind}', ${target}, ${network}, '{}', '' FROM authorization_ledger WHERE $1::boolean LIMIT 1`;

async function ledgerOf(stage: SignerStage, operation: SeededOperation) {
  const { rows } = await stage.sql.query<{ digest: string | null; reason: string | null }>(
    'SELECT digest, reason FROM signer_ledger WHERE subject = $1',
    [`${operation.workspaceId}/${operation.operationId}`],
  );
  return rows;
}

describe('signer', () => {
  let stage: SignerStage;
  beforeAll(async () => {
    stage = await SignerStage.set();
  });
  afterAll(() => stage.strike());

  it('signs a committed authorization, and gives the same bytes each time it is asked', async () => {
    const operation = await stage.operation();
    const first = await signatureOf(stage, operation);
    expect(recoverAddress(bytesOf(operation.digest), Buffer.from(first, 'hex'))).toBe(stage.payer);
    expect(await signatureOf(stage, operation)).toBe(first);
    expect(await ledgerOf(stage, operation)).toEqual([{ digest: operation.digest, reason: null }]);
  });

  it('answers many at once, in any order, each with its own', async () => {
    const operations = await stage.operations(300);
    const repeated = [...operations, ...operations.slice(0, 50)];
    const signatures = await Promise.all(repeated.map((operation) => signatureOf(stage, operation)));
    repeated.forEach((operation, index) => {
      const signature = Buffer.from(signatures[index] ?? '', 'hex');
      expect(recoverAddress(bytesOf(operation.digest), signature)).toBe(stage.payer);
    });
  });

  it('goes on for everybody when one peer sends what is no request', async () => {
    const socket = createConnection({ path: stage.socketPath });
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.on('error', () => undefined);
    const writer = new FrameWriter(socket);
    for (const message of [null, 7, {}]) writer.send(message);
    await closed;
    await signatureOf(stage, await stage.operation());
  });

  it('never signs another digest for an operation it has signed for, and does not call it burned', async () => {
    const operation = await stage.operation();
    const first = await signatureOf(stage, operation);
    const change = 'UPDATE authorization_ledger SET valid_before = valid_before + $2 WHERE operation_id = $1';
    await stage.sql.query(change, [operation.operationId, 1]);
    await expect(stage.client.sign(operation)).rejects.toThrow(SignerRefusedError);
    await expect(stage.client.sign(operation)).rejects.toThrow('digest_conflict');
    await stage.sql.query(change, [operation.operationId, -1]);
    expect(await signatureOf(stage, operation)).toBe(first);
  });

  it.each([
    ['there is no reservation', { reservation: 'none' }, 'no_reservation'],
    ['the reservation was released', { reservation: 'released' }, 'no_reservation'],
    ['the reservation is too small', { reserved: 9_999n }, 'reservation_too_small'],
    ['the nonce is not the derived one', { nonce: `0x${'77'.repeat(32)}` }, 'nonce_not_derived'],
    ['the stored digest is not that of the tuple', { digest: `0x${'88'.repeat(32)}` }, 'digest_mismatch'],
    ['the payee is the token', { to: TOKEN }, 'forbidden_payee'],
    ['the amount differs from the judged one', { judgedAmount: 9_999n }, 'terms_mismatch'],
    ['the amount is above the hard limit', { value: 100_000_001n }, 'limit_per_signature'],
    ['it has expired', { validForSec: -5 }, 'expired'],
    ['it would live too long', { validForSec: 3_600 }, 'validity_too_long'],
    ['the operation has ended', { status: 'cancelled' }, 'operation_ended'],
    ['a needed approval is missing', { needsApproval: true }, 'not_approved'],
    [
      'the approval is still pending',
      { needsApproval: true, approval: { status: 'pending' } },
      'not_approved',
    ],
    [
      'the approval is of other terms',
      { needsApproval: true, approval: { digest: 'ff' } },
      'approval_of_other_terms',
    ],
    ['it outlives its approval', { needsApproval: true, approval: { useInSec: 60 } }, 'approval_too_old'],
  ] as const)('burns for ever when %s', async (_case, seed, reason) => {
    const operation = await stage.operation(seed);
    expect(await stage.client.sign(operation)).toEqual({ kind: 'burned', reason, id: undefined });
    // Also after the rows have been put right: the budget may have been released meanwhile.
    await stage.sql.query('DELETE FROM reservation WHERE operation_id = $1', [operation.operationId]);
    expect(await stage.client.sign(operation)).toMatchObject({ kind: 'burned', reason });
    expect(await ledgerOf(stage, operation)).toEqual([{ digest: null, reason }]);
  });

  it('signs with the approval that it needs', async () => {
    const operation = await stage.operation({ needsApproval: true, approval: {} });
    expect(await signatureOf(stage, operation)).toHaveLength(130);
  });

  it('burns what the policies of now forbid, whatever was judged before', async () => {
    const operation = await stage.operation();
    const { createHash } = await import('node:crypto');
    const { canonicalJson, DEFAULT_POLICY } = await import('#domain');
    const document = {
      version: 1,
      approval_threshold: '5000',
      allowed_hosts: DEFAULT_POLICY.allowedHosts,
      denied_hosts: [],
      allowed_payees: null,
      denied_payees: [],
      allowed_networks: null,
      max_validity_sec: 300,
      contract_payee: 'approve',
      decide_within_sec: 3600,
    };
    const hash = createHash('sha256').update(canonicalJson(document)).digest('hex');
    await stage.sql.query(
      `INSERT INTO policy (workspace_id, scope, version, document, document_hash, created_by) VALUES ($1, 'workspace', 1, $2, $3, 'test')`,
      [stage.workspaceId, document, hash],
    );
    expect(await stage.client.sign(operation)).toMatchObject({ kind: 'burned', reason: 'not_approved' });
    await stage.sql.query('DELETE FROM policy');
  });

  it('answers nothing signed for an operation that does not exist, and burns nothing', async () => {
    const operationId = (await stage.operation()).operationId;
    const workspaceId = createIds().uuid() as typeof stage.workspaceId;
    await expect(stage.client.sign({ workspaceId, operationId })).rejects.toThrow('unknown_operation');
    expect(
      await stage.sql.query('SELECT FROM signer_ledger WHERE workspace_id = $1', [workspaceId]),
    ).toMatchObject({
      rowCount: 0,
    });
  });

  it.each([
    ['everything', `UPDATE control SET paused = $1 WHERE scope = 'global'`],
    ['the workspace', `UPDATE control SET paused = $1 WHERE scope <> 'global'`],
    ['the agent', `UPDATE agent SET status = CASE WHEN $1::boolean THEN 'disabled' ELSE 'active' END`],
    ['the agent by a stop', stopOf('agent', 'agent_id::text')],
    ['the payee', stopOf('payee', 'to_address')],
    ['the payee on its network', stopOf('payee', 'to_address', { network: 'network' })],
    ['the payee everywhere', stopOf('payee', 'to_address', { workspace: EVERYWHERE })],
    ['the host', stopOf('host', `'shop.example'`)],
    ['hosts below', stopOf('host', `'*.example'`)],
    ['the host everywhere', stopOf('host', `'shop.example'`, { workspace: EVERYWHERE })],
  ])('signs nothing while %s is stopped, and burns nothing either', async (_scope, stop) => {
    const signedBefore = await stage.operation();
    await signatureOf(stage, signedBefore);
    const operation = await stage.operation();
    await stage.sql.query(stop, [true]);
    expect(await stage.client.sign(operation)).toMatchObject({ kind: 'unavailable' });
    expect(await stage.client.sign(signedBefore)).toMatchObject({ kind: 'unavailable' });
    expect(await ledgerOf(stage, operation)).toEqual([]);
    await stage.sql.query(stop, [false]);
    expect(await signatureOf(stage, operation)).toHaveLength(130);
  });

  it('holds its socket closed to other users', () => {
    expect(statSync(stage.socketPath).mode & 0o777).toBe(0o600);
    expect(statSync(dirname(stage.socketPath)).mode & 0o777).toBe(0o700);
  });

  it('refuses to run as the owner of the database', async () => {
    const env = { ...stage.environment(), PURSER_DB_SIGNER_URL: stage.database.url };
    const options = {
      config: loadConfig('signer', { ...env, SIGNER_SOCKET: join(stage.folder, 'run', 'other.sock') }),
      log: createLogger({ name: 'signer', level: 'silent' }),
      policies: () => ({ policiesFor: () => Promise.resolve([]) }),
    };
    await expect(startSigner(options)).rejects.toThrow(/superuser|owner/);
    await expect(
      startSigner({
        ...options,
        config: loadConfig('signer', {
          ...env,
          PURSER_DB_SIGNER_URL: asRole(stage.database.url, 'purser_writer'),
        }),
      }),
    ).rejects.toThrow();
  });
});

describe('wallets over the socket', () => {
  let stage: SignerStage;
  beforeAll(async () => {
    stage = await SignerStage.set();
  });
  afterAll(() => stage.strike());

  it('are created once per id, listed per workspace, and survive a restart', async () => {
    const walletId = createIds().walletId();
    const wallet = await stage.client.createWallet(stage.workspaceId, walletId);
    expect(await stage.client.createWallet(stage.workspaceId, walletId)).toEqual(wallet);
    await stage.stop();
    await stage.start();
    expect(await stage.client.listWallets(stage.workspaceId)).toContainEqual(wallet);
    const stranger = createIds().uuid() as typeof stage.workspaceId;
    expect(await stage.client.listWallets(stranger)).toEqual([]);
    await expect(stage.client.exportBackup(stranger, walletId)).rejects.toThrow('unknown_wallet');
  });

  it('give out a backup that is encrypted and equal to the file', async () => {
    const backup = await stage.client.exportBackup(stage.workspaceId, stage.walletId);
    const file = join(stage.folder, 'keystore', 'wallets', `${stage.walletId}.json`);
    expect(backup).toBe(readFileSync(file, 'utf8'));
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  it('sign nothing new after they are retired', async () => {
    const signed = await stage.operation();
    const first = await signatureOf(stage, signed);
    const operation = await stage.operation();
    await stage.client.retireWallet(stage.workspaceId, stage.walletId);
    expect(await stage.client.sign(operation)).toMatchObject({ kind: 'burned', reason: 'wallet_retired' });
    expect(await signatureOf(stage, signed)).toBe(first);
  });
});
