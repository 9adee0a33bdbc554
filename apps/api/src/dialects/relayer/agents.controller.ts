import { Body, Controller, Get, HttpCode, Inject, Param, Patch, Post, Query, Req, Res } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { refuse } from '#domain';
import {
  finishStop,
  kill,
  stopScope,
  type Principal,
  type StopOrder,
  type StopReport,
  type StopScope,
} from '#engine';
import type { ApiCore } from '../../core.js';
import { Caller, Roles } from '../../http/access.js';
import { agentNamed } from '../../http/agent.js';
import { Speaks } from '../../http/dialect.js';
import { Answer, Errors } from '../../http/openapi-answers.js';
import { send } from '../../http/send.js';
import { actorOf } from '../../native/actor.js';
import { CORE } from '../../tokens.js';
import { agentStatus, renderAgent, renderLive } from './agents.map.js';
import { AgentStatusDto, ReasonDto } from './agents.dto.js';
import { change, waitingFor } from './changes.js';
import { relayer } from './dialect.js';
import { placeOf, success } from './envelope.js';
import { listed, PageQuery } from './paging.js';

type AgentScope = Extract<StopScope, { readonly kind: 'agent' }>;
type AgentOrder = StopOrder & { readonly scope: AgentScope };

@ApiTags('Relayer')
@Speaks(relayer)
@Controller('v1/agents')
export class RelayerAgentsController {
  constructor(@Inject(CORE) private readonly core: ApiCore) {}

  @Get()
  @Roles('backend', 'admin', 'auditor')
  @ApiOperation({ summary: 'Agents of the workspace, newest first' })
  @Answer(200, 'RelayerAgents')
  @Errors('RelayerError', 400, 401, 403)
  async list(
    @Caller() caller: Principal,
    @Query() query: PageQuery,
    @Req() request: FastifyRequest,
  ): Promise<object> {
    const { agents, setups } = this.core.admin;
    const { items, meta } = await listed(query, (page) => agents.list(caller.workspaceId, page));
    const known = await setups.of(
      caller.workspaceId,
      items.map((it) => it.agentId),
    );
    const data = items.map((agent) => renderAgent(agent, known.get(agent.agentId)));
    return success(placeOf(this.core, request), { message: 'Agents', data, meta });
  }

  @Get(':id')
  @Roles('agent', 'backend', 'admin', 'auditor')
  @ApiOperation({ summary: 'One agent' })
  @Answer(200, 'RelayerAgent')
  @Errors('RelayerError', 400, 401, 403, 404)
  get(@Caller() caller: Principal, @Param('id') id: string, @Req() request: FastifyRequest): Promise<object> {
    return this.show(caller, id, { request, message: 'Agent' });
  }

  @Get(':id/status')
  @Roles('agent', 'backend', 'admin', 'auditor')
  @ApiOperation({ summary: 'Is the agent, or everything, stopped?' })
  @Answer(200, 'RelayerStatus')
  @Errors('RelayerError', 400, 401, 403, 404)
  async status(
    @Caller() caller: Principal,
    @Param('id') id: string,
    @Req() request: FastifyRequest,
  ): Promise<object> {
    const { workspaceId } = caller;
    const { agentId } = await agentNamed(this.core, caller, id);
    const { agents, setups, stops } = this.core.admin;
    const [agent, setup, stopped] = await Promise.all([
      agents.get(workspaceId, agentId),
      setups.of(workspaceId, [agentId]),
      stops.stopFor(workspaceId, null),
    ]);
    const status = agentStatus(agent, setup.get(agentId));
    const data = { agentId, killSwitch: status === 'killed', status, accountKillSwitch: stopped !== null };
    return success(placeOf(this.core, request), { message: 'Status', data });
  }

  @Patch(':id/status')
  @Roles('backend', 'admin')
  @ApiOperation({ summary: 'Pause, resume or kill' })
  @Answer(200, 'RelayerAgent')
  @Answer(202, 'RelayerChange')
  @Errors('RelayerError', 400, 401, 403, 404, 409)
  async setStatus(
    @Caller() caller: Principal,
    @Param('id') id: string,
    @Body() { status }: AgentStatusDto,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const order = await this.orderFor(caller, id, '');
    const { ports, admin } = this.core;
    if (status === 'active') return this.lift(caller, order, reply);
    if (status === 'killed') await kill(ports, admin, order);
    else await stopScope(ports, admin.stops, order);
    const answer = { request: reply.request, message: 'Status set' };
    send(reply, { status: 200, body: await this.show(caller, id, answer) });
  }

  @Post(':id/pause')
  @HttpCode(200)
  @Roles('backend', 'admin')
  @ApiOperation({
    summary: 'Nothing new is signed for it until it is resumed; its open approvals are released',
  })
  @Answer(200, 'RelayerStopped')
  @Errors('RelayerError', 400, 401, 403, 404)
  async pause(
    @Caller() caller: Principal,
    @Param('id') id: string,
    @Body() dto: ReasonDto,
    @Req() request: FastifyRequest,
  ): Promise<object> {
    const order = await this.orderFor(caller, id, dto.reason ?? '');
    const report = await stopScope(this.core.ports, this.core.admin.stops, order);
    return this.stopped(order, report, { request, message: 'Agent paused' });
  }

