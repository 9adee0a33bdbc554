// Lists go by cursor; page numbers, as the vendor's own pages have them, are walked to.
import { refuse } from '#domain';
import type { Page, PageRequest } from '#engine';
import { Text } from '../../http/fields.js';
import { ListQuery, pageOf } from '../../http/lists.js';

const MOST_PAGES = 100;

export class PageQuery extends ListQuery {
  @Text({
    optional: true,
    max: 3,
    pattern: /^([1-9][0-9]?|100)$/,
    about: 'number of the page, from 1; instead of cursor, which costs less',
  })
  page?: string;
}

export interface Listed<Item> extends Page<Item> {
  /** What the list says of itself. */
  readonly meta: object;
  readonly limit: number;
}

/** Refuses with `validation_failed` where both a page and a cursor are named. */
export async function listed<Item>(
  query: PageQuery,
  read: (page: PageRequest) => Promise<Page<Item>>,
): Promise<Listed<Item>> {
  if (query.page !== undefined && query.cursor !== undefined)
    throw refuse('validation_failed', { field: 'page', reason: 'not_beside_cursor' });
  const { limit, cursor } = pageOf(query);
  const number = query.page === undefined ? null : Number(query.page);
  let page = await read({ limit, cursor });
  for (let at = 1; at < Math.min(number ?? 1, MOST_PAGES); at += 1)
    page = page.nextCursor === null ? NOTHING : await read({ limit, cursor: page.nextCursor });
  const { nextCursor } = page;
  const meta = {
    ...(number === null ? {} : { page: number }),
    limit,
    nextCursor,
    hasMore: nextCursor !== null,
  };
  return { ...page, meta, limit };
}

const NOTHING = { items: [], nextCursor: null };
