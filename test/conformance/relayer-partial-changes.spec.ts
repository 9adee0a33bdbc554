// What the Relayer dialect changes in part is written whole: what somebody else changes at the same time must stay.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DEFAULT_RULES } from '#domain';
import type { Change, Scope } from '#engine';
import { AGENT, WORKSPACE } from '../support/builders.js';
import { MemoryApi } from '../support/memory-api.js';

let api: MemoryApi;
beforeEach(async () => {
  api = await MemoryApi.start();
});
afterEach(() => api.close());

const tighter = { ...DEFAULT_RULES, approvalThreshold: 9n, deniedHosts: ['evil.example'] };
const one = { layer: 'payments', unit: 'USD6', limits: { day: 1n } } as const;

/** Right after the next readings, somebody else makes a change. */
function outrun(store: { get: (scope: Scope) => Promise<unknown> }, wish: Change, times = 1): void {
  const { get } = store;
  let left = times;
  store.get = async (scope) => {
    const read = await get(scope);
    left -= 1;
    if (left === 0) store.get = get;
    const actor = { type: 'admin', id: 'other' } as const;
    const by = { workspaceId: WORKSPACE, actor, person: 'other' };
    await api.admin.changes.submit(by, wish);
    return read;
  };
}

describe('a change of a part', () => {
  it('leaves the limits that somebody sets at the same time', async () => {
    outrun(api.admin.budgets, { kind: 'limits', agentId: AGENT, change: one });
    const set = { method: 'POST', path: `/v1/agents/${AGENT}/budget`, as: 'backend' } as const;
    expect((await api.call({ ...set, body: { payments: 5 } })).status).toBe(200);
    const [view] = await api.admin.budgets.get({ workspaceId: WORKSPACE, agentId: AGENT });
    const found = view?.windows.filter(({ limit }) => limit !== null);
    expect(found?.map(({ window, limit }) => [window, limit])).toEqual([
      ['day', 1n],
      ['month', 5_000_000n],
    ]);
  });

  it.each([
    ['an agent', AGENT, `/agents/${AGENT}/threshold`, { threshold_usd: 5 }, 'backend'],
    ['the workspace', null, '/signing/approval-config', { threshold_amount: 5 }, 'admin'],
  ] as const)(
    'leaves the rules of %s that somebody sets at the same time',
    async (_, agentId, path, body, as) => {
      outrun(api.admin.policies, { kind: 'policy', agentId, rules: tighter });
      const reply = await api.call({ method: 'PATCH', path: `/v1${path}`, as, body });
      expect(reply.status).toBe(200);
      const stored = await api.admin.policies.get({ workspaceId: WORKSPACE, agentId });
      expect(stored?.policy).toMatchObject({ approvalThreshold: 5_000_000n, deniedHosts: ['evil.example'] });
    },
  );

  it('is refused where others are faster all the time', async () => {
    outrun(api.admin.policies, { kind: 'policy', agentId: AGENT, rules: tighter }, Infinity);
    const path = `/v1/agents/${AGENT}/threshold`;
    const reply = await api.call({ method: 'PATCH', path, as: 'backend', body: { threshold_usd: 5 } });
    expect([reply.status, reply.body.code]).toEqual([409, 'version_conflict']);
    const stored = await api.admin.policies.get({ workspaceId: WORKSPACE, agentId: AGENT });
    expect(stored?.policy.approvalThreshold).toBe(9n);
  });
});