  @Post(':id/resume')
  @HttpCode(200)
  @Roles('backend', 'admin')
  @ApiOperation({ summary: 'Resume a paused agent; a killed one stays dead' })
  @Answer(200, 'RelayerAgent')
  @Answer(202, 'RelayerChange')
  @Errors('RelayerError', 400, 401, 403, 404, 409)
  async resume(
    @Caller() caller: Principal,
    @Param('id') id: string,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    return this.lift(caller, await this.orderFor(caller, id, ''), reply);
  }

  @Post(':id/kill')
  @HttpCode(200)
  @Roles('backend', 'admin')
  @ApiOperation({
    summary:
      'For ever: its secrets are dead at once, its open approvals are released, its wallet keeps what it has',
  })
  @Answer(200, 'RelayerStopped')
  @Errors('RelayerError', 400, 401, 403, 404)
  async kill(
    @Caller() caller: Principal,
    @Param('id') id: string,
    @Body() dto: ReasonDto,
    @Req() request: FastifyRequest,
  ): Promise<object> {
    const order = await this.orderFor(caller, id, dto.reason ?? '');
    const report = await kill(this.core.ports, this.core.admin, order);
    return this.stopped(order, report, { request, message: 'Agent killed' });
  }

  @Post(':id/rotate')
  @HttpCode(200)
  @Roles('backend', 'admin')
  @ApiOperation({ summary: 'A new secret, shown this once; every other one of the agent is dead at once' })
  @Answer(200, 'RelayerSecret')
  @Errors('RelayerError', 400, 401, 403, 404)
  async rotate(
    @Caller() caller: Principal,
    @Param('id') id: string,
    @Req() request: FastifyRequest,
  ): Promise<object> {
    const { workspaceId, person } = caller;
    const { agentId } = await agentNamed(this.core, caller, id);
    const { agents, keys, setups } = this.core.admin;
    const [agent, setup] = await Promise.all([
      agents.get(workspaceId, agentId),
      setups.of(workspaceId, [agentId]),
    ]);
    const status = agentStatus(agent, setup.get(agentId));
    if (status === 'killed' || status === 'pending_policies')
      throw refuse('validation_failed', { field: 'id', reason: `agent_${status}` });
    const { secret } = await keys.replaceSecrets(
      workspaceId,
      agentId,
      { person, label: 'relayer' },
      actorOf(caller),
    );
    const data = { agentId, agentSecret: secret };
    return success(placeOf(this.core, request), { message: 'Secret rotated', data });
  }

  /** What the stop leaves to be done is done first, whoever may lift it. */
  private async lift(
    caller: Principal,
    { scope }: { readonly scope: AgentScope },
    reply: FastifyReply,
  ): Promise<void> {
    const { agentId } = scope;
    const stop = await finishStop(this.core.ports, this.core.admin.stops, scope);
    const waiting =
      stop && (await change(this.core, caller, { kind: 'resume', agentId, stopId: stop.stopId }));
    if (waiting) return send(reply, waitingFor(placeOf(this.core, reply.request), agentId, [waiting]));
    const answer = { request: reply.request, message: 'Agent resumed' };
    send(reply, { status: 200, body: await this.show(caller, agentId, answer) });
  }

  private async orderFor(caller: Principal, id: string, reason: string): Promise<AgentOrder> {
    const { workspaceId, person } = caller;
    const { agentId } = await agentNamed(this.core, caller, id);
    const by = { actor: actorOf(caller), person };
    return { scope: { kind: 'agent', workspaceId, agentId }, reason, by, cancelOnChain: false };
  }

  private stopped(
    { scope: { agentId } }: AgentOrder,
    { live, released, finished, stop }: StopReport,
    { request, message }: { readonly request: FastifyRequest; readonly message: string },
  ): object {
    const data = {
      agentId,
      status: stop.final ? 'killed' : 'paused',
      killSwitch: stop.final,
      releasedApprovals: released,
      carriedOut: finished,
      stillLive: live.map(renderLive),
    };
    return success(placeOf(this.core, request), { message, data });
  }

  private async show(
    caller: Principal,
    id: string,
    { request, message }: { readonly request: FastifyRequest; readonly message: string },
  ): Promise<object> {
    const { workspaceId } = caller;
    const { agentId } = await agentNamed(this.core, caller, id);
    const { agents, setups } = this.core.admin;
    const [agent, setup] = await Promise.all([
      agents.get(workspaceId, agentId),
      setups.of(workspaceId, [agentId]),
    ]);
    return success(placeOf(this.core, request), { message, data: renderAgent(agent, setup.get(agentId)) });
  }
}
