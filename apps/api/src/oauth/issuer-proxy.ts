// The embedded issuer is a process of its own on loopback; its paths are served here, so that clients need one address. Nothing is decided on
// the way: bodies pass as bytes, and no credential of ours is read or added.
import { request as send, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';

export interface IssuerProxyOptions {
  /** Of the issuer process, `http://127.0.0.1:port`. */
  readonly issuerUrl: string;
  /** How callers reach us: what the issuer puts into its own links and cookies. */
  readonly publicUrl: string;
}

const PATHS = [
  '/oauth/*',
  '/connect/*',
  '/.well-known/oauth-authorization-server',
  '/.well-known/openid-configuration',
];
const WITHIN_MS = 15_000;
/** Of one connection, or ours to say. */
const NOT_PASSED_ON =
  /^(?:connection|keep-alive|proxy-.*|te|trailer|transfer-encoding|upgrade|host|forwarded|x-forwarded-.*)$/;

export async function proxyIssuer(fastify: FastifyInstance, options: IssuerProxyOptions): Promise<void> {
  // A context of its own: everywhere else only JSON is read.
  await fastify.register((scope, _, done) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, parsed) => parsed(null, body));
    for (const url of PATHS)
      scope.route({
        method: ['GET', 'POST', 'OPTIONS'],
        url,
        handler: (request, reply) => pass(request, reply, options),
      });
    done();
  });
}

function pass(
  request: FastifyRequest,
  reply: FastifyReply,
  { issuerUrl, publicUrl }: IssuerProxyOptions,
): Promise<FastifyReply> {
  const { host, protocol } = new URL(publicUrl);
  const headers = {
    ...passedOn(request.headers),
    host,
    'x-forwarded-proto': protocol.slice(0, -1),
    'x-forwarded-for': request.ip,
  };
  return new Promise((answered) => {
    const outgoing = send(
      `${issuerUrl}${request.url}`,
      { method: request.method, headers, timeout: WITHIN_MS },
      (incoming: IncomingMessage) => {
        void reply.code(incoming.statusCode ?? 502).headers(passedOn(incoming.headers));
        answered(reply.send(incoming));
      },
    );
    outgoing.once('timeout', () => outgoing.destroy());
    outgoing.once('error', () => {
      const body = { error: 'temporarily_unavailable', error_description: 'the issuer does not answer' };
      answered(reply.code(503).header('retry-after', '1').send(body));
    });
    outgoing.end(Buffer.isBuffer(request.body) ? request.body : undefined);
  });
}

function passedOn(headers: IncomingHttpHeaders): Record<string, string | string[]> {
  const kept = Object.entries(headers).flatMap(([name, value]) =>
    value === undefined || NOT_PASSED_ON.test(name) ? [] : [[name, value] as const],
  );
  return Object.fromEntries(kept);
}
