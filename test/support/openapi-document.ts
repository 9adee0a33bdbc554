// The description as the tests that walk all of it read it.
import type { Caller } from './household.js';

export interface JsonSchema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | JsonSchema;
  readonly items?: JsonSchema;
  readonly oneOf?: readonly JsonSchema[];
  readonly anyOf?: readonly JsonSchema[];
  readonly allOf?: readonly JsonSchema[];
  readonly pattern?: string;
  readonly format?: string;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly contentEncoding?: string;
  readonly example?: unknown;
}

interface Content {
  readonly content?: Readonly<Record<string, { readonly schema?: JsonSchema }>>;
}

export interface Parameter {
  readonly name: string;
  readonly in: string;
  readonly required?: boolean;
  readonly schema?: JsonSchema;
}

export interface DescribedRoute {
  readonly method: string;
  /** With `{id}`. */
  readonly path: string;
  readonly parameters: readonly Parameter[];
  readonly body: JsonSchema | undefined;
  readonly security: readonly Readonly<Record<string, unknown>>[];
  /** Of those who may call it; empty where anybody may. */
  readonly roles: readonly string[];
  /** Status to the schema of its answer; null where it is described without one. */
  readonly answers: ReadonlyMap<number, JsonSchema | null>;
}

export interface Document {
  readonly routes: readonly DescribedRoute[];
  readonly schemas: Readonly<Record<string, JsonSchema>>;
}

interface RawOperation {
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: Content;
  readonly responses: Readonly<Record<string, Content>>;
  readonly security?: readonly Readonly<Record<string, unknown>>[];
  readonly 'x-roles'?: readonly string[];
}

export async function readDocument(call: Caller): Promise<Document> {
  const { body } = await call({ method: 'GET', path: '/openapi.json' });
  const { paths, components } = body as {
    paths: Readonly<Record<string, Readonly<Record<string, RawOperation>>>>;
    components: { schemas: Readonly<Record<string, JsonSchema>> };
  };
  const routes = Object.entries(paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]) => ({
      method: method.toUpperCase(),
      path,
      parameters: operation.parameters ?? [],
      body: operation.requestBody?.content?.['application/json']?.schema,
      security: operation.security ?? [],
      roles: operation['x-roles'] ?? [],
      answers: new Map(
        Object.entries(operation.responses).map(([status, { content }]) => [
          Number(status),
          content?.['application/json']?.schema ?? null,
        ]),
      ),
    })),
  );
  return { routes, schemas: components.schemas };
}

/** What `$ref` leads to, as deep as it goes. */
export function resolved(schemas: Document['schemas'], schema: JsonSchema): JsonSchema {
  const name = schema.$ref?.split('/').at(-1);
  if (name !== undefined) return resolved(schemas, schemas[name] ?? {});
  const [only] = schema.allOf ?? [];
  return only ? resolved(schemas, only) : schema;
}
