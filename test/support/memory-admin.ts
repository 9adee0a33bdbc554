// Administration in memory: enough to drive the HTTP edge. Rules of its own it has none; the real one is proven in the integration tier.
import {
  BUDGET_UNITS,
  parseAgentId,
  parseKeyId,
  parseWorkspaceId,
  refuse,
  type AgentId,
  type BudgetView,
  type KeyId,
  type WorkspaceId,
} from '#domain';
import type {
  Administration,
  AgentView,
  Authenticator,
  BudgetTarget,
  IssuedKey,
  KeyView,
  PolicyVersion,
  Presented,
  Principal,
  Scope,
  SetupStore,
  SignedRequest,
  WorkspaceView,
} from '#engine';
import { signatureMatches } from '#postgres';
import { uuid } from './builders.js';
import { memoryHashing, type MemoryPolicies } from './memory-basics.js';
import { budgetView } from './memory-budgets.js';
import type { MemoryDatabase } from './memory-database.js';
import { found, pageOf } from './memory-lists.js';
import { MemoryChanges } from './memory-changes.js';
import { MemoryStops } from './memory-stops.js';
import { MemoryTeams } from './memory-teams.js';
import { MemoryTags, tagNode } from './memory-tags.js';
import { memorySetups } from './memory-setups.js';
import { MemoryWallets } from './memory-wallets.js';

export class MemoryAdmin implements Administration, Authenticator {
  readonly workspaceViews: WorkspaceView[] = [];
  readonly agentViews: AgentView[] = [];
  readonly issued: { key: KeyView; secret: string }[] = [];
  private readonly policyVersions = new Map<string, PolicyVersion[]>();
  readonly tags: MemoryTags;
  readonly teams: MemoryTeams;
  private counter = 100;

  constructor(
    private readonly database: MemoryDatabase,
    private readonly policyStore: MemoryPolicies,
  ) {
    policyStore.budgetViews = (scope) => this.budgetViews(scope);
    this.stops = new MemoryStops(database, this.agentViews);
    this.teams = new MemoryTeams(
      database.budgets,
      (workspaceId, agentId) =>
        this.agentViews.some((it) => it.workspaceId === workspaceId && it.agentId === agentId),
      () => database.nowMs(),
    );
    this.tags = new MemoryTags(database.budgets, policyStore, () => database.nowMs());
    this.changes = new MemoryChanges(
      this,
      () => database.nowMs(),
      (id) => this.workspaceViews.some((it) => it.workspaceId === id && it.dualControl),
    );
  }

  /** Keys and signed requests; expiry and addresses are the real one's business. */
  authenticate(presented: Presented): ReturnType<Authenticator['authenticate']> {
    const key = this.issued.find((it) => proves(presented, it))?.key;
    if (key === undefined) return Promise.resolve({ ok: false, code: 'authentication_failed' });
    if (key.revokedAtMs !== null)
      return Promise.resolve({ ok: false, code: 'credential_not_usable', details: { reason: 'revoked' } });
    const agent = this.agentViews.find((it) => it.agentId === key.agentId);
    if (agent?.status === 'disabled') return Promise.resolve({ ok: false, code: 'agent_disabled' });
    const { workspaceId, keyId, role, agentId, person } = key;
    const scopes = key.scopes === null ? null : new Set(key.scopes);
    const principal: Principal = { workspaceId, keyId, role, agentId, person, scopes, credential: key.kind };
    if (presented.kind !== 'hmac') return Promise.resolve({ ok: true, principal });
    const digest = memoryHashing.sha256(`${presented.timestamp} ${presented.signature}`);
    const used = this.database.signed.get(`${workspaceId}/${agentId}/${digest}`);
    const signed = { digest, used: used !== undefined, operationId: used ?? null };
    return Promise.resolve({ ok: true, principal: { ...principal, signed } });
  }

  useOnce({ workspaceId, agentId }: Principal, { digest }: SignedRequest): Promise<boolean> {
    const request = `${workspaceId}/${agentId}/${digest}`;
    if (this.database.signed.has(request)) return Promise.resolve(false);
    this.database.signed.set(request, null);
    return Promise.resolve(true);
  }

