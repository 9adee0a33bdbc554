// The paths of authorization servers. The embedded issuer is a process of its own on loopback; its paths are served here, so that clients need one
// address. Nothing is decided on the way: bodies pass as bytes, and no credential of ours is read or added. Another vendor has a server of its
// own at some of the same paths, told apart by host name (ruling 29); it is not served, and says so.
import { request as send, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';

export interface IssuerPathsOptions {
  readonly embedded: {
    /** Of the issuer process, `http://127.0.0.1:port`. */
    readonly issuerUrl: string;
    /** How callers reach us: what the issuer puts into its own links and cookies. */
    readonly publicUrl: string;
  } | null;
  /** Names, without ports, under which AgnicPay's clients reach us. */
  readonly agnicHosts: readonly string[];
}

const PATHS = [
  '/oauth/*',
  '/connect/*',
  '/.well-known/oauth-authorization-server',
  '/.well-known/openid-configuration',
];
/** Of AgnicPay alone, whatever the host. */
const AGNIC_PATHS = /^\/oauth\/(?:authorize|complete-authorization)(?:\?|$)/;
const NOT_SERVED = {
  success: false,
  error: 'not_found',
  error_description: "AgnicPay's OAuth server is not served here; use an API token (X-Agnic-Token).",
};
const WITHIN_MS = 15_000;
/** Of one connection, or ours to say. */
const NOT_PASSED_ON =
  /^(?:connection|keep-alive|proxy-.*|te|trailer|transfer-encoding|upgrade|host|forwarded|x-forwarded-.*)$/;

export async function serveIssuerPaths(
  fastify: FastifyInstance,
  { embedded, agnicHosts }: IssuerPathsOptions,
): Promise<void> {
  const handler = (request: FastifyRequest, reply: FastifyReply): unknown => {
    if (AGNIC_PATHS.test(request.url) || agnicHosts.includes(request.hostname.toLowerCase()))
      return reply.code(404).send(NOT_SERVED);
    return embedded === null ? reply.callNotFound() : pass(request, reply, embedded);
  };
  // A context of its own: everywhere else only JSON is read.
  await fastify.register((scope, _, done) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, parsed) => parsed(null, body));
    for (const url of PATHS) scope.route({ method: ['GET', 'POST', 'OPTIONS'], url, handler });
    done();
  });
}

function pass(
  request: FastifyRequest,
  reply: FastifyReply,
  { issuerUrl, publicUrl }: NonNullable<IssuerPathsOptions['embedded']>,
): Promise<FastifyReply> {
  const { hostname, port } = new URL(issuerUrl);
  const { host, protocol } = new URL(publicUrl);
  const headers = {
    ...passedOn(request.headers),
    host,
    'x-forwarded-proto': protocol.slice(0, -1),
    'x-forwarded-for': request.ip,
  };
  return new Promise((answered) => {
    const outgoing = send(
      { hostname, port, path: request.url, method: request.method, headers, timeout: WITHIN_MS },
      (incoming: IncomingMessage) => {
        void reply.code(incoming.statusCode ?? 502).headers(passedOn(incoming.headers));
        answered(reply.send(incoming));
      },
    );
    outgoing.once('timeout', () => outgoing.destroy());
    outgoing.once('error', () => {
      if (reply.sent) return;
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
