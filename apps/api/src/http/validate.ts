// Turns a parsed body or query into its DTO. Unknown fields are refused and every refusal names the field.
import { Injectable, type ArgumentMetadata, type PipeTransform } from '@nestjs/common';
import { validateSync, type ValidationError, type ValidatorOptions } from 'class-validator';
import { isErrorCode, refuse, type Refusal } from '#domain';
import { nestedIn } from './fields.js';

const OPTIONS: ValidatorOptions = {
  whitelist: true,
  forbidNonWhitelisted: true,
  forbidUnknownValues: true,
  validationError: { target: false },
};
const BUILT_IN: ReadonlySet<unknown> = new Set([String, Number, Boolean, Array, Object]);

@Injectable()
export class DtoPipe implements PipeTransform {
  transform(value: unknown, { type, metatype }: ArgumentMetadata): unknown {
    if ((type !== 'body' && type !== 'query') || metatype === undefined || BUILT_IN.has(metatype))
      return value;
    return readDto(metatype as new () => object, value, type);
  }
}

/** Refuses with the code of the first field that does not fit; `fields` lists all of them. */
export function readDto<T extends object>(type: new () => T, value: unknown, place: 'body' | 'query'): T {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    if (place === 'body' && value !== undefined && value !== null)
      throw refuse('validation_failed', { field: 'body', reason: 'not_an_object' });
    return readDto(type, {}, place);
  }
  const dto = instantiate(type, value);
  const errors = validateSync(dto, OPTIONS);
  if (errors.length > 0) throw refusalFor(errors);
  return dto as T;
}

function instantiate(type: new () => object, value: object): object {
  const dto = Object.assign(new type(), value) as Record<string, unknown>;
  for (const [name, inner] of nestedIn(type)) {
    const part = dto[name];
    if (part !== undefined)
      dto[name] = Array.isArray(part) ? part.map((item) => partOf(inner, item)) : partOf(inner, part);
  }
  return dto;
}

/** What is no object stays what it is, and is refused for it. */
function partOf(type: new () => object, part: unknown): unknown {
  const fits = typeof part === 'object' && part !== null && !Array.isArray(part);
  return fits ? instantiate(type, part) : part;
}

function refusalFor(errors: readonly ValidationError[]): Refusal {
  const faults = errors.flatMap((error) => flatten(error, ''));
  const first = faults[0];
  if (!first) return refuse('validation_failed', { field: 'body', reason: 'malformed' });
  return refuse(first.code, {
    field: first.field,
    reason: first.reason,
    ...(faults.length > 1 ? { fields: faults.map((fault) => fault.field) } : {}),
  });
}

interface Fault {
  readonly field: string;
  readonly code: Refusal['code'];
  readonly reason: string;
}

function flatten(error: ValidationError, prefix: string): Fault[] {
  const name = `${prefix}${error.property}`;
  const inner = (error.children ?? []).flatMap((child) => flatten(child, `${name}.`));
  if (inner.length > 0) return inner;
  const [context] = Object.values(error.contexts ?? {}) as { code?: unknown; reason?: unknown }[];
  if (context && isErrorCode(context.code)) {
    if (error.value === undefined) return [{ field: name, code: 'validation_failed', reason: 'missing' }];
    return [{ field: name, code: context.code, reason: String(context.reason) }];
  }
  const unknown = error.constraints?.['whitelistValidation'] !== undefined;
  return [{ field: name, code: 'validation_failed', reason: unknown ? 'unknown_field' : 'malformed' }];
}
