import { Body, Controller, Get, Inject, Param, Put, Res } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { parseAgentId } from '#domain';
import type { Principal, Scope } from '#engine';
import type { ApiCore } from '../core.js';
import { Caller, Roles } from '../http/access.js';
import { Answer, Errors } from '../http/openapi-answers.js';
import { CORE } from '../tokens.js';
import { changerOf, sendChanged } from './changes.js';
import { PutBudgetDto } from './budgets.dto.js';
import { limitChangeOf, renderBudget } from './budgets.map.js';

/** Limits of the workspace and of each agent, by layer and unit; the tighter wins. */
@ApiTags('Budgets and policies')
@Controller('purser/v1')
export class BudgetsController {
  constructor(@Inject(CORE) private readonly core: ApiCore) {}

  @Get('workspace/budgets')
  @Roles('admin', 'auditor', 'backend')
  @ApiOperation({ summary: "The workspace's limits and their use" })
  @Answer(200, 'Budgets')
  @Errors('Error', 401)
  getWorkspaceBudgets(@Caller() caller: Principal): Promise<object> {
    return this.budgets(workspaceScope(caller));
  }

  @Put('workspace/budgets')
  @Roles('admin')
  @ApiOperation({ summary: "Set the workspace's limits in one unit; usage does not change" })
  @Answer(200, 'Budget')
  @Answer(202, 'ChangeRequest')
  @Errors('Error', 400, 401, 403)
  putWorkspaceBudget(
    @Caller() caller: Principal,
    @Body() dto: PutBudgetDto,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    return this.putBudget(caller, null, dto, reply);
  }

  @Get('agents/:id/budgets')
  @Roles('admin', 'auditor', 'backend')
  @ApiOperation({ summary: "An agent's limits and their use" })
  @Answer(200, 'Budgets')
  @Errors('Error', 400, 401, 404)
  async getAgentBudgets(@Caller() caller: Principal, @Param('id') id: string): Promise<object> {
    return this.budgets(await this.agentScope(caller, id));
  }

  @Put('agents/:id/budgets')
  @Roles('admin', 'backend')
  @ApiOperation({ summary: "Set an agent's limits in one unit; usage does not change" })
  @Answer(200, 'Budget')
  @Answer(202, 'ChangeRequest')
  @Errors('Error', 400, 401, 403, 404)
  async putAgentBudget(
    @Caller() caller: Principal,
    @Param('id') id: string,
    @Body() dto: PutBudgetDto,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const { agentId } = await this.agentScope(caller, id);
    return this.putBudget(caller, agentId, dto, reply);
  }

  /** Refuses with `not_found` unless the agent is of the caller's workspace. */
  private async agentScope({ workspaceId }: Principal, id: string): Promise<Scope> {
    const { agentId } = await this.core.admin.agents.get(workspaceId, parseAgentId(id));
    return { workspaceId, agentId };
  }

  private async budgets(scope: Scope): Promise<object> {
    return { items: (await this.core.admin.budgets.get(scope)).map(renderBudget) };
  }

  private async putBudget(
    caller: Principal,
    agentId: Scope['agentId'],
    dto: PutBudgetDto,
    reply: FastifyReply,
  ): Promise<void> {
    const change = { kind: 'limits', agentId, change: limitChangeOf(dto) } as const;
    sendChanged(reply, await this.core.admin.changes.submit(changerOf(caller), change), renderBudget);
  }
}

const workspaceScope = ({ workspaceId }: Principal): Scope => ({ workspaceId, agentId: null });
