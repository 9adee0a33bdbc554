import {
  Body,
  Controller,
  Get,
  Headers,
  HttpCode,
  Inject,
  Param,
  Post,
  Query,
  Req,
  Res,
} from '@nestjs/common';
import { ApiHeader, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { parseAgentId, parseIdempotencyKey, parseOperationId } from '#domain';
import {
  cancel,
  cancelOnChain,
  resume,
  submit,
  viewOperation,
  type AgentPrincipal,
  type OperationView,
  type Principal,
  type Submitted,
} from '#engine';
import type { ApiCore } from '../core.js';
import { Caller, Roles, Scope } from '../http/access.js';
import type { Rendered } from '../http/dialect.js';
import { pageOf, renderPage } from '../http/lists.js';
import { Answer, Errors } from '../http/openapi-answers.js';
import { livePayment, mayPay } from '../http/payment.js';
import { send } from '../http/send.js';
import { Stopping } from '../http/stopping.js';
import { agentNamed, agentOf } from '../http/agent.js';
import { responseOf } from '../http/upstream.js';
import { CORE, STOPPING } from '../tokens.js';
import { answerOf } from './answer-operation.js';
import { CancelDto, OperationsQuery, SubmitDto } from './operations.dto.js';
import { renderEvent, renderOperation } from './render-operation.js';
import { assertSettles, toCommand } from './to-command.js';

const KEY = ApiHeader({
  name: 'Idempotency-Key',
  required: true,
  description: '1 to 200 printable characters',
});

@ApiTags('Operations')
@Controller('purser/v1/operations')
export class OperationsController {
  constructor(
    @Inject(CORE) private readonly core: ApiCore,
    @Inject(STOPPING) private readonly stopping: Stopping,
  ) {}

  @Post()
  @Roles('agent', 'backend')
  @Scope('agent:payments:write')
  @KEY
  @ApiOperation({ summary: 'Buy or sign; the same key and request is the same payment, for ever' })
  @Answer(201, 'Operation')
  @Answer(200, 'Operation')
  @Answer(202, 'PendingOperation')
  @Errors('Error', 400, 401, 403, 404, 409, 413, 422, 502, 503)
  async submit(
    @Caller() caller: Principal,
    @Body() dto: SubmitDto,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const { ports } = this.core;
    const agent = await agentNamed(this.core, caller, dto.agent_id);
    assertSettles(ports, dto);
    const waitMs = dto.wait_ms ?? 0;
    const deadlineMs = ports.clock.nowMs() + waitMs;
    const submitted = await submit(ports, agent, {
      key: parseIdempotencyKey(request.headers['idempotency-key']),
      ...toCommand(dto),
    });
    // Nothing can have happened to an operation opened this moment: no need to read it.
    if (waitMs === 0 && !submitted.replayed) return send(reply, accepted(agent, submitted, dto.kind));
    const view = await this.stopping.awaitAnswer(ports, submitted, deadlineMs);
    const found = view.answerable ? await this.found(caller, view) : {};
    send(reply, answerOf(view, submitted, { found, correlationId: request.id }));
  }

  @Get()
  @Roles('agent', 'admin', 'auditor', 'backend')
  @Scope('agent:read')
  @ApiOperation({ summary: 'Operations, newest first' })
  @Answer(200, 'Operations')
  @Errors('Error', 400, 401)
  async list(@Caller() caller: Principal, @Query() query: OperationsQuery): Promise<object> {
    const asked = query.agent_id === undefined ? undefined : parseAgentId(query.agent_id);
    const agentId = caller.agentId ?? asked;
    const filter = {
      ...(agentId === undefined ? {} : { agentId }),
      ...(query.status === undefined ? {} : { status: query.status }),
      ...(query.kind === undefined ? {} : { kind: query.kind }),
    };
    const page = await this.core.reads.operations(caller.workspaceId, filter, pageOf(query));
    return renderPage(page, (view) => renderOperation(view));
  }

  @Get('by-key')
  @Roles('agent')
  @Scope('agent:read')
  @KEY
  @ApiOperation({ summary: 'The operation that an idempotency key of the caller belongs to' })
  @Answer(200, 'Operation')
  @Errors('Error', 400, 401, 403, 404)
  async getByKey(
    @Caller() caller: Principal,
    @Headers('idempotency-key') key: string | undefined,
  ): Promise<object> {
    const { workspaceId, agentId } = agentOf(caller);
    const { derivation } = this.core.ports;
    const operationId = derivation.operationId(workspaceId, agentId, parseIdempotencyKey(key));
    const view = await this.core.reads.operation(workspaceId, operationId, agentId);
    return renderOperation(view, await this.found(caller, view));
  }

  @Get(':id')
  @Roles('agent', 'admin', 'auditor', 'backend')
  @Scope('agent:read')
  @ApiOperation({ summary: 'One operation as it stands, with what the seller answered' })
  @Answer(200, 'Operation')
  @Errors('Error', 400, 401, 404)
  async get(@Caller() caller: Principal, @Param('id') id: string): Promise<object> {
    const view = await this.find(caller, id);
    return renderOperation(view, await this.found(caller, view));
  }

  @Get(':id/events')
  @Roles('agent', 'admin', 'auditor', 'backend')
  @Scope('agent:read')
  @ApiOperation({ summary: 'Everything that happened to an operation, in order' })
  @Answer(200, 'OperationEvents')
  @Errors('Error', 400, 401, 404)
  async events(@Caller() caller: Principal, @Param('id') id: string): Promise<object> {
    const { workspaceId, agentId } = caller;
    const events = await this.core.reads.events(workspaceId, parseOperationId(id), agentId ?? undefined);
    return { items: events.map(renderEvent) };
  }

  @Post(':id/cancel')
  @HttpCode(200)
  @Roles('agent', 'admin', 'backend')
  @ApiOperation({
    summary:
      'Stop an operation before anything is signed; afterwards only on chain, while the authorization is live',
  })
  @Answer(200, 'Operation')
  @Errors('Error', 400, 401, 403, 404, 409)
  async cancel(
    @Caller() caller: Principal,
    @Param('id') id: string,
    @Body() dto: CancelDto,
  ): Promise<object> {
    const { operationId } = await this.find(caller, id);
    const { workspaceId, keyId, person, agentId } = caller;
    const who = agentId === null ? { workspaceId, keyId, person } : { workspaceId, keyId, person, agentId };
    const run = dto.on_chain === true ? cancelOnChain : cancel;
    return renderOperation(await run(this.core.ports, who, operationId, dto.reason ?? ''));
  }

  @Post(':id/resume')
  @HttpCode(200)
  @Roles('admin')
  @ApiOperation({ summary: 'Let an operation that needs attention go on from where it stood' })
  @Answer(200, 'Operation')
  @Errors('Error', 401, 404, 409)
  async resume(
    @Caller() { workspaceId, keyId, person }: Principal,
    @Param('id') id: string,
  ): Promise<object> {
    const operationId = parseOperationId(id);
    return renderOperation(await resume(this.core.ports, { workspaceId, keyId, person }, operationId));
  }

  private async find(caller: Principal, id: string): Promise<OperationView> {
    const operationId = parseOperationId(id);
    const { workspaceId, agentId } = caller;
    if (agentId !== null) return this.core.reads.operation(workspaceId, operationId, agentId);
    return viewOperation(this.core.ports, { workspaceId, operationId });
  }

  private async found(caller: Principal, view: OperationView) {
    if (view.kind === 'purchase') return { response: await responseOf(this.core.ports, view) };
    if (view.kind !== 'authorize') return {};
    return mayPay(caller) ? { payment: await livePayment(this.core.ports, caller, view) } : {};
  }
}

function accepted(agent: AgentPrincipal, { operationId }: Submitted, kind: SubmitDto['kind']): Rendered {
  const body = {
    operation_id: operationId,
    kind,
    status: 'opened',
    answerable: false,
    agent_id: agent.agentId,
  };
  return { status: 202, body };
}
