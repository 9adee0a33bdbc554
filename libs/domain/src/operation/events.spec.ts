import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { Json } from '../canonical.js';
import { canonicalJson } from '../canonical.js';
import { EVENT_VERSIONS, eventDataToJson, upcast } from './events.js';

interface Stored {
  readonly type: string;
  readonly schema: number;
  readonly data: Json;
}

/** Events as they lie in databases. Samples are added, never edited: what they say must be readable for ever. */
const SAMPLES = JSON.parse(
  readFileSync(new URL('events.samples.json', import.meta.url), 'utf8'),
) as readonly Stored[];

const isCurrent = ({ type, schema }: Stored): boolean =>
  EVENT_VERSIONS[type as keyof typeof EVENT_VERSIONS] === schema;

describe('stored events', () => {
  it.each(SAMPLES.filter(isCurrent).map((sample, index) => [index, sample.type, sample] as const))(
    '%i %s reads into the domain and back to the same text',
    (_index, _type, sample) => {
      expect(canonicalJson(eventDataToJson(upcast(sample)))).toBe(canonicalJson(sample.data));
    },
  );

  it('have a sample of every type and version', () => {
    const sampled = new Set(SAMPLES.map(({ type, schema }) => `${type} v${schema}`));
    expect([...sampled].sort()).toEqual(
      Object.entries(EVENT_VERSIONS)
        .flatMap(([type, newest]) => Array.from({ length: newest }, (_, at) => `${type} v${at + 1}`))
        .sort(),
    );
  });

  it('of authorizations from before there was a choice of methods mean EIP-3009', () => {
    const [old] = SAMPLES.filter((it) => it.type === 'AuthorizationPrepared' && it.schema === 1);
    const { authorization } = (old?.data ?? {}) as { authorization: Json };
    const read = upcast(old ?? expect.fail('no sample'));
    expect(canonicalJson(eventDataToJson(read))).toBe(
      canonicalJson({ authorization: { ...(authorization as object), method: 'eip3009' } }),
    );
  });

  it.each([
    { type: 'OperationOpened', schema: 2, data: {} },
    { type: 'OperationOpened', schema: 0, data: {} },
    { type: 'AuthorizationPrepared', schema: 3, data: {} },
    { type: 'AuthorizationPrepared', schema: 1.5, data: {} },
    { type: 'SomethingNew', schema: 1, data: {} },
    { type: 'toString', schema: 1, data: {} },
  ])('of an unknown type or version stop the operation: $type v$schema', (stored) => {
    expect(() => upcast(stored)).toThrow('unknown event');
  });
});

describe('amounts', () => {
  it('are exact integers in the domain and text in storage', () => {
    const event = upcast({
      type: 'BudgetCaptured',
      schema: 1,
      data: { amount: (2n ** 256n - 1n).toString() },
    });
    expect(event).toEqual({ type: 'BudgetCaptured', data: { amount: 2n ** 256n - 1n } });
  });

  it("are left alone in the seller's and the caller's own words", () => {
    const wire = { amount: '007', value: 1, list: [{ amount: 'x' }] };
    for (const key of ['wire', 'challenge', 'details', 'headers'])
      expect(upcast({ type: 'TermsAccepted', schema: 1, data: { terms: { [key]: wire } } }).data).toEqual({
        terms: { [key]: wire },
      });
  });
});
