// Compares real answers with the OpenAPI description: the part of JSON Schema that the description uses, and every property must be described.
interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly pattern?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly oneOf?: readonly Schema[];
  readonly anyOf?: readonly Schema[];
}

interface Operation {
  readonly responses: Readonly<
    Record<string, { readonly content?: { readonly 'application/json'?: { readonly schema: Schema } } }>
  >;
}

export interface Description {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
}

/** What the description does not allow about this answer; empty when it is as described. */
export function faultsOf(
  description: Description,
  call: { readonly method?: string; readonly path: string },
  answer: { readonly status: number; readonly body: unknown },
): string[] {
  const path = call.path.split('?')[0] ?? '';
  // Of several that fit, the one that leaves the least open is the route's.
  const [template] = Object.keys(description.paths)
    .filter((it) => new RegExp(`^${it.replaceAll(/\{[a-zA-Z]+\}/g, '[^/]+')}$`).test(path))
    .toSorted((a, b) => a.split('{').length - b.split('{').length);
  const operation = description.paths[template ?? '']?.[(call.method ?? 'GET').toLowerCase()];
  const described = operation?.responses[String(answer.status)] ?? operation?.responses['default'];
  const schema = described?.content?.['application/json']?.schema;
  if (!schema) return [`${call.method ?? 'GET'} ${path}: ${answer.status} is not described`];
  return check(description, schema, answer.body, `${path} ${answer.status}`);
}

function check(all: Description, schema: Schema, value: unknown, at: string): string[] {
  if (schema.$ref !== undefined) {
    const target = all.components.schemas[schema.$ref.split('/').at(-1) ?? ''];
    return target ? check(all, target, value, at) : [`${at}: ${schema.$ref} leads nowhere`];
  }
  if (schema.anyOf !== undefined) {
    const faults = schema.anyOf.map((it) => check(all, it, value, at));
    return faults.find((it) => it.length === 0) ?? faults[0] ?? [];
  }
  if (schema.oneOf !== undefined) {
    const fits = schema.oneOf.filter((it) => check(all, it, value, at).length === 0);
    return fits.length === 1 ? [] : [`${at}: fits ${fits.length} of oneOf`];
  }
  if ('const' in schema && schema.const !== value) return [`${at}: ${JSON.stringify(value)} is not const`];
  if (schema.enum !== undefined && !schema.enum.includes(value)) return [`${at}: not in enum`];
  const types = schema.type === undefined ? null : [schema.type].flat();
  const type = typeOf(value);
  if (types !== null && !types.includes(type) && !(type === 'integer' && types.includes('number')))
    return [`${at}: ${type}, not ${types.join()}`];
  if (schema.pattern !== undefined && typeof value === 'string' && !new RegExp(schema.pattern).test(value))
    return [`${at}: ${value} does not match`];
  if (Array.isArray(value))
    return value.flatMap((item, index) =>
      schema.items ? check(all, schema.items, item, `${at}[${index}]`) : [],
    );
  if (schema.properties === undefined || typeof value !== 'object' || value === null) return [];
  return checkObject(all, schema, value as Record<string, unknown>, at);
}

function checkObject(all: Description, schema: Schema, value: Record<string, unknown>, at: string): string[] {
  const properties = schema.properties ?? {};
  const missing = (schema.required ?? []).filter((name) => !(name in value));
  return [
    ...missing.map((name) => `${at}.${name}: missing`),
    ...Object.entries(value).flatMap(([name, item]) => {
      const described = properties[name];
      return described ? check(all, described, item, `${at}.${name}`) : [`${at}.${name}: not described`];
    }),
  ];
}

function typeOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  return Number.isInteger(value) ? 'integer' : typeof value;
}