  readonly workspaces: Administration['workspaces'] = {
    create: ({ name, dualControl }) => {
      const workspaceId = parseWorkspaceId(uuid(this.next(), 1));
      const view = {
        workspaceId,
        name,
        dualControl,
        keylessWindowSec: 10,
        paused: false,
        createdAtMs: this.database.nowMs(),
      };
      this.workspaceViews.push(view);
      return Promise.resolve(view);
    },
    get: (workspaceId) => {
      const view = found(
        this.workspaceViews.find((it) => it.workspaceId === workspaceId),
        'workspace',
      );
      return Promise.resolve({ ...view, paused: this.stops.has({ kind: 'workspace', workspaceId }) });
    },
    change: (workspaceId, settings) => {
      const at = this.workspaceViews.findIndex((it) => it.workspaceId === workspaceId);
      const view = { ...found(this.workspaceViews[at], 'workspace'), ...settings };
      this.workspaceViews[at] = view;
      this.database.keylessWindowSec.set(workspaceId, settings.keylessWindowSec);
      return Promise.resolve(view);
    },
    list: () => Promise.resolve(this.workspaceViews),
  };

  readonly agents: Administration['agents'] = {
    create: (workspaceId, { name }) => {
      const agentId = parseAgentId(uuid(this.next(), 2));
      const view = { workspaceId, agentId, name, paused: false, createdAtMs: this.database.nowMs() };
      this.agentViews.push({ ...view, status: 'active' });
      return Promise.resolve({ ...view, status: 'active' });
    },
    get: (workspaceId, agentId) => Promise.resolve(this.agent(workspaceId, agentId)),
    list: (workspaceId, page) =>
      Promise.resolve(
        pageOf(
          this.agentViews.filter((it) => it.workspaceId === workspaceId),
          page,
        ),
      ),
    disable: (workspaceId, agentId, by, how = { reason: '', person: '', cancelOnChain: false }) => {
      const view: AgentView = { ...this.agent(workspaceId, agentId), status: 'disabled' };
      this.agentViews.splice(
        this.agentViews.findIndex((it) => it.agentId === agentId),
        1,
        view,
      );
      const { reason, person, cancelOnChain } = how;
      const scope = { kind: 'agent', workspaceId, agentId } as const;
      this.stops.put({ scope, reason, cancelOnChain, by: { actor: by, person } }, true);
      return Promise.resolve(view);
    },
  };

  readonly keys: Administration['keys'] = {
    create: (workspaceId, input) => {
      if ((input.role === 'agent') !== (input.agentId !== null))
        throw refuse('validation_failed', { field: 'agent_id', reason: 'needed_for_agents_only' });
      const number = this.next();
      const key: KeyView = {
        keyId: parseKeyId(`key_${number.toString().padStart(26, '0')}`),
        workspaceId,
        kind: input.kind ?? 'key',
        role: input.role,
        agentId: input.agentId,
        person: input.person,
        label: input.label,
        prefix: `t${number.toString().padStart(12, '0')}`,
        createdAtMs: this.database.nowMs(),
        createdBy: 'test',
        expiresAtMs: null,
        revokedAtMs: null,
        lastUsedAtMs: null,
        scopes: input.scopes ?? null,
        allowedIps: input.allowedIps ?? null,
      };
      const issued: IssuedKey = { key, secret: `prs_test_${key.prefix}_${'s'.repeat(43)}` };
      this.issued.push({ ...issued });
      return Promise.resolve(issued);
    },
    list: (workspaceId, page) =>
      Promise.resolve(
        pageOf(
          this.issued.map((it) => it.key).filter((it) => it.workspaceId === workspaceId),
          page,
        ),
      ),
    revoke: (workspaceId, keyId) => {
      const row = this.key(workspaceId, keyId);
      row.key = { ...row.key, revokedAtMs: row.key.revokedAtMs ?? this.database.nowMs() };
      return Promise.resolve(row.key);
    },
    replaceSecrets: async (workspaceId, agentId, input, by) => {
      const live = this.issued
        .map((it) => it.key)
        .filter((it) => it.agentId === agentId && it.kind === 'hmac' && it.revokedAtMs === null);
      const old = live.at(-1);
      if (!old) throw refuse('validation_failed', { field: 'id', reason: 'no_secret' });
      for (const { keyId } of live) await this.keys.revoke(workspaceId, keyId, by);
      const allowedIps = old.allowedIps ?? this.issued.find((it) => it.key.keyId === by.id)?.key.allowedIps;
      const fresh = { ...old, ...input, allowedIps: allowedIps ?? null, expiresInSec: null };
      return this.keys.create(workspaceId, fresh, by);
    },
    rotate: async (workspaceId, keyId, overlapSec, by) => {
      const { key } = this.key(workspaceId, keyId);
      if (by.type === 'approver' && keyId !== by.id)
        throw refuse('validation_failed', { field: 'key_id', reason: 'not_your_own' });
      if (overlapSec === 0) await this.keys.revoke(workspaceId, keyId, by);
      return this.keys.create(workspaceId, { ...key, expiresInSec: null }, by);
    },
  };

