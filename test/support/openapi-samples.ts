// Values that a schema of the description allows: the least one, and arbitrary ones.
import fc from 'fast-check';
import { resolved, type Document, type JsonSchema } from './openapi-document.js';

type Schemas = Document['schemas'];

/** The least that is allowed: what must be there, as the description's examples have it, or as `known` has it by the name of a field. */
export function leastOf(
  schemas: Schemas,
  schema: JsonSchema,
  known: Readonly<Record<string, unknown>> = {},
): unknown {
  const it = resolved(schemas, schema);
  if (it.example !== undefined) return it.example;
  if (it.const !== undefined) return it.const;
  if (it.enum) return it.enum[0];
  const among = it.oneOf ?? it.anyOf;
  if (among?.[0]) return leastOf(schemas, among[0], known);
  switch (String([it.type].flat()[0])) {
    case 'object':
      return Object.fromEntries(
        (it.required ?? []).map((name) => [
          name,
          name in known ? known[name] : leastOf(schemas, it.properties?.[name] ?? {}, known),
        ]),
      );
    case 'array':
      return [];
    case 'integer':
    case 'number':
      return it.minimum ?? 0;
    case 'boolean':
      return false;
    default:
      return fc.sample(textOf(it), { numRuns: 1, seed: 1 })[0];
  }
}

/** Anything that is allowed, what may be left out now and then left out. */
export function anyOf(schemas: Schemas, schema: JsonSchema): fc.Arbitrary<unknown> {
  const it = resolved(schemas, schema);
  const among = it.oneOf ?? it.anyOf;
  if (among) return fc.oneof(...among.map((one) => anyOf(schemas, one)));
  if (it.const !== undefined) return fc.constant(it.const);
  if (it.enum) return fc.constantFrom(...it.enum);
  const types = [it.type ?? []].flat();
  if (types.length === 0) return fc.jsonValue({ maxDepth: 2 });
  return fc.oneof(...types.map((type) => ofType(schemas, it, type)));
}

function ofType(schemas: Schemas, it: JsonSchema, type: string): fc.Arbitrary<unknown> {
  switch (type) {
    case 'string':
      return textOf(it);
    case 'integer':
    case 'number':
      return fc.integer({ min: it.minimum ?? -10, max: it.maximum ?? 1_000_000 });
    case 'boolean':
      return fc.boolean();
    case 'null':
      return fc.constant(null);
    case 'array':
      return fc.array(anyOf(schemas, it.items ?? {}), { maxLength: 3 });
    case 'object':
      return objectOf(schemas, it);
    default:
      throw new Error(`the description has a type ${type}`);
  }
}

/** Without which a request says little, though the description lets it. */
const LIKELY = new Set(['url', 'max_amount']);

function objectOf(schemas: Schemas, it: JsonSchema): fc.Arbitrary<unknown> {
  if (it.properties) {
    const fields = Object.entries(it.properties).map(([name, schema]) => [name, anyOf(schemas, schema)]);
    const all = Object.fromEntries(fields) as Record<string, fc.Arbitrary<unknown>>;
    const optional = Object.keys(all).filter((name) => !it.required?.includes(name));
    const likely = optional.filter((name) => LIKELY.has(name));
    // Everything at once is what nobody sends, and is mostly refused for what contradicts itself.
    return fc
      .tuple(
        fc.record(all),
        fc.subarray(optional, { maxLength: Math.min(3, optional.length) }),
        fc.integer({ min: 0, max: 4 }),
      )
      .map(([value, extra, luck]) => {
        const kept = new Set([...(it.required ?? []), ...extra, ...(luck > 0 ? likely : [])]);
        return Object.fromEntries(Object.entries(value).filter(([name]) => kept.has(name)));
      });
  }
  const values =
    typeof it.additionalProperties === 'object'
      ? anyOf(schemas, it.additionalProperties)
      : fc.jsonValue({ maxDepth: 2 });
  return fc.dictionary(fc.string({ maxLength: 8 }), values, { maxKeys: 4 });
}

const ITEMS = ['item', 'free', 'binary', 'breaks', 'silent', 'unpayable', 'unknown-asset', 'down', 'private'];

function textOf(it: JsonSchema): fc.Arbitrary<string> {
  const fits = (text: string): boolean =>
    text.length >= (it.minLength ?? 0) && text.length <= (it.maxLength ?? Infinity);
  if (it.format === 'uuid') return fc.uuid();
  if (it.format === 'uri') return fc.constantFrom(...ITEMS).map((name) => `https://shop.example/${name}`);
  if (it.format === 'date-time') return fc.date({ noInvalidDate: true }).map((date) => date.toISOString());
  if (it.contentEncoding === 'base64') return fc.base64String({ maxLength: 64 });
  const example = typeof it.example === 'string' ? [fc.constant(it.example)] : [];
  if (it.pattern !== undefined)
    return fc.oneof(...example, fc.stringMatching(new RegExp(it.pattern, 'u')).filter(fits));
  const options = { minLength: it.minLength ?? 0, maxLength: Math.min(it.maxLength ?? 30, 30) };
  return fc.oneof(...example, fc.string(options), fc.string({ ...options, unit: 'grapheme' }).filter(fits));
}
