import { Body, Controller, HttpCode, Inject, Param, Post, Res } from '@nestjs/common';
import { ApiHeader, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import type { Principal } from '#engine';
import type { ApiCore } from '../../core.js';
import { Caller, Roles, Scope } from '../../http/access.js';
import { agentNamed } from '../../http/agent.js';
import { Speaks } from '../../http/dialect.js';
import { Answer, Errors } from '../../http/openapi-answers.js';
import { livePayment } from '../../http/payment.js';
import { send } from '../../http/send.js';
import { Stopping } from '../../http/stopping.js';
import { keyFrom, submitAgainAndWait } from '../../http/submitting.js';
import { CORE, STOPPING } from '../../tokens.js';
import { relayer } from './dialect.js';
import { placeOf } from './envelope.js';
import { PayDto } from './payments.dto.js';
import { renderPayment } from './render-payment.js';
import { toPayment } from './to-payment.js';

@ApiTags('Relayer')
@Speaks(relayer)
@Controller('v1/agents')
export class RelayerPaymentsController {
  constructor(
    @Inject(CORE) readonly core: ApiCore,
    @Inject(STOPPING) readonly stopping: Stopping,
  ) {}

  @Post(':id/x402-pay')
  @HttpCode(200)
  @Roles('agent', 'backend')
  @Scope('agent:payments:write')
  @ApiHeader({
    name: 'Idempotency-Key',
    required: false,
    description: 'the same key and request is one payment',
  })
  @ApiOperation({ summary: 'Pay what a 402 asked for: the header to repeat the request with' })
  @Answer(200, 'RelayerPayment')
  @Answer(202, 'RelayerPending')
  @Errors('RelayerError', 400, 401, 402, 403, 404, 409, 413, 422, 502, 503)
  async pay(
    @Caller() caller: Principal,
    @Param('id') id: string,
    @Body() dto: PayDto,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const { core } = this;
    const who = await agentNamed(core, caller, id);
    const command = toPayment(dto, core.ports.assets);
    const sent = keyFrom(reply.request.headers['idempotency-key'], {
      field: 'idempotencyKey',
      key: dto.idempotencyKey,
    });
    const { view, replayed } = await submitAgainAndWait(this, who, sent, command);
    const payment = await livePayment(core.ports, caller, view);
    send(reply, renderPayment(placeOf(core, reply.request), view, { payment, replayed }));
  }
}
