import { Text } from './fields.js';
import type { Page, PageRequest } from '#engine';

/** Query of every list. */
export class ListQuery {
  @Text({ optional: true, max: 512, about: 'next_cursor of the page before' })
  cursor?: string;

  @Text({
    optional: true,
    max: 3,
    pattern: /^([1-9][0-9]?|100)$/,
    about: 'items per page, 1 to 100; 50 when absent',
  })
  limit?: string;
}

export function pageOf(query: ListQuery): PageRequest {
  return { cursor: query.cursor ?? null, limit: query.limit === undefined ? 50 : Number(query.limit) };
}

export interface RenderedPage {
  readonly items: readonly unknown[];
  readonly next_cursor: string | null;
  readonly has_more: boolean;
}

export function renderPage<Item>(page: Page<Item>, render: (item: Item) => unknown): RenderedPage {
  return { items: page.items.map(render), next_cursor: page.nextCursor, has_more: page.nextCursor !== null };
}
