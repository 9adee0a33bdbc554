// When a policy lets its agents pay: days and times of day on the wall clock of one place.
// A day has the hours its clock shows: what summer time skips is never open, what winter time shows twice is open twice.

export const WEEKDAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] as const;
export type Weekday = (typeof WEEKDAYS)[number];

export interface HoursWindow {
  /** Days on which the window opens. */
  readonly days: readonly Weekday[];
  /** Minutes after midnight, 0 to 1439; inclusive. */
  readonly fromMinute: number;
  /** Minutes after midnight, 1 to 1440; exclusive. Below `fromMinute`: it closes on the next day. */
  readonly toMinute: number;
}

export interface PayingHours {
  /** IANA name, `Europe/Berlin`. */
  readonly zone: string;
  readonly windows: readonly HoursWindow[];
}

const DAY_MS = 86_400_000;
const MINUTE_MS = 60_000;
/** One of the windows opens within a week, unless the clock skips it: then a week later. */
const DAYS_AHEAD = 15;

/** Names only: an offset like `+02:00` knows no summer time. */
export function isTimeZone(text: string): boolean {
  if (!/^[A-Za-z][A-Za-z0-9_+-]*(\/[A-Za-z0-9_+-]+)*$/.test(text)) return false;
  try {
    return clockOf(text) !== undefined;
  } catch {
    return false;
  }
}

export function isOpen(hours: PayingHours, atMs: number): boolean {
  const shown = atMs + offsetOf(hours.zone, atMs);
  const minute = Math.floor(modulo(shown, DAY_MS) / MINUTE_MS);
  const today = dayOf(shown);
  const yesterday = dayOf(shown - DAY_MS);
  return hours.windows.some(({ days, fromMinute, toMinute }) => {
    if (fromMinute < toMinute) return days.includes(today) && fromMinute <= minute && minute < toMinute;
    return (days.includes(today) && minute >= fromMinute) || (days.includes(yesterday) && minute < toMinute);
  });
}

/** Unix ms from which it is open next; `atMs` itself when it is open then, null when no window ever opens. */
export function opensAt(hours: PayingHours, atMs: number): number | null {
  if (isOpen(hours, atMs)) return atMs;
  const shown = atMs + offsetOf(hours.zone, atMs);
  const midnight = shown - modulo(shown, DAY_MS);
  let first: number | null = null;
  for (let day = 0; day <= DAYS_AHEAD && first === null; day += 1)
    for (const at of openingsOn(hours, midnight + day * DAY_MS))
      if (at > atMs && (first === null || at < first) && isOpen(hours, at)) first = at;
  return first;
}

/** Instants at which something can open on a day of the wall clock: its windows' beginnings, and where the clock jumps into one. */
function openingsOn({ zone, windows }: PayingHours, shownMidnight: number): number[] {
  const before = offsetOf(zone, shownMidnight - DAY_MS);
  const after = offsetOf(zone, shownMidnight + 2 * DAY_MS);
  const begins = windows
    .filter(({ days }) => days.includes(dayOf(shownMidnight)))
    .flatMap(({ fromMinute }) => {
      const shown = shownMidnight + fromMinute * MINUTE_MS;
      return [shown - before, shown - after];
    });
  return before === after
    ? begins
    : [...begins, jumpBetween(zone, shownMidnight - DAY_MS, shownMidnight + 2 * DAY_MS)];
}

/** The first millisecond of the new offset. */
function jumpBetween(zone: string, fromMs: number, toMs: number): number {
  const old = offsetOf(zone, fromMs);
  let [low, high] = [fromMs, toMs];
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (offsetOf(zone, middle) === old) low = middle;
    else high = middle;
  }
  return high;
}

const clocks = new Map<string, Intl.DateTimeFormat>();

/** Making one takes longer than everything else here; there are as many as there are zones. */
function clockOf(zone: string): Intl.DateTimeFormat {
  let clock = clocks.get(zone);
  if (!clock) {
    const numeric = 'numeric';
    clock = new Intl.DateTimeFormat('en-US', {
      timeZone: zone,
      calendar: 'iso8601',
      numberingSystem: 'latn',
      hourCycle: 'h23',
      year: numeric,
      month: numeric,
      day: numeric,
      hour: numeric,
      minute: numeric,
      second: numeric,
    });
    clocks.set(zone, clock);
  }
  return clock;
}

/** How far the wall clock is ahead of UTC, ms. */
function offsetOf(zone: string, atMs: number): number {
  const wholeSeconds = Math.floor(atMs / 1000) * 1000;
  const shown: Record<string, number> = {};
  for (const { type, value } of clockOf(zone).formatToParts(wholeSeconds)) shown[type] = Number(value);
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = shown;
  return Date.UTC(year, month - 1, day, hour, minute, second) - wholeSeconds;
}

const dayOf = (shownMs: number): Weekday => WEEKDAYS[new Date(shownMs).getUTCDay()] as Weekday;
const modulo = (value: number, by: number): number => ((value % by) + by) % by;
