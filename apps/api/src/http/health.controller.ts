import { Controller, Get, Inject, Res } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
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
  async metrics(@Res() reply: FastifyReply): Promise<void> {
    const { metrics } = this.core;
    send(reply, {
      status: 200,
      headers: { 'content-type': metrics.contentType },
      body: await metrics.scrape(),
    });
  }
}
