import { Body, Controller, Headers, HttpCode, Inject, Post, Res } from '@nestjs/common';
import { ApiHeader, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { parseIdempotencyKey } from '#domain';
import { quote, type OperationView, type Principal } from '#engine';
import type { ApiCore } from '../../core.js';
import { Caller, Roles, Scope } from '../../http/access.js';
import { agentOf } from '../../http/agent.js';
import { Speaks, type Rendered } from '../../http/dialect.js';
import { Answer, Errors } from '../../http/openapi-answers.js';
import { livePayment } from '../../http/payment.js';
import { send } from '../../http/send.js';
import { Stopping } from '../../http/stopping.js';
import { submitAndWait, type Answered, type Command } from '../../http/submitting.js';
import { responseOf } from '../../http/upstream.js';
import { CORE, STOPPING } from '../../tokens.js';
import { hightop } from './dialect.js';
import { PurchaseDto, QuoteDto, SignDto } from './hightop.dto.js';
import { renderPurchase, renderSign, type Extras } from './render.js';
import { renderQuote } from './render-quote.js';
import { toAuthorize, toPurchase, toQuote } from './to-command.js';

const KEY = ApiHeader({
  name: 'Idempotency-Key',
  required: true,
  description: '1 to 200 printable characters. The same key and request is the same payment, for ever.',
});

@ApiTags('Hightop v1')
@Speaks(hightop)
@Controller('v1/agent/x402')
export class HightopX402Controller {
  constructor(
    @Inject(CORE) readonly core: ApiCore,
    @Inject(STOPPING) readonly stopping: Stopping,
  ) {}

  @Post('quote')
  @HttpCode(200)
  @Roles('agent')
  @Scope('agent:simulate')
  @ApiOperation({ summary: 'Ask what a URL costs and what policy would say; spends and stores nothing' })
  @Answer(200, 'HightopQuote')
  @Errors('HightopError', 400, 401, 502)
  async quote(@Caller() caller: Principal, @Body() dto: QuoteDto): Promise<object> {
    const { request, body } = toQuote(dto);
    return renderQuote(this.core.ports.assets, await quote(this.core.ports, agentOf(caller), request, body));
  }

  @Post('purchase')
  @HttpCode(200)
  @Roles('agent')
  @Scope('agent:payments:write')
  @KEY
  @ApiOperation({ summary: 'Buy a URL: pay at most max_amount, hand back what the seller answers' })
  @Answer(200, 'HightopPurchase')
  @Answer(202, 'HightopPending')
  @Errors('HightopError', 400, 401, 403, 409, 413, 422, 502, 503)
  async purchase(
    @Caller() caller: Principal,
    @Headers('idempotency-key') key: string | undefined,
    @Body() dto: PurchaseDto,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const { view, replayed } = await this.run(caller, key, toPurchase(dto));
    send(reply, await this.rendered(caller, renderPurchase, { view, replayed }));
  }

  @Post('sign')
  @HttpCode(200)
  @Roles('agent')
  @Scope('agent:payments:write')
  @KEY
  @ApiOperation({ summary: 'Sign the payment of a URL, for the caller to attach' })
  @Answer(200, 'HightopSignature')
  @Answer(202, 'HightopPending')
  @Errors('HightopError', 400, 401, 403, 409, 413, 422, 502, 503)
  async sign(
    @Caller() caller: Principal,
    @Headers('idempotency-key') key: string | undefined,
    @Body() dto: SignDto,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const { view, replayed } = await this.run(caller, key, toAuthorize(dto));
    send(reply, await this.rendered(caller, renderSign, { view, replayed }));
  }

  private run(caller: Principal, key: string | undefined, command: Command): Promise<Answered> {
    return submitAndWait(this, agentOf(caller), parseIdempotencyKey(key), command);
  }

  private async rendered(
    caller: Principal,
    render: (view: OperationView, extras: Extras) => Rendered,
    { view, replayed }: Answered,
  ): Promise<Rendered> {
    const { ports } = this.core;
    const signed = view.kind === 'authorize';
    return render(view, {
      replayed,
      response: signed ? null : await responseOf(ports, view),
      payment: signed ? await livePayment(ports, caller, view) : null,
    });
  }
}
