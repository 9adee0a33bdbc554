// Keyset pages. A cursor is the sort key of the last row given out: no offsets, so rows that come or go shift nothing.
import { refuse } from '#domain';
import type { Page, PageRequest } from '#engine';

export const MAX_PAGE = 100;

/** What a part of a cursor may look like; everything else was not issued by us. */
export const CURSOR_PARTS = {
  time: /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d{1,6})?\+00$/,
  integer: /^\d{1,18}$/,
  uuid: /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/,
  id: /^[a-z]{3}_[0-9a-z]{26}$/,
  word: /^[A-Za-z0-9._:-]{1,128}$/,
} as const;

export function pageSize(page: PageRequest): number {
  return Math.min(MAX_PAGE, Math.max(1, Math.trunc(page.limit)));
}

/** The parts of a cursor, or null for the first page. Refuses with `invalid_cursor`. */
export function readCursor(cursor: string | null, shape: readonly RegExp[]): readonly string[] | null {
  if (cursor === null) return null;
  const parts = Buffer.from(cursor, 'base64url').toString('latin1').split('|');
  if (parts.length !== shape.length || !shape.every((part, index) => part.test(parts[index] ?? ''))) {
    throw refuse('invalid_cursor', { field: 'cursor' });
  }
  return parts;
}

/** `rows` were read with a limit of one more than the page holds. */
export function toPage<Row, Item>(
  rows: readonly Row[],
  size: number,
  { item, key }: { item: (row: Row) => Item; key: (row: Row) => readonly (string | number)[] },
): Page<Item> {
  const shown = rows.slice(0, size);
  const last = rows.length > size ? shown.at(-1) : undefined;
  return {
    items: shown.map(item),
    nextCursor: last === undefined ? null : Buffer.from(key(last).join('|'), 'latin1').toString('base64url'),
  };
}
