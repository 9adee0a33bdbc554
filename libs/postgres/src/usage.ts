import { refuse, type Json } from '#domain';
import type { UsageLedger, UsageOutcome } from '#engine';
import type pg from 'pg';
import { faultOf, retried } from './pool.js';

const RECORD = `SELECT outcomes FROM purser_record_usage($1, $2, $3, $4, $5, $6, $7::numeric[], $8)`;

/** The pool logs in as the writer. A database that is away is a `Refusal('database_unavailable')`: sending the same again is safe. */
export function createUsageLedger(pool: pg.Pool): UsageLedger {
  return {
    async record({ workspaceId, agentId }, events, by) {
      const metadata: readonly Json[] = events.map((event) => event.metadata);
      const values = [
        workspaceId,
        agentId,
        JSON.stringify(by),
        events.map((event) => event.id),
        events.map((event) => event.layer),
        events.map((event) => event.kind),
        events.map((event) => event.amount.toString()),
        JSON.stringify(metadata),
      ];
      try {
        const { rows } = await retried(() =>
          pool.query<{ outcomes: readonly UsageOutcome[] }>({
            name: 'purser_record_usage',
            text: RECORD,
            values,
          }),
        );
        return rows[0]?.outcomes ?? [];
      } catch (error) {
        if (faultOf(error) === 'refused') throw error;
        throw refuse('database_unavailable', {});
      }
    },
  };
}
