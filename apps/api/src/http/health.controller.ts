import { refuse } from '#domain';
import { Controller, Get, Inject, Req, Res } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { ApiCore } from '../core.js';
import { CORE } from '../tokens.js';
import { Public } from './access.js';
import { send } from './send.js';

@ApiTags('Health')
@Controller()
export class HealthController {
  constructor(@Inject(CORE) private readonly core: ApiCore) {}

  @Get('health/live')
  @Public()
  @ApiOperation({ summary: 'The process runs' })
  live(): object {
    return { status: 'ok' };
  }

  @Get('health/ready')
  @Public()
  @ApiOperation({ summary: 'The process can do its work; 503 when a required part is away' })
  async ready(@Res() reply: FastifyReply): Promise<void> {
    const { ready, parts } = await this.core.health();
    send(reply, { status: ready ? 200 : 503, body: { status: ready ? 'ok' : 'unavailable', parts } });
  }

  @Get('metrics')
  @Public()
  @ApiOperation({ summary: 'Figures in Prometheus text format' })
  async metrics(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const { metrics, metricsFor } = this.core;
    if (metricsFor === 'off' || (metricsFor === 'loopback' && !fromThisMachine(request)))
      throw refuse('not_found', { object: 'route' });
    send(reply, {
      status: 200,
      headers: { 'content-type': metrics.contentType },
      body: await metrics.scrape(),
    });
  }
}

/** A proxy on this machine speaks for somebody else. */
function fromThisMachine({ socket, headers }: FastifyRequest): boolean {
  const { remoteAddress } = socket;
  const loopback =
    remoteAddress === '127.0.0.1' || remoteAddress === '::1' || remoteAddress === '::ffff:127.0.0.1';
  return loopback && headers['x-forwarded-for'] === undefined && headers.forwarded === undefined;
}
