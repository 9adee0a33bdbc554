// A dialect differs in names, envelope, notation, auth and status, never in rules: the same purchase leaves the same history, whoever asked for it.
import { afterEach, describe, expect, it } from 'vitest';
import type { Json, OperationId } from '#domain';
import { AGENT } from '../support/builders.js';
import { DIALECT_CALLERS, type DialectCaller } from '../support/dialect-callers.js';
import { MemoryApi } from '../support/memory-api.js';

let api: MemoryApi | undefined;
afterEach(() => api?.close());

const URL_OF_ITEM = 'https://shop.example/item';
/** How the caller spelled its wish; what the rules made of it is in the events after the first. */
const SPELLING = new Set([
  'headers',
  'maxAmount',
  'expect',
  'challenge',
  'timeoutMs',
  'wire',
  'maxTimeoutSec',
  'x402Version',
]);
/** Follows from the operation's id or the caller's key, or is a time. */
const OWN = new Set([
  'keyHash',
  'nonce',
  'digest',
  'signatureHash',
  'termsDigest',
  'approvalId',
  'txHash',
  'fingerprint',
]);

/** The history with what is each operation's own left out. */
function plain(value: Json): Json {
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  const kept = Object.entries(value).filter(([name]) => !SPELLING.has(name) && !OWN.has(name));
  return Object.fromEntries(kept.map(([name, it]) => [name, plain(it)]));
}

async function historyOf(caller: DialectCaller, dayLimit: bigint): Promise<Json> {
  api = await MemoryApi.start();
  api.database.budgets.setLimits(AGENT, 'USD6', { day: dayLimit });
  const { status, body } = await api.call(caller.buy({ agentId: AGENT, url: URL_OF_ITEM, key: 'key-1' }));
  expect(status, JSON.stringify(body)).not.toBe(500);
  await api.runWorkers();
  const [operationId] = [...api.database.operations.keys()] as [OperationId];
  const events = api.database.events.filter((it) => it.operationId === operationId);
  await api.close();
  api = undefined;
  return events.map(({ type, data, actor }) => ({ type, actor: actor.type, data: plain(data) }));
}

describe.each(['purchase', 'authorize'] as const)('%s', (kind) => {
  const callers = DIALECT_CALLERS.filter((it) => it.kind === kind);
  it.each([
    ['paid', 100_000n, 'AuthorizationSigned'],
    ['refused', 1n, 'OperationRefused'],
  ] as const)('%s in every dialect', async (_name, dayLimit, last) => {
    const histories: Json[] = [];
    for (const caller of callers) histories.push(await historyOf(caller, dayLimit));
    const [first] = histories;
    expect(JSON.stringify(first)).toContain(last);
    for (const [n, history] of histories.entries()) expect(history, callers[n]?.name).toEqual(first);
  });
});
