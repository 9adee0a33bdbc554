import 'reflect-metadata';
import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import type { OpenAPIObject } from '@nestjs/swagger';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { acceptCorrelationId } from '#runtime';
import { AppModule, CONTROLLERS } from './app.module.js';
import type { ApiCore } from './core.js';
import { AuthGuard } from './http/auth.guard.js';
import { Dialects, served } from './http/dialects.js';
import { answerError, ErrorFilter } from './http/error.filter.js';
import { readJsonBodies } from './http/json-body.js';
import { describe } from './http/openapi.js';
import { assertAccessDeclared } from './http/routes.js';
import { Stopping } from './http/stopping.js';
import { DtoPipe } from './http/validate.js';
import { serveIssuerPaths } from './oauth/issuer-paths.js';
import { DOCUMENT } from './tokens.js';

const BODY_LIMIT_BYTES = 64 * 1024;
/** A sender that is slower holds a connection for nothing. */
const RECEIVE_WITHIN_MS = 30_000;

/** The HTTP application on the given core, ready to `listen` or `inject`. Closing it ends no part of the core. */
export async function createApp(
  core: ApiCore,
  stopping: Stopping = new Stopping(),
): Promise<NestFastifyApplication> {
  const controllers = served<Type>(CONTROLLERS, core.dialects);
  const dialects = new Dialects(controllers);
  const publicUrl = core.oauth?.publicUrl ?? null;
  const errors = { logger: core.logger, dialects, publicUrl, nowMs: () => core.ports.clock.nowMs() };
  assertAccessDeclared(controllers);
  const adapter = new FastifyAdapter({
    bodyLimit: BODY_LIMIT_BYTES,
    genReqId: (request: IncomingMessage) =>
      acceptCorrelationId(request.headers['x-request-id']) ?? randomUUID(),
    trustProxy: core.trustedProxies.length > 0 ? [...core.trustedProxies] : false,
    routerOptions: { maxParamLength: 200 },
    // To receive a request in, not to answer it.
    requestTimeout: RECEIVE_WITHIN_MS,
    // What is refused before there is a route, such as a malformed path.
    frameworkErrors: (error: Error, request: FastifyRequest, reply: FastifyReply) =>
      answerError(errors, error, request, reply),
    // Requests under way at shutdown are finished; new ones on kept connections are told to go elsewhere.
    forceCloseConnections: 'idle',
    return503OnClosing: true,
    logger: false,
  });
  const app = await NestFactory.create<NestFastifyApplication>(
    AppModule.with(core, stopping, controllers),
    adapter,
    {
      bodyParser: false,
      logger: false,
      abortOnError: false,
    },
  );
  readJsonBodies(adapter.getInstance());
  hook(adapter.getInstance(), core);
  const issuerUrl = core.oauth?.embedded?.url;
  await serveIssuerPaths(adapter.getInstance(), {
    embedded: issuerUrl === undefined || publicUrl === null ? null : { issuerUrl, publicUrl },
    agnicHosts: core.agnicHosts,
  });
  app.useGlobalGuards(new AuthGuard(core, dialects));
  app.useGlobalPipes(new DtoPipe());
  app.useGlobalFilters(new ErrorFilter(errors));
  app.get<{ current: OpenAPIObject | null }>(DOCUMENT).current = describe(app, controllers, dialects);
  await app.init();
  await adapter.getInstance().ready();
  return app;
}

/** The id is handed on by hand: an async-local context would slow down every promise of the process (a tenth of the accept path on Node 20). */
function hook(fastify: FastifyInstance, { metrics }: ApiCore): void {
  fastify.addHook('onRequest', (request, reply, done) => {
    reply.header('x-request-id', request.id);
    done();
  });
  fastify.addHook('onResponse', (request, reply, done) => {
    const route = request.routeOptions.url ?? 'unknown';
    metrics.httpTook(route, request.method, reply.statusCode, reply.elapsedTime);
    done();
  });
}
