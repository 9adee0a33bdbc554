// Finding and paging in what is kept as a list in memory.
import { refuse } from '#domain';
import type { Page, PageRequest } from '#engine';

export function pageOf<Item>(items: readonly Item[], { cursor, limit }: PageRequest): Page<Item> {
  if (cursor !== null && !/^c[0-9]+$/.test(cursor)) throw refuse('invalid_cursor', { field: 'cursor' });
  const from = cursor === null ? 0 : Number(cursor.slice(1));
  const nextCursor = from + limit < items.length ? `c${from + limit}` : null;
  return { items: items.slice(from, from + limit), nextCursor };
}

export function found<T>(value: T | undefined, object: string): T {
  if (value === undefined) throw refuse('not_found', { object });
  return value;
}
