import { Body, Controller, Get, HttpCode, Inject, Param, Patch, Post, Req } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { DEFAULT_RULES, refuse, type AgentId, type Layer, type Limits } from '#domain';
import type { Principal, Scope } from '#engine';
import type { ApiCore } from '../../core.js';
import { Caller, Roles } from '../../http/access.js';
import { agentNamed } from '../../http/agent.js';
import { Speaks } from '../../http/dialect.js';
import { Answer, Errors } from '../../http/openapi-answers.js';
import { actorOf } from '../../native/actor.js';
import { CORE } from '../../tokens.js';
import { BudgetDto, ThresholdDto } from './budgets.dto.js';
import { limitsIn, renderBudget, thresholdOf, unitOf, wantedBudget } from './budgets.map.js';
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
  @Errors('RelayerError', 400, 401, 403, 404, 409)
  async set(
    @Caller() caller: Principal,
    @Param('id') id: string,
    @Body() dto: BudgetDto,
    @Req() request: FastifyRequest,
  ): Promise<object> {
    const { agentId } = await agentNamed(this.core, caller, id);
    const { layers, threshold } = wantedBudget(dto);
    for (const [layer, limits] of Object.entries(layers) as [Layer, Limits][])
      await this.setLayer(caller, agentId, layer, limits);
    if (threshold !== undefined) await this.setThreshold(caller, agentId, threshold);
    return this.show(caller, agentId, request);
  }

  @Patch('threshold')
  @Roles('backend', 'admin')
  @ApiOperation({ summary: 'From which amount on a person is asked, inclusive' })
  @Answer(200, 'RelayerBudget')
  @Errors('RelayerError', 400, 401, 403, 404)
  async threshold(
    @Caller() caller: Principal,
    @Param('id') id: string,
    @Body() dto: ThresholdDto,
    @Req() request: FastifyRequest,
  ): Promise<object> {
    const { agentId } = await agentNamed(this.core, caller, id);
    const threshold = thresholdOf(dto.threshold_usd, 'threshold_usd');
    if (threshold !== undefined) await this.setThreshold(caller, agentId, threshold);
    return this.show(caller, agentId, request);
  }

  /** What the vendor has no word for, such as a limit per day, stays; whoever changes it meanwhile is not overwritten. */
  private async setLayer(caller: Principal, agentId: AgentId, layer: Layer, named: Limits): Promise<void> {
    const { budgets } = this.core.admin;
    const target = scopeOf(caller, agentId);
    const unit = unitOf(layer);
    const found = limitsIn((await budgets.get(target)).find((it) => it.layer === layer && it.unit === unit));
    await budgets.putLimits(
      target,
      { layer, unit, limits: { ...found, ...named } },
      actorOf(caller),
      ({ before }) => {
        const same = Object.entries({ ...before, ...found }).every(
          ([name]) => (before[name as keyof Limits] ?? null) === (found[name as keyof Limits] ?? null),
        );
        if (!same) throw refuse('version_conflict');
      },
    );
  }

  private async setThreshold(caller: Principal, agentId: AgentId, approvalThreshold: bigint): Promise<void> {
    const { policies } = this.core.admin;
    const scope = scopeOf(caller, agentId);
    const rules = (await policies.get(scope))?.policy ?? DEFAULT_RULES;
    await policies.put(scope, { ...rules, approvalThreshold }, actorOf(caller));
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
