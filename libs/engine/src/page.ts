// How lists are read.

export interface PageRequest {
  /** As given out with the previous page; null for the first. Anything else is refused with `invalid_cursor`. */
  readonly cursor: string | null;
  readonly limit: number;
}

export interface Page<Item> {
  readonly items: readonly Item[];
  /** null: this was the last page. */
  readonly nextCursor: string | null;
}
