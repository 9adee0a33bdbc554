import { Body, Controller, Headers, HttpCode, Inject, Post, Query, Req, Res } from '@nestjs/common';
import { ApiBody, ApiHeader, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { refuse } from '#domain';
import type { Principal } from '#engine';
import type { ApiCore } from '../../core.js';
import { Caller, Roles } from '../../http/access.js';
import { agentOf } from '../../http/agent.js';
import { Speaks } from '../../http/dialect.js';
import { rawBodyOf } from '../../http/json-body.js';
import { Answer, Errors } from '../../http/openapi-answers.js';
import { livePayment } from '../../http/payment.js';
import { send } from '../../http/send.js';
import { Stopping } from '../../http/stopping.js';
import { keyFrom, submitAgainAndWait } from '../../http/submitting.js';
import { storedAnswer } from '../../http/upstream.js';
import { CORE, STOPPING } from '../../tokens.js';
import { FetchQuery, SignPaymentDto } from './agnicpay.dto.js';
import { agnicpay } from './dialect.js';
import { renderFetch, renderSignature } from './render.js';
import { toAuthorize, toFetch } from './to-command.js';

const KEY = ApiHeader({
  name: 'Idempotency-Key',
  required: false,
  description: 'the same key and request is the same payment, for ever',
});

@ApiTags('AgnicPay')
@Speaks(agnicpay)
@Controller('api')
export class AgnicPayController {
  constructor(
    @Inject(CORE) readonly core: ApiCore,
    @Inject(STOPPING) readonly stopping: Stopping,
  ) {}

  @Post('sign-payment')
  @HttpCode(200)
  @Roles('agent')
  @KEY
  @ApiOperation({ summary: 'Sign what a 402 answer asks for; the caller attaches the header' })
  @Answer(200, 'AgnicSignature')
  @Answer(202, 'AgnicPending')
  @Errors('AgnicError', 400, 401, 402, 403, 409, 413, 429, 502, 503)
  async sign(
    @Caller() caller: Principal,
    @Headers('idempotency-key') key: string | undefined,
    @Body() dto: SignPaymentDto,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const { view } = await submitAgainAndWait(this, agentOf(caller), keyFrom(key), toAuthorize(dto));
    send(reply, renderSignature(view, await livePayment(this.core.ports, caller, view)));
  }

  @Post('x402/fetch')
  @HttpCode(200)
  @Roles('agent')
  @KEY
  @ApiBody({ required: false, description: 'sent on as it is', schema: {} })
  @ApiOperation({ summary: 'Fetch a URL and pay for it; the answer is what the seller answered' })
  @Answer(200, 'AgnicUpstream')
  @Answer(202, 'AgnicPending')
  @Answer('default', 'AgnicUpstream')
  @Errors('AgnicFetchError', 400, 401, 402, 403, 409, 413, 429, 502, 503)
  async fetch(
    @Caller() caller: Principal,
    @Query() query: FetchQuery,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const who = agentOf(caller);
    const ceiling = query.maxValue === undefined ? await this.limitPerPayment(caller) : null;
    const incoming = { headers: request.headers, raw: rawBodyOf(request) };
    const command = toFetch(query, incoming, ceiling ?? 0n);
    const { view } = await submitAgainAndWait(
      this,
      who,
      keyFrom(incoming.headers['idempotency-key']),
      command,
    );
    send(reply, renderFetch(view, await storedAnswer(this.core.ports, view), ceiling));
  }

  /** The tightest of the token's and everything's above it. Without one, and without `maxValue`, nothing would bound a price. */
  private async limitPerPayment(caller: Principal): Promise<bigint> {
    const { workspaceId, agentId } = agentOf(caller);
    const budgets = await this.core.reads.budgets(workspaceId, agentId);
    const limits = budgets
      .filter((it) => it.unit === 'USD6' && it.layer === 'payments')
      .flatMap((it) => it.windows.find(({ window }) => window === 'per_payment')?.limit ?? []);
    const [first, ...others] = limits;
    if (first === undefined)
      throw refuse('validation_failed', { field: 'maxValue', reason: 'needed_without_a_limit_per_payment' });
    return others.reduce((least, it) => (it < least ? it : least), first);
  }
}
