import { Body, Controller, Get, HttpCode, Inject, Param, Patch, Post, Req, Res } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { AgentId, Layer, Limits } from '#domain';
import type { ChangeView, Principal, Scope } from '#engine';
import type { ApiCore } from '../../core.js';
import { Caller, Roles } from '../../http/access.js';
import { agentNamed } from '../../http/agent.js';
import { Speaks } from '../../http/dialect.js';
import { Answer, Errors } from '../../http/openapi-answers.js';
import { send } from '../../http/send.js';
import { changerOf } from '../../native/changes.js';
import { CORE } from '../../tokens.js';
import { BudgetDto, ThresholdDto } from './budgets.dto.js';
import { renderBudget, thresholdOf, wantedBudget } from './budgets.map.js';
import { changeRead, limitsMade, thresholdMade, waitingFor } from './changes.js';
import { relayer } from './dialect.js';
import { placeOf, success } from './envelope.js';

/** Limits change, usage never does: setting them anew gives nobody what is spent already. */
@ApiTags('Relayer')
@Speaks(relayer)
@Controller('v1/agents/:id')
export class RelayerBudgetsController {
  constructor(@Inject(CORE) private readonly core: ApiCore) {}

  @Get('budget')
  @Roles('agent', 'backend', 'admin', 'auditor')
  @ApiOperation({ summary: "The agent's three layers this month" })
  @Answer(200, 'RelayerBudget')
  @Errors('RelayerError', 400, 401, 403, 404)
  async get(
    @Caller() caller: Principal,
    @Param('id') id: string,
    @Req() request: FastifyRequest,
  ): Promise<object> {
    const { agentId } = await agentNamed(this.core, caller, id);
    return this.show(caller, agentId, request);
  }

  @Post('budget')
  @HttpCode(200)
  @Roles('backend', 'admin')
  @ApiOperation({ summary: 'Set what is named of the layers and the threshold; the rest stays' })
  @Answer(200, 'RelayerBudget')
  @Answer(202, 'RelayerChange')
  @Errors('RelayerError', 400, 401, 403, 404, 409)
  async set(
    @Caller() caller: Principal,
    @Param('id') id: string,
    @Body() dto: BudgetDto,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const { agentId } = await agentNamed(this.core, caller, id);
    const { layers, threshold } = wantedBudget(dto);
    const waiting: (ChangeView | null)[] = [];
    for (const [layer, limits] of Object.entries(layers) as [Layer, Limits][])
      waiting.push(await this.setLayer(caller, agentId, { layer, limits }));
    if (threshold !== undefined) waiting.push(await this.setThreshold(caller, agentId, threshold));
    await this.answer(caller, agentId, { reply, waiting });
  }

  @Patch('threshold')
  @Roles('backend', 'admin')
  @ApiOperation({ summary: 'From which amount on a person is asked, inclusive' })
  @Answer(200, 'RelayerBudget')
  @Answer(202, 'RelayerChange')
  @Errors('RelayerError', 400, 401, 403, 404, 409)
  async threshold(
    @Caller() caller: Principal,
    @Param('id') id: string,
    @Body() dto: ThresholdDto,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const { agentId } = await agentNamed(this.core, caller, id);
    const threshold = thresholdOf(dto.threshold_usd, 'threshold_usd');
    const waiting = threshold === undefined ? [] : [await this.setThreshold(caller, agentId, threshold)];
    await this.answer(caller, agentId, { reply, waiting });
  }

  /** What the vendor has no word for, such as a limit per day, stays. */
  private async setLayer(
    caller: Principal,
    agentId: AgentId,
    { layer, limits }: { readonly layer: Layer; readonly limits: Limits },
  ): Promise<ChangeView | null> {
    const make = (found: Limits): Limits => ({ ...found, ...limits });
    return changeRead(this.core, changerOf(caller), () =>
      limitsMade(this.core, scopeOf(caller, agentId), { layer, make }),
    );
  }

  private async setThreshold(
    caller: Principal,
    agentId: AgentId,
    approvalThreshold: bigint,
  ): Promise<ChangeView | null> {
    return changeRead(this.core, changerOf(caller), () =>
      thresholdMade(this.core, scopeOf(caller, agentId), approvalThreshold),
    );
  }

  private async answer(
    caller: Principal,
    agentId: AgentId,
    { reply, waiting }: { readonly reply: FastifyReply; readonly waiting: readonly (ChangeView | null)[] },
  ): Promise<void> {
    const requests = waiting.filter((it) => it !== null);
    const { request } = reply;
    if (requests.length > 0) return send(reply, waitingFor(placeOf(this.core, request), agentId, requests));
    send(reply, { status: 200, body: await this.show(caller, agentId, request) });
  }

  private async show(caller: Principal, agentId: AgentId, request: FastifyRequest): Promise<object> {
    const { admin } = this.core;
    const scope = scopeOf(caller, agentId);
    const [views, policy] = await Promise.all([admin.budgets.get(scope), admin.policies.get(scope)]);
    const data = renderBudget(agentId, views, policy?.policy.approvalThreshold ?? null);
    return success(placeOf(this.core, request), { message: 'Budget', data });
  }
}

const scopeOf = ({ workspaceId }: Principal, agentId: AgentId): Scope => ({ workspaceId, agentId });
