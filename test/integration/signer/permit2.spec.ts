import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hashTypedData } from 'viem';
import { uptoPermit2WitnessTypes } from '@x402/evm';
import { createHash } from 'node:crypto';
import { canonicalJson, parseEvmAddress } from '#domain';
import { PERMIT2, recoverAddress, UPTO_PROXY } from '#evm';
import { SELLER } from '../../support/builders.js';
import { signatureOf, SignerStage, TOKEN } from '../../support/signer.js';

const FACILITATOR = parseEvmAddress(`0x${'fa'.repeat(20)}`);
const OTHER = parseEvmAddress(`0x${'fb'.repeat(20)}`);
const UPTO = { method: 'upto', facilitator: FACILITATOR } as const;
const UPTO_ALLOWED = {
  version: 1,
  approval_threshold: null,
  allowed_hosts: null,
  denied_hosts: [],
  allowed_payees: null,
  denied_payees: [],
  allowed_networks: null,
  max_validity_sec: 300,
  contract_payee: 'approve',
  allow_upto: true,
  decide_within_sec: 3600,
};
const bytesOf = (text: string): Uint8Array => Buffer.from(text.slice(2), 'hex');

describe('the signer, asked for a Permit2 transfer', () => {
  let stage: SignerStage;
  beforeAll(async () => {
    stage = await SignerStage.set();
    const hash = createHash('sha256').update(canonicalJson(UPTO_ALLOWED)).digest('hex');
    await stage.sql.query(
      `INSERT INTO policy (workspace_id, scope, version, document, document_hash, created_by) VALUES ($1, 'workspace', 1, $2, $3, 'test')`,
      [stage.workspaceId, UPTO_ALLOWED, hash],
    );
  });
  afterAll(() => stage.strike());

  it.each([['exact', { method: 'permit2' }] as const, ['upto', UPTO] as const])(
    'signs the intent of %s and gives the same bytes again',
    async (_scheme, seed) => {
      const operation = await stage.operation(seed);
      const first = await signatureOf(stage, operation);
      expect(recoverAddress(bytesOf(operation.digest), Buffer.from(first, 'hex'))).toBe(stage.payer);
      expect(await signatureOf(stage, operation)).toBe(first);
    },
  );

  it('signs what viem would, for the proxy and the advertised facilitator alone', async () => {
    const operation = await stage.operation({ ...UPTO, value: 25_000n });
    const { rows } = await stage.sql.query<{ nonce: string; valid_before: string }>(
      'SELECT nonce, valid_before FROM authorization_ledger WHERE operation_id = $1',
      [operation.operationId],
    );
    const digest = hashTypedData({
      domain: { name: 'Permit2', chainId: 84532, verifyingContract: PERMIT2 },
      types: uptoPermit2WitnessTypes,
      primaryType: 'PermitWitnessTransferFrom',
      message: {
        permitted: { token: TOKEN, amount: 25_000n },
        spender: UPTO_PROXY,
        nonce: BigInt(rows[0]?.nonce ?? 0),
        deadline: BigInt(rows[0]?.valid_before ?? 0),
        witness: { to: SELLER, facilitator: FACILITATOR, validAfter: 0n },
      },
    });
    expect(digest).toBe(operation.digest);
    await signatureOf(stage, operation);
  });

  it.each([
    ['another method was judged', { method: 'permit2', judgedTerms: { transferMethod: 'eip3009' } }],
    ['another method was approved of', { judgedTerms: { transferMethod: 'permit2' } }],
    ['another facilitator was judged', { ...UPTO, judgedTerms: { facilitator: OTHER } }],
    ['the amount differs from the judged ceiling', { ...UPTO, judgedAmount: 9_999n }],
  ] as const)('burns for ever when %s', async (_case, seed) => {
    const operation = await stage.operation(seed);
    expect(await stage.client.sign(operation)).toMatchObject({ kind: 'burned', reason: 'terms_mismatch' });
  });

  it('burns a ceiling where the policy of now allows none', async () => {
    const operation = await stage.operation(UPTO);
    await stage.sql.query(`UPDATE policy SET scope = 'aside'`);
    expect(await stage.client.sign(operation)).toMatchObject({ kind: 'burned', reason: 'policy' });
    await stage.sql.query(`UPDATE policy SET scope = 'workspace'`);
  });

  it('never signs the same operation by another method', async () => {
    const operation = await stage.operation({ method: 'permit2' });
    await signatureOf(stage, operation);
    await stage.sql.query(`UPDATE authorization_ledger SET method = 'eip3009' WHERE operation_id = $1`, [
      operation.operationId,
    ]);
    await expect(stage.client.sign(operation)).rejects.toThrow('digest_conflict');
  });
});
