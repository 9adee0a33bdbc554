// The description as TypeScript types: what the client is compiled against. Only the part of JSON Schema that the description uses, and
// only what the native routes reach; anything else in it is an error here and not a guess.
interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | Schema;
  readonly items?: Schema;
  readonly oneOf?: readonly Schema[];
  readonly anyOf?: readonly Schema[];
  readonly allOf?: readonly Schema[];
  readonly description?: string;
}

interface Content {
  readonly content?: { readonly 'application/json'?: { readonly schema: Schema } };
}

interface Operation {
  readonly summary?: string;
  readonly parameters?: readonly {
    readonly name: string;
    readonly in: string;
    readonly required?: boolean;
    readonly description?: string;
    readonly schema: Schema;
  }[];
  readonly requestBody?: Content;
  readonly responses: Readonly<Record<string, Content>>;
}

interface Description {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
}

const HEAD =
  '// Generated from docs/openapi.json; a test compares them. Money is text in base units, times are ISO 8601.';
const PREFIX = '/purser/v1';

/** TypeScript source, to be formatted. @throws for a schema it cannot read */
export function typesOf(document: unknown): string {
  const { paths, components } = document as Description;
  const reached = new Set<string>(['Error']);
  const routes = Object.entries(paths).flatMap(([path, item]) =>
    path.startsWith(PREFIX)
      ? Object.entries(item).map(([method, operation]) =>
          route(`${method.toUpperCase()} ${path}`, operation, reached),
        )
      : [],
  );
  const schemas: string[] = [];
  // A set grows while it is walked, so what a schema refers to is reached as well.
  for (const name of reached) schemas.push(declared(name, components.schemas[name], reached));
  return [
    HEAD,
    '',
    ...schemas.toSorted(),
    '/** Method and path to what is sent and what a success answers. */',
    `export interface Routes {\n${routes.join('\n')}\n}`,
  ].join('\n');
}

function declared(name: string, schema: Schema | undefined, reached: Set<string>): string {
  if (!schema) throw new Error(`the description has no schema ${name}`);
  const text = typeText(schema, reached);
  return schema.type === 'object'
    ? `export interface ${nameOf(name)} ${text}\n`
    : `export type ${nameOf(name)} = ${text};\n`;
}

/** Not the name of something that every program has already. */
const nameOf = (name: string): string => (name === 'Error' ? 'ErrorAnswer' : name);

function route(name: string, operation: Operation, reached: Set<string>): string {
  const fields = (operation.parameters ?? [])
    .filter((it) => it.in === 'query')
    .map((it) => field(it.name, { ...it.schema, description: it.description ?? '' }, it.required, reached));
  const body = operation.requestBody?.content?.['application/json']?.schema;
  const answers = Object.entries(operation.responses)
    .filter(([status]) => status.startsWith('2'))
    .flatMap(([, response]) => response.content?.['application/json']?.schema ?? [])
    .map((schema) => typeText(schema, reached));
  return [
    `${comment(operation.summary)}'${name}': {`,
    `query: ${fields.length > 0 ? `{ ${fields.join(' ')} }` : 'undefined'};`,
    `body: ${body ? typeText(body, reached) : 'undefined'};`,
    `answer: ${[...new Set(answers)].join(' | ') || 'unknown'};`,
    '};',
  ].join('\n');
}

function typeText(schema: Schema, reached: Set<string>): string {
  if (schema.$ref !== undefined) {
    const name = schema.$ref.split('/').at(-1) ?? '';
    reached.add(name);
    return nameOf(name);
  }
  const among = schema.oneOf ?? schema.anyOf;
  if (among) return among.map((it) => typeText(it, reached)).join(' | ');
  if (schema.allOf) return schema.allOf.map((it) => typeText(it, reached)).join(' & ');
  if ('const' in schema) return JSON.stringify(schema.const);
  if (schema.enum) return schema.enum.map((it) => JSON.stringify(it)).join(' | ');
  if (schema.type === undefined) return 'unknown';
  return [schema.type]
    .flat()
    .map((type) => ofType(type, schema, reached))
    .join(' | ');
}

function ofType(type: string, schema: Schema, reached: Set<string>): string {
  switch (type) {
    case 'string':
    case 'boolean':
    case 'null':
      return type;
    case 'integer':
    case 'number':
      return 'number';
    case 'array':
      return `(${schema.items ? typeText(schema.items, reached) : 'unknown'})[]`;
    case 'object':
      return objectText(schema, reached);
    default:
      throw new Error(`the description has a type ${type}`);
  }
}

function objectText(
  { properties, required = [], additionalProperties }: Schema,
  reached: Set<string>,
): string {
  if (properties)
    return `{ ${Object.entries(properties)
      .map(([name, schema]) => field(name, schema, required.includes(name), reached))
      .join(' ')} }`;
  const values =
    typeof additionalProperties === 'object' ? typeText(additionalProperties, reached) : 'unknown';
  return `{ [name: string]: ${values} }`;
}

function field(name: string, schema: Schema, required: boolean | undefined, reached: Set<string>): string {
  const text = typeText(schema, reached);
  return `\n${comment(schema.description)}${name}${required ? '' : '?'}: ${text}${required ? '' : ' | undefined'};`;
}

const comment = (text: string | undefined): string =>
  text ? `/** ${text.replaceAll('*/', '* /').replaceAll('\n', ' ')} */\n` : '';
