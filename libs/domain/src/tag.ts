import { refuse } from './refusal.js';

/** What a payment can be booked under beside its agent. Each registered name has a budget of its own. */
export const TAG_KINDS = ['category', 'cost_centre'] as const;
export type TagKind = (typeof TAG_KINDS)[number];

export interface Tag {
  readonly kind: TagKind;
  readonly name: string;
}

export const TAG_NAME = /^[a-z0-9][a-z0-9_.-]{0,62}$/;

export function parseTagKind(text: unknown, field = 'kind'): TagKind {
  const kind = TAG_KINDS.find((it) => it === text);
  if (kind === undefined)
    throw refuse('validation_failed', { field, reason: 'not_one_of_the_allowed_values' });
  return kind;
}

/** 1 to 63 lower-case letters, digits, `_`, `.` and `-`, a letter or digit first. */
export function parseTagName(text: unknown, field = 'name'): string {
  if (typeof text !== 'string' || !TAG_NAME.test(text))
    throw refuse('validation_failed', { field, reason: 'not_a_tag_name' });
  return text;
}

/** What the request is booked under; none, one or one of each kind. */
export function tagsOf({
  category,
  costCentre,
}: {
  readonly category?: string;
  readonly costCentre?: string;
}): readonly Tag[] {
  return [
    ...(category === undefined ? [] : [{ kind: 'category' as const, name: category }]),
    ...(costCentre === undefined ? [] : [{ kind: 'cost_centre' as const, name: costCentre }]),
  ];
}
