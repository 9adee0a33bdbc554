import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isOpen, isTimeZone, opensAt, type PayingHours, type Weekday } from './paying-hours.js';
import { parseHours } from './policy-input.js';

const WORKDAYS: readonly Weekday[] = ['mon', 'tue', 'wed', 'thu', 'fri'];
const hours = (zone: string, from: string, to: string, days: readonly Weekday[] = WORKDAYS): PayingHours =>
  parseHours({ zone, windows: [{ days, from, to }] }, 'hours');
const OFFICE = hours('Europe/Berlin', '08:00', '18:00');
const at = (text: string): number => Date.parse(text);

describe('office hours in Berlin', () => {
  it.each([
    ['the last millisecond before', '2026-11-20T06:59:59.999Z', false],
    ['the first of the morning', '2026-11-20T07:00:00.000Z', true],
    ['the last of the evening', '2026-11-20T16:59:59.999Z', true],
    ['the first after', '2026-11-20T17:00:00.000Z', false],
    ['a Saturday', '2026-11-21T10:00:00Z', false],
    ['a Monday that is still Sunday in UTC', '2026-11-22T23:30:00Z', false],
    ['summer: an hour earlier by UTC', '2026-07-20T06:00:00Z', true],
    ['summer: the same hour in winter is too early', '2026-01-19T06:00:00Z', false],
  ])('%s', (_what, when, open) => {
    expect(isOpen(OFFICE, at(when))).toBe(open);
  });

  it.each([
    ['in the night', '2026-11-20T03:00:00Z', '2026-11-20T07:00:00Z'],
    ['after work on Friday', '2026-11-20T17:00:00Z', '2026-11-23T07:00:00Z'],
    ['over the end of summer time', '2026-10-23T17:00:00Z', '2026-10-26T07:00:00Z'],
    ['over its beginning', '2026-03-27T20:00:00Z', '2026-03-30T06:00:00Z'],
    ['while it is open: at once', '2026-11-20T12:00:00Z', '2026-11-20T12:00:00Z'],
  ])('opens next, asked %s', (_when, asked, opens) => {
    expect(opensAt(OFFICE, at(asked))).toBe(at(opens));
  });
});

describe('where the clock jumps', () => {
  // 2026-03-29 in Berlin: 01:59:59 is followed by 03:00:00. 2026-10-25: 02:00 to 02:59 comes twice.
  const skipped = hours('Europe/Berlin', '02:15', '02:45', ['sun']);

  it('what is skipped does not open on that day', () => {
    expect(opensAt(skipped, at('2026-03-28T12:00:00Z'))).toBe(at('2026-04-05T00:15:00Z'));
  });

  it('a window that begins in the gap opens at its end', () => {
    const until = hours('Europe/Berlin', '02:15', '06:00', ['sun']);
    expect(opensAt(until, at('2026-03-28T12:00:00Z'))).toBe(at('2026-03-29T01:00:00Z'));
    expect(isOpen(until, at('2026-03-29T00:59:59.999Z'))).toBe(false);
    expect(isOpen(until, at('2026-03-29T01:00:00Z'))).toBe(true);
  });

  it('what comes twice is open twice', () => {
    expect(opensAt(skipped, at('2026-10-24T12:00:00Z'))).toBe(at('2026-10-25T00:15:00Z'));
    expect(isOpen(skipped, at('2026-10-25T00:45:00Z'))).toBe(false);
    expect(opensAt(skipped, at('2026-10-25T00:45:00Z'))).toBe(at('2026-10-25T01:15:00Z'));
  });

  it('half hours and quarters are places too', () => {
    expect(opensAt(hours('Asia/Kathmandu', '09:00', '10:00'), at('2026-11-20T00:00:00Z'))).toBe(
      at('2026-11-20T03:15:00Z'),
    );
    expect(opensAt(hours('Australia/Lord_Howe', '09:00', '10:00'), at('2026-11-19T23:00:00Z'))).toBe(
      at('2026-11-22T22:00:00Z'),
    );
  });
});

describe('a window over midnight', () => {
  const night = hours('UTC', '22:00', '06:00', ['fri']);
  it.each([
    ['2026-11-20T21:59:00Z', false],
    ['2026-11-20T22:00:00Z', true],
    ['2026-11-21T05:59:00Z', true],
    ['2026-11-21T06:00:00Z', false],
    ['2026-11-21T22:00:00Z', false],
    ['2026-11-20T05:00:00Z', false],
  ])('belongs to the day it begins on: %s %s', (when, open) => {
    expect(isOpen(night, at(when))).toBe(open);
  });

  it('a whole day ends with it', () => {
    const friday = hours('UTC', '00:00', '24:00', ['fri']);
    expect(isOpen(friday, at('2026-11-20T23:59:59.999Z'))).toBe(true);
    expect(isOpen(friday, at('2026-11-21T00:00:00Z'))).toBe(false);
  });
});

it('the next opening is open, nothing before it is, wherever and whenever one asks', () => {
  const zones = [
    'Europe/Berlin',
    'America/New_York',
    'Pacific/Apia',
    'Australia/Lord_Howe',
    'UTC',
    'Asia/Kolkata',
  ];
  const time = fc.integer({ min: 0, max: 1439 });
  const window = fc
    .record({
      days: fc.uniqueArray(fc.constantFrom<Weekday>('sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'), {
        minLength: 1,
      }),
      fromMinute: time,
      toMinute: time,
    })
    .filter((it) => it.fromMinute !== it.toMinute && it.toMinute > 0);
  const year = { min: at('2026-01-01T00:00:00Z'), max: at('2026-12-31T00:00:00Z') };
  fc.assert(
    fc.property(
      fc.constantFrom(...zones),
      fc.array(window, { minLength: 1, maxLength: 3 }),
      fc.integer(year),
      fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
      (zone, windows, asked, part) => {
        const opens = opensAt({ zone, windows }, asked);
        if (opens === null) throw new Error('never');
        expect(isOpen({ zone, windows }, opens)).toBe(true);
        if (opens === asked) return;
        expect(isOpen({ zone, windows }, opens - 1)).toBe(false);
        expect(isOpen({ zone, windows }, asked + Math.floor((opens - asked) * part))).toBe(false);
      },
    ),
    { numRuns: 500 },
  );
});

it.each([
  ['Europe/Berlin', true],
  ['UTC', true],
  ['America/Argentina/Buenos_Aires', true],
  ['Etc/GMT+5', true],
  ['+02:00', false],
  ['Mars/Olympus', false],
  ['', false],
  ['Europe/Berlin ', false],
])('%j is a time zone: %s', (zone, is) => {
  expect(isTimeZone(zone)).toBe(is);
});
