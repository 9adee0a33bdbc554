import { refuse } from '#domain';
import type { UsageEvent, UsageLedger, UsageOutcome } from '../usage-ports.js';
import type { AgentPrincipal } from './submit.js';

export const MOST_USAGE_EVENTS = 100;

/**
 * Charges what an agent says it has used to its layers, each event once however often it is sent. All of it or nothing: refuses with `validation_failed`
 * a list that is empty, too long or names an id twice, with `invalid_amount` what is negative, and with `idempotency_key_reused` an id that stands
 * for other usage.
 */
export async function recordUsage(
  { usage }: { readonly usage: UsageLedger },
  { workspaceId, agentId, keyId }: AgentPrincipal,
  events: readonly UsageEvent[],
): Promise<readonly Exclude<UsageOutcome, 'conflict'>[]> {
  if (events.length === 0 || events.length > MOST_USAGE_EVENTS)
    throw refuse('validation_failed', { field: 'events', reason: `not_1_to_${MOST_USAGE_EVENTS}` });
  const ids = new Set<string>();
  for (const [at, { id, amount }] of events.entries()) {
    if (ids.has(id)) throw refuse('validation_failed', { field: `events.${at}.id`, reason: 'given_twice' });
    if (amount < 0n) throw refuse('invalid_amount', { field: `events.${at}.amount`, reason: 'negative' });
    ids.add(id);
  }
  const outcomes = await usage.record({ workspaceId, agentId }, events, { type: 'agent', id: keyId });
  return outcomes.map((outcome, at) => {
    if (outcome === 'conflict') throw refuse('idempotency_key_reused', { field: `events.${at}.id` });
    return outcome;
  });
}
