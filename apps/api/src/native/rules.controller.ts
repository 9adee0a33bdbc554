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
  @Answer(202, 'ChangeRequest')
  @Errors('Error', 400, 401, 403)
  putWorkspacePolicy(
    @Caller() caller: Principal,
    @Body() dto: PutPolicyDto,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    return this.put(caller, null, dto, reply);
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
  @Answer(202, 'ChangeRequest')
  @Errors('Error', 400, 401, 403, 404)
  async putAgentPolicy(
    @Caller() caller: Principal,
    @Param('id') id: string,
    @Body() dto: PutPolicyDto,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const { agentId } = await this.agentScope(caller, id);
    return this.put(caller, agentId, dto, reply);
  }

  private async put(
    caller: Principal,
    agentId: Scope['agentId'],
    dto: PutPolicyDto,
    reply: FastifyReply,
  ): Promise<void> {
    const change = { kind: 'policy', agentId, rules: policyOf(dto) } as const;
    sendChanged(reply, await this.core.admin.changes.submit(changerOf(caller), change), renderPolicy);
  }

  /** Refuses with `not_found` unless the agent is of the caller's workspace. */
  private async agentScope({ workspaceId }: Principal, id: string): Promise<Scope> {
    const { agentId } = await this.core.admin.agents.get(workspaceId, parseAgentId(id));
    return { workspaceId, agentId };
  }
}

const workspaceScope = ({ workspaceId }: Principal): Scope => ({ workspaceId, agentId: null });
