import { Body, Controller, Get, Headers, HttpCode, Inject, Post, Query, Res } from '@nestjs/common';
import { ApiHeader, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import type { Page, Principal, RecordedOperation } from '#engine';
import type { ApiCore } from '../../core.js';
import { Caller, Roles } from '../../http/access.js';
import { agentOf } from '../../http/agent.js';
import { Speaks } from '../../http/dialect.js';
import { forwardOf } from '../../http/forward.js';
import { Answer, Errors } from '../../http/openapi-answers.js';
import { livePayment } from '../../http/payment.js';
import { send } from '../../http/send.js';
import { Stopping } from '../../http/stopping.js';
import { keyFrom, submitAgainAndWait, type Command } from '../../http/submitting.js';
import { CORE, STOPPING } from '../../tokens.js';
import { PayDto, SpendQuery } from './agentpay.dto.js';
import { agentpay } from './dialect.js';
import { renderPay, renderSpend } from './render.js';

const WAIT_MS = 30_000;
const PAGE = 100;

@ApiTags('AgentPay')
@Speaks(agentpay)
@Controller('v1')
export class AgentPayController {
  constructor(
    @Inject(CORE) readonly core: ApiCore,
    @Inject(STOPPING) readonly stopping: Stopping,
  ) {}

  @Post('pay')
  @HttpCode(200)
  @Roles('agent')
  @ApiHeader({ name: 'Idempotency-Key', required: false, description: 'the same as idempotencyKey' })
  @ApiOperation({ summary: "Pay what the seller's header asks for; the answer is the header to retry with" })
  @Answer(200, 'AgentPaySignature')
  @Answer(202, 'AgentPayPending')
  @Errors('AgentPayError', 400, 401, 402, 403, 409, 413, 429, 502, 503)
  async pay(
    @Caller() caller: Principal,
    @Headers('idempotency-key') header: string | undefined,
    @Body() dto: PayDto,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const key = keyFrom(header, { field: 'idempotencyKey', key: dto.idempotencyKey });
    const { view } = await submitAgainAndWait(this, agentOf(caller), key, toAuthorize(dto));
    send(reply, renderPay(view, await livePayment(this.core.ports, caller, view)));
  }

  @Get('spend')
  @Roles('agent')
  @ApiOperation({ summary: "The agent's payments, newest first" })
  @Answer(200, 'AgentPaySpend')
  @Errors('AgentPayError', 400, 401, 429)
  async spend(@Caller() caller: Principal, @Query() query: SpendQuery): Promise<object> {
    const { workspaceId, agentId } = agentOf(caller);
    const wanted = query.limit === undefined ? 100 : Number(query.limit);
    const events: object[] = [];
    for (let cursor: string | null = null; events.length < wanted;) {
      const limit = Math.min(PAGE, wanted - events.length);
      const page: Page<RecordedOperation> = await this.core.reads.operations(
        workspaceId,
        { agentId, spend: true },
        { cursor, limit },
      );
      events.push(...page.items.filter((it) => it.paid).map((view) => renderSpend(view, this.symbol(view))));
      if (page.nextCursor === null) break;
      cursor = page.nextCursor;
    }
    return { events };
  }

  private symbol({ terms }: RecordedOperation): string | null {
    return terms === null ? null : (this.core.ports.assets.find(terms.network, terms.token)?.symbol ?? null);
  }
}

/** The ceiling is what the header asks for: it is signed, or it is refused by policy and budget. */
function toAuthorize({ paymentRequiredHeader, requestUrl }: PayDto): Command {
  const { body, ...forward } = forwardOf({ url: requestUrl });
  return {
    request: {
      kind: 'authorize',
      ...forward,
      maxAmount: null,
      expect: {},
      challenge: paymentRequiredHeader,
      allowReplay: false,
      timeoutMs: WAIT_MS,
      note: null,
    },
    body,
    waitMs: WAIT_MS,
  };
}
