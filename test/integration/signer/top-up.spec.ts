// What the signer demands of a top-up before it signs, and that a treasury signs nothing else (ADR 12).
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createIds } from '#runtime';
import { signatureOf, SignerStage, type Seed } from '../../support/signer.js';

let stage: SignerStage;
let own: string;
beforeAll(async () => {
  stage = await SignerStage.set();
  own = await aWallet(stage.agentId);
});
afterAll(() => stage.strike());

/** A wallet whose key the signer holds, unless it is said to hold none. */
async function aWallet(
  agentId: string | null,
  { inKeystore = true, status = 'active' } = {},
): Promise<string> {
  const walletId = createIds().walletId();
  const stranger = `0x${walletId
    .slice(4, 24)
    .replace(/[^0-9a-f]/g, 'a')
    .padEnd(40, '1')}`;
  const address = inKeystore
    ? (await stage.client.createWallet(stage.workspaceId, walletId)).address
    : stranger;
  await stage.sql.query(
    `INSERT INTO wallet (workspace_id, wallet_id, agent_id, address, status, origin) VALUES ($1, $2, $3, $4, $5, 'created')`,
    [stage.workspaceId, walletId, agentId, address, status],
  );
  return address;
}

const setRole = (role: string) =>
  stage.sql.query('UPDATE wallet SET role = $2 WHERE wallet_id = $1', [stage.walletId, role]);

const TOP_UP = { kind: 'top_up', unit: 'TOP_UP_USD6' } as const;

async function burnedFor(seed: Seed): Promise<unknown> {
  const outcome = await stage.client.sign(await stage.operation(seed));
  return outcome.kind === 'burned' ? outcome.reason : outcome.kind;
}

describe('the signer of a treasury', () => {
  beforeAll(() => setRole('treasury'));

  it("signs a top-up of the operation's own agent", async () => {
    expect(await signatureOf(stage, await stage.operation({ ...TOP_UP, to: own }))).toHaveLength(130);
  });

  it('signs no payment from it, by whatever name', async () => {
    expect(await burnedFor({})).toBe('treasury_for_top_ups_only');
    expect(await burnedFor({ to: own })).toBe('treasury_for_top_ups_only');
    expect(await burnedFor({ ...TOP_UP, unit: 'USD6', to: own })).toBe('unit_of_another_kind');
  });

  it('signs none to a stranger, to another agent, to a retired wallet, or to one whose key is not here', async () => {
    const foreign = [
      undefined,
      await aWallet(null),
      await aWallet(createIds().uuid()),
      await aWallet(stage.agentId, { status: 'retired' }),
      await aWallet(stage.agentId, { inKeystore: false }),
    ];
    for (const to of foreign)
      expect(await burnedFor(to === undefined ? TOP_UP : { ...TOP_UP, to })).toBe('payee_not_own_wallet');
  });

  it('asks for the approval that the policies of now want for it', async () => {
    const document = {
      version: 1,
      top_up_approval_threshold: '10000',
      max_validity_sec: 300,
      decide_within_sec: 60,
    };
    const { canonicalJson } = await import('#domain');
    const { createHash } = await import('node:crypto');
    const hash = createHash('sha256').update(canonicalJson(document)).digest('hex');
    await stage.sql.query(
      `INSERT INTO policy (workspace_id, scope, version, document, document_hash, created_by) VALUES ($1, 'workspace', 1, $2, $3, 'test')`,
      [stage.workspaceId, JSON.stringify(document), hash],
    );
    expect(await burnedFor({ ...TOP_UP, to: own })).toBe('not_approved');
    const approved = await stage.operation({ ...TOP_UP, to: own, needsApproval: true, approval: {} });
    expect(await signatureOf(stage, approved)).toHaveLength(130);
  });
});

describe("the signer of an agent's wallet", () => {
  beforeAll(async () => {
    await stage.sql.query('DELETE FROM policy');
    await setRole('payments');
  });

  it('signs no top-up from it', async () => {
    expect(await burnedFor({ ...TOP_UP, to: own })).toBe('top_up_not_from_treasury');
    expect(await burnedFor({ kind: 'authorize', unit: 'TOP_UP_USD6' })).toBe('unit_of_another_kind');
  });
});
