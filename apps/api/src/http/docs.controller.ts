// The description of the API and a page to read it. Every asset is our own copy: the page loads nothing from elsewhere.
import { createRequire } from 'node:module';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Controller, Get, Inject, Param, Res } from '@nestjs/common';
import { ApiExcludeController, type OpenAPIObject } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { refuse } from '#domain';
import { DOCUMENT } from '../tokens.js';
import { Public } from './access.js';
import { send } from './send.js';

const ASSETS: Readonly<Record<string, string>> = {
  'swagger-ui.css': 'text/css',
  'swagger-ui-bundle.js': 'text/javascript',
};
const START = `SwaggerUIBundle({ url: '/openapi.json', dom_id: '#docs', deepLinking: true });`;
const PAGE = `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>Purser API</title><link rel="stylesheet" href="/docs/swagger-ui.css"></head>
<body><main id="docs"></main><script src="/docs/swagger-ui-bundle.js"></script><script src="/docs/start.js"></script></body>
</html>
`;
const POLICY = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:";

@ApiExcludeController()
@Controller()
export class DocsController {
  constructor(@Inject(DOCUMENT) private readonly document: { current: OpenAPIObject | null }) {}

  @Get('openapi.json')
  @Public()
  openapi(): OpenAPIObject {
    if (this.document.current === null) throw new Error('the description is made before the server listens');
    return this.document.current;
  }

  @Get('docs')
  @Public()
  page(@Res() reply: FastifyReply): void {
    const headers = { 'content-type': 'text/html; charset=utf-8', 'content-security-policy': POLICY };
    send(reply, { status: 200, headers, body: PAGE });
  }

  @Get('docs/:asset')
  @Public()
  async asset(@Param('asset') asset: string, @Res() reply: FastifyReply): Promise<void> {
    if (asset === 'start.js')
      return send(reply, { status: 200, headers: { 'content-type': 'text/javascript' }, body: START });
    const type = Object.hasOwn(ASSETS, asset) ? ASSETS[asset] : undefined;
    if (type === undefined) throw refuse('not_found', { object: 'route' });
    const headers = { 'content-type': type, 'cache-control': 'public, max-age=3600' };
    send(reply, { status: 200, headers, body: await readFile(join(swaggerUi(), asset)) });
  }
}

/** The copy that @nestjs/swagger brings along. */
function swaggerUi(): string {
  const { resolve } = createRequire(import.meta.url);
  return dirname(createRequire(resolve('@nestjs/swagger')).resolve('swagger-ui-dist/package.json'));
}
