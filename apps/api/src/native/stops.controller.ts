import { Body, Controller, Get, HttpCode, Inject, Param, Post, Query, Res } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { parseAgentId, parseStopId } from '#domain';
import { finishStop, kill, stopScope, unstop, type Principal, type Stopper, type StopScope } from '#engine';
import type { ApiCore } from '../core.js';
import { Caller, Roles } from '../http/access.js';
import { ListQuery, pageOf, renderPage } from '../http/lists.js';
import { Answer, Errors } from '../http/openapi-answers.js';
import { send } from '../http/send.js';
import { CORE } from '../tokens.js';
import { actorOf } from './actor.js';
import { changerOf, sendChanged } from './changes.js';
import { PauseDto, StopDto } from './stops.dto.js';
import { renderReport, renderStop, scopeOf } from './stops.map.js';

/**
 * Once a stop is answered, no new authorization comes to exist in its scope; the answer lists those that still live. Approvals that are open in the
 * scope are released.
 */
@ApiTags('Stops')
@Controller('purser/v1')
export class StopsController {
  constructor(@Inject(CORE) private readonly core: ApiCore) {}

  @Get('stops')
  @Roles('admin', 'approver', 'auditor')
  @ApiOperation({ summary: 'Every stop in force, newest first: what, since when, by whom and why' })
  @Answer(200, 'Stops')
  @Errors('Error', 400, 401)
  async list(@Caller() { workspaceId }: Principal, @Query() query: ListQuery): Promise<object> {
    const page = await this.core.admin.stops.list(workspaceId, pageOf(query));
    return renderPage(page, (stop) => renderStop(stop, false));
  }

  @Get('stops/:id')
  @Roles('admin', 'approver', 'auditor')
  @ApiOperation({ summary: 'One stop of the workspace, and whether it is carried out' })
  @Answer(200, 'Stop')
  @Errors('Error', 400, 401, 404)
  async get(@Caller() { workspaceId }: Principal, @Param('id') id: string): Promise<object> {
    return renderStop(await this.core.admin.stops.get(workspaceId, parseStopId(id)), false);
  }

  @Post('stops')
  @HttpCode(200)
  @Roles('admin')
  @ApiOperation({ summary: 'Stop a payee or a host' })
  @Answer(200, 'Paused')
  @Errors('Error', 400, 401, 403)
  stop(@Caller() caller: Principal, @Body() dto: StopDto): Promise<object> {
    return stopBy(this.core, caller, scopeOf(caller.workspaceId, dto), dto);
  }

  @Post('stops/:id/resume')
  @HttpCode(200)
  @Roles('admin')
  @ApiOperation({ summary: 'Lift one stop of the workspace' })
  @Answer(200, 'Resumed')
  @Answer(202, 'ChangeRequest')
  @Errors('Error', 400, 401, 403, 404, 409)
  async resume(
    @Caller() caller: Principal,
    @Param('id') id: string,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const { scope } = await this.core.admin.stops.get(caller.workspaceId, parseStopId(id));
    return this.lift(caller, scope, reply);
  }

  @Post('agents/:id/pause')
  @HttpCode(200)
  @Roles('admin', 'backend')
  @ApiOperation({ summary: 'Pause one agent' })
  @Answer(200, 'Paused')
  @Errors('Error', 400, 401, 403, 404)
  pauseAgent(@Caller() caller: Principal, @Param('id') id: string, @Body() dto: PauseDto): Promise<object> {
    return stopBy(this.core, caller, agentScope(caller, id), dto);
  }

  @Post('agents/:id/resume')
  @HttpCode(200)
  @Roles('admin', 'backend')
  @ApiOperation({ summary: 'Resume one agent' })
  @Answer(200, 'Resumed')
  @Answer(202, 'ChangeRequest')
  @Errors('Error', 400, 401, 403, 404, 409)
  async resumeAgent(
    @Caller() caller: Principal,
    @Param('id') id: string,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const { agentId } = await this.core.admin.agents.get(caller.workspaceId, parseAgentId(id));
    return this.lift(caller, { kind: 'agent', workspaceId: caller.workspaceId, agentId }, reply);
  }

  @Post('agents/:id/kill')
  @HttpCode(200)
  @Roles('admin')
  @ApiOperation({ summary: 'Kill an agent, for ever: its keys are dead, its approvals are released' })
  @Answer(200, 'Paused')
  @Errors('Error', 400, 401, 403, 404)
  async killAgent(
    @Caller() caller: Principal,
    @Param('id') id: string,
    @Body() dto: PauseDto,
  ): Promise<object> {
    const order = { ...orderOf(caller, dto), scope: agentScope(caller, id) };
    return renderReport(await kill(this.core.ports, this.core.admin, order));
  }

  @Post('workspace/pause')
  @HttpCode(200)
  @Roles('admin')
  @ApiOperation({ summary: 'Pause the whole workspace' })
  @Answer(200, 'Paused')
  @Errors('Error', 400, 401, 403)
  pauseWorkspace(@Caller() caller: Principal, @Body() dto: PauseDto): Promise<object> {
    return stopBy(this.core, caller, { kind: 'workspace', workspaceId: caller.workspaceId }, dto);
  }

  @Post('workspace/resume')
  @HttpCode(200)
  @Roles('admin')
  @ApiOperation({ summary: 'Resume the workspace' })
  @Answer(200, 'Resumed')
  @Answer(202, 'ChangeRequest')
  @Errors('Error', 401, 403, 409)
  resumeWorkspace(@Caller() caller: Principal, @Res() reply: FastifyReply): Promise<void> {
    return this.lift(caller, { kind: 'workspace', workspaceId: caller.workspaceId }, reply);
  }

  /** With dual control a second person lifts it; what the stop leaves to be done is done first either way. */
  private async lift(caller: Principal, scope: StopScope, reply: FastifyReply): Promise<void> {
    const { stops, changes } = this.core.admin;
    const lifted = { paused: false, scope: scope.kind };
    const stop = await finishStop(this.core.ports, stops, scope);
    if (!stop) return send(reply, { status: 200, body: lifted });
    const agentId = scope.kind === 'agent' ? scope.agentId : null;
    const change = { kind: 'resume', agentId, stopId: stop.stopId } as const;
    sendChanged(reply, await changes.submit(changerOf(caller), change), () => lifted);
  }
}

export async function stopBy(
  core: ApiCore,
  caller: Principal,
  scope: StopScope,
  dto: PauseDto,
): Promise<object> {
  const order = { ...orderOf(caller, dto), scope };
  return renderReport(await stopScope(core.ports, core.admin.stops, order));
}

export async function resumeBy(core: ApiCore, caller: Principal, scope: StopScope): Promise<object> {
  await unstop(core.ports, core.admin.stops, scope, stopperOf(caller));
  return { paused: false, scope: scope.kind };
}

const agentScope = ({ workspaceId }: Principal, id: string) =>
  ({ kind: 'agent', workspaceId, agentId: parseAgentId(id) }) as const;

const orderOf = (caller: Principal, { reason = '', cancel_on_chain: cancelOnChain = false }: PauseDto) => ({
  reason,
  cancelOnChain,
  by: stopperOf(caller),
});

const stopperOf = (caller: Principal): Stopper => ({ actor: actorOf(caller), person: caller.person });
