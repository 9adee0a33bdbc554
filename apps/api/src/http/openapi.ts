import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { DocumentBuilder, SwaggerModule, type OpenAPIObject } from '@nestjs/swagger';
import { routesOf, type Route } from './routes.js';
import { SCHEMAS } from './openapi-schemas.js';

const ABOUT = `Pays for software agents and keeps the books. Money is text in base units; times are ISO 8601 in UTC.
Every answer carries x-request-id; send your own to find it in the log.`;

export function describe(app: NestFastifyApplication, controllers: readonly object[]): OpenAPIObject {
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
  for (const route of routesOf(controllers)) secure(document, route);
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

const SECURITY = [{ bearer: [] }, { apiKey: [] }];

function secure(document: OpenAPIObject, { method, path, access, dialect }: Route): void {
  const item = document.paths[path.replace(/:([a-zA-Z]+)/g, '{$1}')] as Record<string, object> | undefined;
  const operation = item?.[method.toLowerCase()];
  if (!operation || access === undefined) return;
  if (access === 'public') {
    Object.assign(operation, { security: [] });
    return;
  }
  const roles = access.operator ? ['operator'] : access.roles;
  Object.assign(operation, { security: dialect?.security ?? SECURITY, 'x-roles': roles });
}
