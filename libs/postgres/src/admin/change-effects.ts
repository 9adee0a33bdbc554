// What each kind of change looks at under its locks, whether it lets more pass than before, and how it is carried out: all in the caller's transaction.
import { canonicalJson, refuse, type Json, type Limits, type Tag, type TeamId } from '#domain';
import type { Actor, Change, ChangeKind, ChangeResults } from '#engine';
import { sql } from 'kysely';
import { examineGroup, writeGroup } from './approver-groups.js';
import { examineLimits, textOf, writeLimits } from './budgets.js';
import type { AdminFact, Trx } from './change.js';
import { examinePolicy, writePolicy } from './policies.js';
import { fromDocument, toDocument } from './policy-document.js';
import { liftStop } from './stops.js';
import { examineTeam, writeTeam } from './teams.js';
import { STOP_COLUMNS, stopOf, type StopRow } from './stop-rows.js';

type WorkspaceId = Parameters<typeof examineGroup>[1];

export interface Examined<Kind extends ChangeKind = ChangeKind> {
  readonly loosens: boolean;
  /** As it stands: another base at the decision, and the wish is outdated. */
  readonly base: Json;
  readonly wanted: Json;
  carryOut(by: Actor): Promise<{ readonly result: ChangeResults[Kind]; readonly fact: AdminFact | null }>;
}

/** Refuses as the change itself does. */
export async function examine(trx: Trx, workspaceId: WorkspaceId, change: Change): Promise<Examined> {
  switch (change.kind) {
    case 'limits': {
      const { agentId, tag, teamId } = change;
      const target = { workspaceId, agentId, ...(tag ? { tag } : {}), ...(teamId ? { teamId } : {}) };
      const { layer, unit, limits } = change.change;
      const found = await examineLimits(trx, target, change.change);
      if (change.basedOn && !same(change.basedOn, found.before))
        throw refuse('version_conflict', { object: 'budget' });
      return {
        loosens: found.raised,
        base: { limits: textOf(found.before) },
        wanted: {
          ...(tag ? { tag: { kind: tag.kind, name: tag.name } } : {}),
          ...(teamId ? { team_id: teamId } : {}),
          layer,
          unit,
          limits: textOf(limits),
        },
        carryOut: async () => {
          const { result, fact } = await writeLimits(trx, target, change.change, found);
          return { result: result.budget, fact };
        },
      };
    }
    case 'team': {
      const found = await examineTeam(trx, workspaceId, change);
      return {
        loosens: found.loosens,
        base: { teams: found.before },
        wanted: { team_id: change.teamId },
        carryOut: () => writeTeam(trx, workspaceId, change, found),
      };
    }
    case 'policy': {
      const scope = { workspaceId, agentId: change.agentId };
      const found = await examinePolicy(trx, scope, change.rules);
      if (change.basedOn !== undefined && change.basedOn !== found.before)
        throw refuse('version_conflict', { object: 'policy' });
      return {
        loosens: found.loosened.length > 0,
        base: { version: found.before },
        wanted: { ...toDocument({ ...found.rules, version: 0 }), loosens: found.loosened },
        carryOut: (by) => writePolicy(trx, scope, found.rules, by),
      };
    }
    case 'resume': {
      const { rows } =
        await sql<StopRow>`${STOP_COLUMNS} WHERE workspace_id = ${workspaceId} AND stop_id = ${change.stopId}`.execute(
          trx,
        );
      // Somebody has lifted it meanwhile: that is what was wanted.
      if (!rows[0]) return LIFTED;
      const stop = stopOf(rows[0]);
      if (stop.final) throw refuse('agent_disabled', { stop_id: stop.stopId });
      return {
        loosens: true,
        base: { stop_id: stop.stopId },
        wanted: { stop_id: stop.stopId, scope: stop.scope.kind, reason: stop.reason },
        carryOut: () => liftStop(trx, stop.scope),
      };
    }
    case 'approvers': {
      const found = await examineGroup(trx, workspaceId, change.group);
      return {
        loosens: found.widens,
        base: { members: found.before },
        wanted: { ...found.group },
        carryOut: () => writeGroup(trx, workspaceId, found.group),
      };
    }
  }
}

const same = (one: Limits, other: Limits): boolean =>
  canonicalJson(textOf(one)) === canonicalJson(textOf(other));

const LIFTED: Examined = {
  loosens: false,
  base: null,
  wanted: null,
  carryOut: () => Promise.resolve({ result: null, fact: null }),
};

type Stored = { readonly [field: string]: Json };

/** A change as it was written down. */
export function changeFrom(kind: ChangeKind, agentId: string | null, wanted: Json): Change {
  const it = wanted as Stored;
  const agent = agentId as Extract<Change, { kind: 'limits' }>['agentId'];
  switch (kind) {
    case 'limits': {
      const written = Object.entries(it['limits'] as Record<string, string | null>);
      const limits = Object.fromEntries(
        written.map(([name, text]) => [name, text === null ? null : BigInt(text)]),
      );
      const change = { layer: it['layer'], unit: it['unit'], limits };
      const target = { agentId: agent, ...(it['tag'] ? { tag: it['tag'] as unknown as Tag } : {}) };
      const teamId = (it['team_id'] ?? null) as TeamId | null;
      return { kind, ...target, change, ...(teamId ? { teamId } : {}) } as Change;
    }
    case 'team':
      return { kind, agentId: agent, teamId: it['team_id'] } as Change;
    case 'policy': {
      const read = fromDocument(it, { scope: 'workspace', hash: null });
      const { scope: _scope, hash: _hash, version: _version, ...rules } = read;
      return { kind, agentId: agent, rules };
    }
    case 'resume':
      return { kind, agentId: agent, stopId: it['stop_id'] } as Change;
    case 'approvers':
      return { kind, agentId: null, group: { name: it['name'], members: it['members'] } } as Change;
  }
}
