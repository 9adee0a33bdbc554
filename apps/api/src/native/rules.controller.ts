import { Body, Controller, Get, Inject, Param, Put } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { parseAgentId } from '#domain';
import type { Principal, Scope } from '#engine';
import type { ApiCore } from '../core.js';
import { Caller, Roles } from '../http/access.js';
import { Answer, Errors } from '../http/openapi-answers.js';
import { CORE } from '../tokens.js';
import { actorOf } from './actor.js';
import { policyOf, renderPolicy } from './rules.map.js';
import { PutPolicyDto } from './rules.dto.js';

/** Policies, of the workspace and of each agent; the tighter wins. */
@ApiTags('Budgets and policies')
@Controller('purser/v1')
export class RulesController {
  constructor(@Inject(CORE) private readonly core: ApiCore) {}

  @Get('workspace/policy')
  @Roles('admin', 'approver', 'auditor', 'backend')
  @ApiOperation({ summary: "The workspace's policy" })
  @Answer(200, 'Policy')
  @Errors('Error', 401)
  async getWorkspacePolicy(@Caller() caller: Principal): Promise<object> {
    return renderPolicy(await this.core.admin.policies.get(workspaceScope(caller)));
  }

  @Put('workspace/policy')
  @Roles('admin')
  @ApiOperation({ summary: "Replace the workspace's policy; counts from the next judgement on" })
  @Answer(200, 'Policy')
  @Errors('Error', 400, 401, 403)
  async putWorkspacePolicy(@Caller() caller: Principal, @Body() dto: PutPolicyDto): Promise<object> {
    const { policies } = this.core.admin;
    return renderPolicy(await policies.put(workspaceScope(caller), policyOf(dto), actorOf(caller)));
  }

  @Get('agents/:id/policy')
  @Roles('admin', 'approver', 'auditor', 'backend')
  @ApiOperation({ summary: "An agent's own policy" })
  @Answer(200, 'Policy')
  @Errors('Error', 400, 401, 404)
  async getAgentPolicy(@Caller() caller: Principal, @Param('id') id: string): Promise<object> {
    return renderPolicy(await this.core.admin.policies.get(await this.agentScope(caller, id)));
  }

  @Put('agents/:id/policy')
  @Roles('admin', 'backend')
  @ApiOperation({ summary: "Replace an agent's own policy; counts from the next judgement on" })
  @Answer(200, 'Policy')
  @Errors('Error', 400, 401, 403, 404)
  async putAgentPolicy(
    @Caller() caller: Principal,
    @Param('id') id: string,
    @Body() dto: PutPolicyDto,
  ): Promise<object> {
    const scope = await this.agentScope(caller, id);
    return renderPolicy(await this.core.admin.policies.put(scope, policyOf(dto), actorOf(caller)));
  }

  /** Refuses with `not_found` unless the agent is of the caller's workspace. */
  private async agentScope({ workspaceId }: Principal, id: string): Promise<Scope> {
    const { agentId } = await this.core.admin.agents.get(workspaceId, parseAgentId(id));
    return { workspaceId, agentId };
  }
}

const workspaceScope = ({ workspaceId }: Principal): Scope => ({ workspaceId, agentId: null });
