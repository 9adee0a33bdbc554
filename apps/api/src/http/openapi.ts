import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { DocumentBuilder, SwaggerModule, type OpenAPIObject } from '@nestjs/swagger';
import type { ErrorCode } from '#domain';
import type { Dialects } from './dialects.js';
import { limitNameOf } from './limits.js';
import { SAYS } from './openapi-answers.js';
import { routesOf, type Route } from './routes.js';
import { SCHEMAS } from './openapi-schemas.js';

const ABOUT = `Pays for software agents and keeps the books. Money is text in base units; times are ISO 8601 in UTC.
Every answer carries x-request-id; send your own to find it in the log.`;

export function describe(
  app: NestFastifyApplication,
  controllers: readonly object[],
  dialects: Dialects,
): OpenAPIObject {
  const base = new DocumentBuilder()
    .setOpenAPIVersion('3.1.0')
    .setTitle('Purser')
    .setVersion('1')
    .setDescription(ABOUT)
    .addApiKey({ type: 'apiKey', in: 'header', name: 'x-agent-id' }, 'agentId')
    .addApiKey({ type: 'apiKey', in: 'header', name: 'x-api-key' }, 'apiKey')
    .addApiKey({ type: 'apiKey', in: 'header', name: 'x-request-timestamp' }, 'requestTimestamp')
    .addApiKey({ type: 'apiKey', in: 'header', name: 'x-agent-auth' }, 'agentSignature')
    .addApiKey(
      { type: 'apiKey', in: 'header', name: 'authorization', description: 'ApiKey <key>' },
      'authorization',
    )
    .addApiKey({ type: 'apiKey', in: 'header', name: 'x-agnic-token' }, 'agnicToken')
    .addBearerAuth({ type: 'http', scheme: 'bearer' }, 'bearer')
    .build();
  const document = SwaggerModule.createDocument(app, base, {
    operationIdFactory: (controller, method) => `${controller.replace(/Controller$/, '')}_${method}`,
  });
  Object.assign((document.components ??= {}), {
    schemas: { ...inWordsOf31(document.components.schemas), ...SCHEMAS },
  });
  for (const route of routesOf(controllers)) complete(document, route, dialects);
  return document;
}

/** `nullable` is OpenAPI 3.0; in 3.1 null is one of the types. */
function inWordsOf31<T>(schema: T): T {
  if (Array.isArray(schema)) return schema.map(inWordsOf31) as T;
  if (typeof schema !== 'object' || schema === null) return schema;
  const { nullable, ...rest } = Object.fromEntries(
    Object.entries(schema).map(([name, inner]) => [name, inWordsOf31(inner as unknown)]),
  );
  if (nullable !== true) return { ...rest, ...(nullable === undefined ? {} : { nullable }) } as T;
  return { ...rest, type: [rest['type'], 'null'] } as T;
}

const NOTHING_MORE = { details: {}, correlationId: '', atMs: 0 };
const SECURITY = [{ bearer: [] }, { apiKey: [] }];

interface Described {
  readonly parameters?: readonly object[];
  readonly requestBody?: object;
  readonly responses: Record<string, object | undefined>;
}

/** Who may call it and how that is proven; and the refusals that no route says for itself, as its dialect has them. */
function complete(document: OpenAPIObject, { method, path, access, scope }: Route, dialects: Dialects): void {
  const item = document.paths[path.replace(/:([a-zA-Z]+)/g, '{$1}')] as Record<string, Described> | undefined;
  const operation = item?.[method.toLowerCase()];
  if (!operation || access === undefined) return;
  if (access === 'public') {
    Object.assign(operation, { security: [] });
    return;
  }
  const dialect = dialects.of({ method, url: path, routeOptions: { url: path } });
  const roles = access.operator ? ['operator'] : access.roles;
  Object.assign(operation, { security: dialect.security ?? SECURITY, 'x-roles': roles });
  const limit = limitNameOf(dialect.name, method, scope);
  Object.assign(operation, { 'x-rate-limit-class': limit.slice(limit.indexOf('.') + 1) });
  const { responses } = operation;
  const trouble = responses['500'];
  if (!trouble) return;
  for (const code of refusalsOf(method, path)) {
    const { status } = dialect.renderError({ ...NOTHING_MORE, code, path });
    responses[status] ??= { ...trouble, description: SAYS[status] ?? '' };
  }
}

function refusalsOf(method: string, path: string): ErrorCode[] {
  return [
    'authentication_failed',
    'permission_denied',
    'rate_limited',
    'database_unavailable',
    'validation_failed',
    ...(method === 'GET' ? [] : (['body_too_large'] as const)),
    ...(path.includes('/:') ? (['not_found'] as const) : []),
  ];
}
