// What an answer may never be: a failure of ours, or anything that the description does not have.
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import type { Reply } from './household.js';
import type { DescribedRoute, Document, JsonSchema } from './openapi-document.js';

const PROBLEM_OF_OTHERS = [502, 503];

export class Judge {
  private readonly ajv = new Ajv2020({ strict: false, allErrors: true });
  private readonly compiled = new Map<JsonSchema, ValidateFunction>();

  constructor(document: Document) {
    this.ajv.addFormat('uuid', /^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$/);
    this.ajv.addFormat('date-time', { validate: (text: string) => new Date(text).toISOString() === text });
    this.ajv.addFormat('uri', { validate: (text: string) => URL.canParse(text) });
    this.ajv.addSchema({ $id: 'purser', components: { schemas: closed(document.schemas) } });
  }

  /** Why the answer should not be; null when it is as described. `route` null: no route is described for the request. */
  fault(route: DescribedRoute | null, { status, headers, text, body }: Reply): string | null {
    if (status >= 500 && !PROBLEM_OF_OTHERS.includes(status)) return `${status} is a failure of ours`;
    if (typeof headers['x-request-id'] !== 'string') return 'no x-request-id';
    if (route === null)
      return status >= 400 || status === 200 || status === 204 ? null : `${status} off every route`;
    const schema = route.answers.get(status);
    if (schema === undefined) return `${status} is not described`;
    if (schema === null) return null;
    if (text === '') return `${status} has no body, and one is described`;
    const validate = this.compiledOf(schema);
    if (validate(body)) return null;
    return `not as described: ${this.ajv.errorsText(validate.errors?.slice(0, 3) ?? null)}`;
  }

  private compiledOf(schema: JsonSchema): ValidateFunction {
    const known = this.compiled.get(schema);
    if (known) return known;
    const made = this.ajv.compile(absolute(closed(schema)) as object);
    this.compiled.set(schema, made);
    return made;
  }
}

/** Every object has the described properties and no others. */
function closed(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(closed);
  if (typeof schema !== 'object' || schema === null) return schema;
  const inner = Object.fromEntries(Object.entries(schema).map(([name, it]) => [name, closed(it)]));
  const open = 'properties' in inner && !('additionalProperties' in inner) && !('allOf' in inner);
  return open && typeof inner['type'] !== 'undefined' ? { ...inner, additionalProperties: false } : inner;
}

const absolute = (schema: unknown): unknown =>
  JSON.parse(JSON.stringify(schema).replaceAll('"#/components/', '"purser#/components/'));
