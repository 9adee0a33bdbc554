// The vocabulary in which the shapes of answers are described.
export type Schema = Readonly<Record<string, unknown>>;

export const text = { type: 'string' } as const;
export const flag = { type: 'boolean' } as const;
export const int = { type: 'integer' } as const;
export const maybe = (schema: { readonly type: string }): Schema => ({
  ...schema,
  type: [schema.type, 'null'],
});
export const maybeText = maybe(text);
export const time = { type: 'string', format: 'date-time' } as const;
export const maybeTime = { type: ['string', 'null'], format: 'date-time' } as const;
export const atomic = { type: 'string', pattern: '^(0|[1-9][0-9]*)$', description: 'base units' } as const;
/** Of what is left of a limit that was lowered under what is in use. */
export const signedAtomic = {
  type: 'string',
  pattern: '^(0|-?[1-9][0-9]*)$',
  description: 'base units; below 0 where more is in use than the limit allows now',
} as const;
export const maybeAtomic = { ...atomic, type: ['string', 'null'] } as const;
export const any: Schema = {};
export const anyObject: Schema = { type: 'object' };
export const oneOf = (values: readonly string[]) => ({ type: 'string', enum: [...values] }) as const;
export const FINALITY = oneOf(['none', 'provisional', 'final']);
export const list = (items: Schema): Schema => ({ type: 'array', items });
export const ref = (name: string): Schema => ({ $ref: `#/components/schemas/${name}` });
export const maybeRef = (name: string): Schema => ({ oneOf: [ref(name), { type: 'null' }] });

/** Every named property is present unless its name ends with `?`. */
export function object(properties: Readonly<Record<string, Schema>>): Schema {
  const names = Object.keys(properties);
  return {
    type: 'object',
    properties: Object.fromEntries(
      Object.entries(properties).map(([name, schema]) => [name.replace('?', ''), schema]),
    ),
    required: names.filter((name) => !name.endsWith('?')),
  };
}

/** An object as above, or null. */
export const maybeObject = (properties: Readonly<Record<string, Schema>>): Schema => ({
  ...object(properties),
  type: ['object', 'null'],
});

export const page = (items: string): Schema =>
  object({ items: list(ref(items)), next_cursor: maybeText, has_more: flag });
