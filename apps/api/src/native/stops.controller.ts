import { Body, Controller, HttpCode, Inject, Param, Post } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { parseAgentId } from '#domain';
import type { Principal, StillLive, StopScope } from '#engine';
import type { ApiCore } from '../core.js';
import { Caller, OperatorOnly, Roles } from '../http/access.js';
import { Answer, Errors } from '../http/openapi-answers.js';
import { CORE } from '../tokens.js';
import { PauseDto } from './accounts.dto.js';
import { actorOf } from './actor.js';
import { iso } from './render-operation.js';

/** Once a pause is answered, no new authorization comes to exist in its scope; the answer lists those that still live. */
@ApiTags('Stops')
@Controller('purser/v1')
export class StopsController {
  constructor(@Inject(CORE) private readonly core: ApiCore) {}

  @Post('agents/:id/pause')
  @HttpCode(200)
  @Roles('admin')
  @ApiOperation({ summary: 'Pause one agent' })
  @Answer(200, 'Paused')
  @Errors('Error', 400, 401, 403, 404)
  async pauseAgent(
    @Caller() caller: Principal,
    @Param('id') id: string,
    @Body() dto: PauseDto,
  ): Promise<object> {
    return this.pause(caller, await this.agentScope(caller, id), dto);
  }

  @Post('agents/:id/resume')
  @HttpCode(200)
  @Roles('admin')
  @ApiOperation({ summary: 'Resume one agent' })
  @Answer(200, 'Resumed')
  @Errors('Error', 400, 401, 403, 404)
  async resumeAgent(@Caller() caller: Principal, @Param('id') id: string): Promise<object> {
    return this.resume(caller, await this.agentScope(caller, id));
  }

  @Post('workspace/pause')
  @HttpCode(200)
  @Roles('admin')
  @ApiOperation({ summary: 'Pause the whole workspace' })
  @Answer(200, 'Paused')
  @Errors('Error', 400, 401, 403)
  pauseWorkspace(@Caller() caller: Principal, @Body() dto: PauseDto): Promise<object> {
    return this.pause(caller, { kind: 'workspace', workspaceId: caller.workspaceId }, dto);
  }

  @Post('workspace/resume')
  @HttpCode(200)
  @Roles('admin')
  @ApiOperation({ summary: 'Resume the workspace' })
  @Answer(200, 'Resumed')
  @Errors('Error', 401, 403)
  resumeWorkspace(@Caller() caller: Principal): Promise<object> {
    return this.resume(caller, { kind: 'workspace', workspaceId: caller.workspaceId });
  }

  @Post('system/pause')
  @HttpCode(200)
  @OperatorOnly()
  @ApiOperation({ summary: "Stop the whole installation; the operator's only" })
  @Answer(200, 'Paused')
  @Errors('Error', 400, 401, 403)
  pauseSystem(@Caller() caller: Principal, @Body() dto: PauseDto): Promise<object> {
    return this.pause(caller, { kind: 'global' }, dto);
  }

  @Post('system/resume')
  @HttpCode(200)
  @OperatorOnly()
  @ApiOperation({ summary: "Resume the installation; the operator's only" })
  @Answer(200, 'Resumed')
  @Errors('Error', 401, 403)
  resumeSystem(@Caller() caller: Principal): Promise<object> {
    return this.resume(caller, { kind: 'global' });
  }

  private async agentScope({ workspaceId }: Principal, id: string): Promise<StopScope> {
    const { agentId } = await this.core.admin.agents.get(workspaceId, parseAgentId(id));
    return { kind: 'agent', workspaceId, agentId };
  }

  private async pause(caller: Principal, scope: StopScope, { reason }: PauseDto): Promise<object> {
    const live = await this.core.admin.stops.pause(scope, reason ?? '', actorOf(caller));
    return { paused: true, scope: scope.kind, still_live: live.map(renderLive) };
  }

  private async resume(caller: Principal, scope: StopScope): Promise<object> {
    await this.core.admin.stops.resume(scope, actorOf(caller));
    return { paused: false, scope: scope.kind };
  }
}

const renderLive = (live: StillLive): object => ({
  operation_id: live.operationId,
  agent_id: live.agentId,
  network: live.network,
  token: live.token,
  to: live.to,
  value: live.value.toString(),
  valid_before: iso(live.validBeforeSec * 1000),
});