  readonly setups: SetupStore = memorySetups(
    () => this.agents,
    (agentId) => this.database.budgets.setLimits(agentId, 'USD6', { month: 0n }),
  );

  readonly wallets = new MemoryWallets(
    () => this.database.nowMs(),
    () => this.next(),
  );

  readonly budgets: Administration['budgets'] = {
    get: async (target) => {
      const views = this.budgetViews(target);
      if (target.tag ?? target.teamId) found(views[0], target.tag ? 'tag' : 'team');
      return Promise.resolve(views);
    },
    putLimits: async (scope, { unit, limits }) => {
      await this.budgets.get(scope);
      this.database.budgets.setLimits(nodeOf(scope), unit, limits);
      const view = this.budgetViews(scope).find((it) => it.unit === unit);
      return { budget: found(view, 'budget'), raised: false };
    },
  };

  readonly policies: Administration['policies'] = {
    get: (scope) => Promise.resolve(this.policyVersions.get(scopeId(scope))?.at(-1) ?? null),
    put: (scope, input) => {
      const versions = this.policyVersions.get(scopeId(scope)) ?? [];
      const hash = 'f'.repeat(64);
      const level = scope.agentId === null ? ('workspace' as const) : ('agent' as const);
      const policy = { ...input, scope: level, hash, version: versions.length + 1 };
      const version = { policy, hash, createdAtMs: this.database.nowMs(), createdBy: 'test' };
      this.policyVersions.set(scopeId(scope), [...versions, version]);
      this.policyStore.policies.set(scopeId(scope), policy);
      return Promise.resolve(version);
    },
    versions: (scope) => Promise.resolve(this.policyVersions.get(scopeId(scope)) ?? []),
  };

  readonly stops: MemoryStops;
  readonly changes: MemoryChanges;

  get approvers(): Administration['approvers'] {
    return this.database.approvers;
  }

  history: Administration['history'] = (_workspaceId, page) => Promise.resolve(pageOf([], page));

  budgetViews(target: BudgetTarget): BudgetView[] {
    const nodeId = nodeOf(target);
    const own = target.agentId === null ? 'workspace' : 'agent';
    const kind = target.tag?.kind ?? (target.teamId ? 'team' : own);
    return BUDGET_UNITS.flatMap((unit) => {
      const node = this.database.budgets.node(nodeId, unit);
      return node ? [budgetView(node, { kind, nodeId, unit }, this.database.nowMs())] : [];
    });
  }

  private next(): number {
    return (this.counter += 1);
  }

  private agent(workspaceId: WorkspaceId, agentId: AgentId): AgentView {
    const view = this.agentViews.find((it) => it.workspaceId === workspaceId && it.agentId === agentId);
    return { ...found(view, 'agent'), paused: this.stops.has({ kind: 'agent', workspaceId, agentId }) };
  }

  private key(workspaceId: WorkspaceId, keyId: KeyId) {
    return found(
      this.issued.find((it) => it.key.workspaceId === workspaceId && it.key.keyId === keyId),
      'key',
    );
  }
}

function proves(presented: Presented, { key, secret }: IssuedKey): boolean {
  switch (presented.kind) {
    case 'key':
      return (
        key.kind === 'key' && secret === presented.key && (presented.agentId ?? key.agentId) === key.agentId
      );
    case 'hmac':
      return key.kind === 'hmac' && key.agentId === presented.agentId && signatureMatches(secret, presented);
    case 'bearer':
      return false;
  }
}

const nodeOf = ({ workspaceId, agentId, tag, teamId }: BudgetTarget): string =>
  tag ? tagNode(workspaceId, tag) : (teamId ?? agentId ?? workspaceId);
const scopeId = ({ workspaceId, agentId }: Scope): string => agentId ?? workspaceId;
