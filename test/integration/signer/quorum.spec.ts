// The signer counts the yeses itself: distinct people who were entitled at the decision, by its own look at groups, delegations and keys.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SignerStage, type Seed } from '../../support/signer.js';

let stage: SignerStage;
beforeAll(async () => {
  stage = await SignerStage.set();
  const { workspaceId, agentId } = stage;
  await stage.sql.query(
    `INSERT INTO approver_group (workspace_id, group_name) VALUES ($1, 'finance'), ($1, 'ops')`,
    [workspaceId],
  );
  await stage.sql.query(
    `INSERT INTO approver_member (workspace_id, group_name, person, since, until) VALUES
       ($1, 'finance', 'bob', now() - interval '1 hour', NULL), ($1, 'finance', 'carol', now() - interval '1 hour', NULL),
       ($1, 'finance', 'gone', now() - interval '1 hour', now() - interval '1 minute'),
       ($1, 'finance', 'alice', now() - interval '1 hour', NULL), ($1, 'finance', 'olga', now() - interval '1 hour', NULL),
       ($1, 'ops', 'dave', now() - interval '1 hour', NULL)`,
    [workspaceId],
  );
  await stage.sql.query(
    `INSERT INTO approver_delegation (workspace_id, delegation_id, person, delegate, starts_at, ends_at, revoked_at) VALUES
       ($1, 'dlg_1', 'carol', 'erin', now() - interval '1 hour', now() + interval '1 hour', NULL),
       ($1, 'dlg_2', 'bob', 'erin', now() - interval '2 hours', now() - interval '1 hour', NULL),
       ($1, 'dlg_3', 'bob', 'frank', now() - interval '1 hour', now() + interval '1 hour', now() - interval '1 minute')`,
    [workspaceId],
  );
  await stage.sql.query(
    `INSERT INTO api_key (workspace_id, key_id, prefix, secret_hash, role, agent_id, person, created_by, created_at)
     VALUES ($1, 'key_olga', 'olga', '\\x00', 'agent', $2, 'olga', 'test', now() - interval '1 day')`,
    [workspaceId, agentId],
  );
});
afterAll(() => stage?.strike());

const FINANCE = [{ quorum: 2, groups: ['finance'] }];
const by = (...votes: readonly string[]): Seed => ({
  needsApproval: true,
  rules: FINANCE,
  approval: {
    votes: votes.map((text) => {
      const [person = '', onBehalfOf] = text.split(' for ');
      return onBehalfOf === undefined ? { by: person } : { by: person, onBehalfOf };
    }),
  },
});

const anybody = (person: string): Seed => ({
  needsApproval: true,
  approval: { votes: [{ by: person }] },
});

describe('a quorum of two', () => {
  it.each([
    ['two members', by('bob', 'carol')],
    ['a member and the delegate of another', by('bob', 'erin for carol')],
    ['more than it takes', by('bob', 'carol', 'stranger')],
  ])('is met by %s', async (_case, seed) => {
    expect(await stage.client.sign(await stage.operation(seed))).toMatchObject({ kind: 'signed' });
  });

  it.each([
    ['one', by('bob')],
    ['nobody', by()],
    ['a member and a stranger', by('bob', 'stranger')],
    ['a member and a member of another group', by('bob', 'dave')],
    ['a member and one who had left by then', by('bob', 'gone')],
    ['a member and whoever asked', by('bob', 'alice')],
    ['a member and an operator of the agent', by('bob', 'olga')],
    ['a delegate whose time was over', by('carol', 'erin for bob')],
    ['a delegate who had been taken back', by('carol', 'frank for bob')],
    ['one delegate for two', by('erin for carol', 'erin2 for bob')],
  ])('is not met by %s', async (_case, seed) => {
    expect(await stage.client.sign(await stage.operation(seed))).toMatchObject({
      kind: 'burned',
      reason: 'quorum_not_met',
    });
  });

  it('of each of two groups takes both', async () => {
    const rules = [
      { quorum: 1, groups: ['finance'] },
      { quorum: 1, groups: ['ops'] },
    ];
    const both = await stage.operation({ ...by('bob', 'dave'), rules });
    expect(await stage.client.sign(both)).toMatchObject({ kind: 'signed' });
    const one = await stage.operation({ ...by('bob', 'carol'), rules });
    expect(await stage.client.sign(one)).toMatchObject({ kind: 'burned', reason: 'quorum_not_met' });
  });

  it('counts whom anybody at all may be, but never whoever asked', async () => {
    expect(await stage.client.sign(await stage.operation(anybody('stranger')))).toMatchObject({
      kind: 'signed',
    });
    for (const person of ['alice', 'olga'])
      expect(await stage.client.sign(await stage.operation(anybody(person)))).toMatchObject({
        kind: 'burned',
        reason: 'quorum_not_met',
      });
  });
});
