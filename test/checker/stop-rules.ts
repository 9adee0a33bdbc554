import type { Books, EventRow, Plain, StopFact } from './model.js';
import type { Report } from './rules.js';

const STOPPED: ReadonlySet<string> = new Set(['AuthorizationPrepared', 'ApprovalRequested']);
const EVERYWHERE = '00000000-0000-0000-0000-000000000000';

/** S17: between a stop and its end the log has no intent in its scope, and nobody is asked for a yes. What the chain shows to have happened is no intent. */
export function checkStops({ operations, stops }: Books, report: Report): void {
  const periods = periodsOf(stops);
  for (const [operationId, events] of operations) {
    for (const event of events) {
      if (!STOPPED.has(event.type) || isAdopted(event, events)) continue;
      const position = event.order[2];
      const during = periods.find(
        ({ stop, from, to }) => position > from && position <= to && concerns(stop, event, events),
      );
      if (during)
        report('S17', operationId, `${event.type} while stopped: ${JSON.stringify(during.stop.data)}`);
    }
  }
}

interface Period {
  readonly stop: StopFact;
  readonly from: bigint;
  readonly to: bigint;
}

const FOR_EVER = 2n ** 63n;

function periodsOf(stops: readonly StopFact[]): Period[] {
  const periods: Period[] = [];
  const open = new Map<string, StopFact>();
  for (const stop of stops) {
    const { scope, agent_id: agent, payee, network, host } = stop.data;
    const key = JSON.stringify([
      stop.workspaceId,
      agent === undefined ? scope : 'agent',
      agent,
      payee,
      network,
      host,
    ]);
    const begun = open.get(key);
    if (stop.type !== 'Resumed') open.set(key, begun ?? stop);
    else if (begun) {
      periods.push({ stop: begun, from: endOf(begun), to: endOf(stop) });
      open.delete(key);
    }
  }
  return [...periods, ...[...open.values()].map((stop) => ({ stop, from: endOf(stop), to: FOR_EVER }))];
}

const endOf = ({ data }: StopFact): bigint => BigInt(String(data['events_to']));

function concerns({ workspaceId, data }: StopFact, event: EventRow, events: readonly EventRow[]): boolean {
  if (workspaceId !== EVERYWHERE && workspaceId !== event.workspaceId) return false;
  const before = events.filter((it) => it.version < event.version);
  const terms = (before.findLast((it) => it.type === 'TermsAccepted' || it.type === 'TermsChanged')?.data[
    'terms'
  ] ?? {}) as Plain;
  const { agent_id: agent, payee, network, host } = data;
  if (agent !== undefined) return agent === ((events[0]?.data['request'] ?? {}) as Plain)['agentId'];
  if (payee !== undefined)
    return payee === terms['payTo'] && (network === undefined || network === terms['network']);
  if (host === undefined) return true;
  const place = new URL(String(terms['resourceUrl'])).hostname.replace(/\.$/, '');
  const pattern = String(host);
  return pattern.startsWith('*.') ? place.endsWith(pattern.slice(1)) : place === pattern;
}

/** A payment from before a restore: its intent and what the chain shows of it are one commit. */
function isAdopted(event: EventRow, events: readonly EventRow[]): boolean {
  return events.some((it) => it.type === 'SettlementObserved' && it.order[1] === event.order[1]);
}
