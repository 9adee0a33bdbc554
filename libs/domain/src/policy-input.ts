// A policy's rules as somebody wrote them, in the one form they are compared in. What is wrong is refused by its field.
import { parseCaip2, parseEvmAddress } from './ids.js';
import { isTimeZone, WEEKDAYS, type HoursWindow, type PayingHours, type Weekday } from './paying-hours.js';
import { assetName, type AssetName } from './policy.js';
import { refuse, type Refusal } from './refusal.js';

const NO_HOST = /[\s/?#@\\:*%]/;
const HOST = /^(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*$/;
const IPV6 = /^\[[0-9a-f:.]+\]$/i;

/**
 * A host name or `*.` and one, the way URLs spell it: lower case, punycode, no trailing dot. A port is refused rather than dropped: a rule
 * holds for every port of its host.
 */
export function parseHostPattern(text: string, field: string): string {
  const wild = text.startsWith('*.');
  const name = wild ? text.slice(2) : text;
  if (/^[^[\]]*:[0-9]+$|\]:/.test(name)) throw wrong(field, 'names_a_port');
  const bare = name.endsWith('.') ? name.slice(0, -1) : name;
  if (IPV6.test(bare) ? wild : NO_HOST.test(bare)) throw wrong(field, 'not_a_host_pattern');
  if (!URL.canParse(`http://${bare}/`)) throw wrong(field, 'not_a_host_pattern');
  const host = new URL(`http://${bare}/`).hostname;
  if (!HOST.test(host) && !IPV6.test(host)) throw wrong(field, 'not_a_host_pattern');
  return wild ? `*.${host}` : host;
}

const ASSET = /^(eip155:[0-9]+)\/erc20:(0x[0-9a-fA-F]{40})$/;

export function parseAssetName(text: string, field: string): AssetName {
  const [, network, token] = ASSET.exec(text) ?? [];
  if (network === undefined || token === undefined) throw wrong(field, 'not_a_caip19_erc20_asset');
  return assetName(parseCaip2(network, field), parseEvmAddress(token, field));
}

/** Paying hours as they are written: times of day as `HH:MM`, `24:00` for the end of the day. */
export interface WrittenHours {
  readonly zone: string;
  readonly windows: readonly {
    readonly days: readonly string[];
    readonly from: string;
    readonly to: string;
  }[];
}

const MOST_WINDOWS = 50;

export function parseHours({ zone, windows }: WrittenHours, field: string): PayingHours {
  if (!isTimeZone(zone)) throw wrong(`${field}.zone`, 'not_an_iana_time_zone');
  if (windows.length === 0) throw wrong(`${field}.windows`, 'empty');
  if (windows.length > MOST_WINDOWS) throw wrong(`${field}.windows`, 'too_many_entries');
  return { zone, windows: windows.map((it, at) => parseWindow(it, `${field}.windows.${at}`)) };
}

function parseWindow({ days, from, to }: WrittenHours['windows'][number], field: string): HoursWindow {
  if (days.length === 0 || new Set(days).size !== days.length || !days.every(isWeekday))
    throw wrong(`${field}.days`, 'not_a_set_of_weekdays');
  const fromMinute = minuteOf(from);
  const toMinute = minuteOf(to);
  if (fromMinute === null || fromMinute === 1440) throw wrong(`${field}.from`, 'not_a_time_of_day');
  if (toMinute === null || toMinute === 0) throw wrong(`${field}.to`, 'not_a_time_of_day');
  if (fromMinute === toMinute) throw wrong(`${field}.to`, 'same_as_from');
  return { days, fromMinute, toMinute };
}

const isWeekday = (text: string): text is Weekday => (WEEKDAYS as readonly string[]).includes(text);

function minuteOf(text: string): number | null {
  const [, hour, minute] = /^([01][0-9]|2[0-4]):([0-5][0-9])$/.exec(text) ?? [];
  const minutes = Number(hour) * 60 + Number(minute);
  return minutes <= 1440 ? minutes : null;
}

export function writeHours({ zone, windows }: PayingHours): WrittenHours {
  const written = windows.map(({ days, fromMinute, toMinute }) => ({
    days: [...days],
    from: timeOf(fromMinute),
    to: timeOf(toMinute),
  }));
  return { zone, windows: written };
}

const timeOf = (minutes: number): string =>
  `${String(Math.floor(minutes / 60)).padStart(2, '0')}:${String(minutes % 60).padStart(2, '0')}`;

const wrong = (field: string, reason: string): Refusal => refuse('validation_failed', { field, reason });
