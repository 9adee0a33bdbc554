import { applyDecorators } from '@nestjs/common';
import { ApiResponse } from '@nestjs/swagger';
import type { SchemaName } from './openapi-schemas.js';

export const SAYS: Readonly<Record<number, string>> = {
  200: 'Done',
  201: 'Created',
  202: 'Accepted, not finished: poll the operation',
  400: 'The request is malformed; `field` names the place',
  401: 'Missing or wrong credentials',
  402: 'Proven unpaid, or refused before anything was signed',
  403: 'Not allowed: by role, policy, limit or a stop',
  404: 'No such object in this workspace',
  409: 'Conflict with what has happened before',
  413: 'The body is larger than 64 KiB',
  422: 'Understood and refused',
  429: 'Too many calls; `retry-after` says when the next one may pass. No key is bound',
  500: 'Internal error; the correlation id finds it in the log',
  502: 'The seller failed, or the outcome is not known yet: see the operation',
  503: 'Not available right now; retry with the same key',
};

const ref = (name: SchemaName) => ({ $ref: `#/components/schemas/${name}` });

/** `default`: every status that is not described by itself. */
export const Answer = (status: number | 'default', schema: SchemaName): MethodDecorator =>
  ApiResponse({
    status,
    description: (status === 'default' ? undefined : SAYS[status]) ?? '',
    content: { 'application/json': { schema: ref(schema) } },
  });

export const Errors = (schema: SchemaName, ...statuses: readonly number[]): MethodDecorator =>
  applyDecorators(...[...new Set([...statuses, ...ALWAYS])].map((status) => Answer(status, schema)));

/** A credential without the scope, too many calls, a fault of ours: any call may meet them. */
const ALWAYS = [403, 429, 500];
