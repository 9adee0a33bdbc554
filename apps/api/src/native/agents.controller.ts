import { Body, Controller, Get, HttpCode, Inject, Param, Post, Query } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { parseAgentId } from '#domain';
import { kill, type Principal } from '#engine';
import type { ApiCore } from '../core.js';
import { Caller, Roles } from '../http/access.js';
import { ListQuery, pageOf, renderPage } from '../http/lists.js';
import { Answer, Errors } from '../http/openapi-answers.js';
import { CORE } from '../tokens.js';
import { NewAgentDto } from './accounts.dto.js';
import { renderAgent } from './accounts.render.js';
import { actorOf } from './actor.js';

@ApiTags('Agents')
@Controller('purser/v1/agents')
export class AgentsController {
  constructor(@Inject(CORE) private readonly core: ApiCore) {}

  @Post()
  @Roles('admin', 'backend')
  @ApiOperation({ summary: 'A new agent; it needs a key, and a budget before it can pay' })
  @Answer(201, 'Agent')
  @Errors('Error', 400, 401, 403)
  async create(@Caller() caller: Principal, @Body() dto: NewAgentDto): Promise<object> {
    return renderAgent(await this.core.admin.agents.create(caller.workspaceId, dto, actorOf(caller)));
  }

  @Get()
  @Roles('admin', 'approver', 'auditor', 'backend')
  @ApiOperation({ summary: 'Agents, newest first' })
  @Answer(200, 'Agents')
  @Errors('Error', 400, 401)
  async list(@Caller() caller: Principal, @Query() query: ListQuery): Promise<object> {
    return renderPage(await this.core.admin.agents.list(caller.workspaceId, pageOf(query)), renderAgent);
  }

  @Get(':id')
  @Roles('admin', 'approver', 'auditor', 'backend')
  @ApiOperation({ summary: 'One agent' })
  @Answer(200, 'Agent')
  @Errors('Error', 400, 401, 404)
  async get(@Caller() caller: Principal, @Param('id') id: string): Promise<object> {
    return renderAgent(await this.core.admin.agents.get(caller.workspaceId, parseAgentId(id)));
  }

  @Post(':id/disable')
  @HttpCode(200)
  @Roles('admin', 'backend')
  @ApiOperation({
    summary: 'Disable an agent for ever: its keys stop working, nothing more is signed for it',
  })
  @Answer(200, 'Agent')
  @Errors('Error', 400, 401, 403, 404)
  async disable(@Caller() caller: Principal, @Param('id') id: string): Promise<object> {
    const scope = { kind: 'agent', workspaceId: caller.workspaceId, agentId: parseAgentId(id) } as const;
    const by = { actor: actorOf(caller), person: caller.person };
    const order = { scope, by, reason: '', cancelOnChain: false };
    return renderAgent((await kill(this.core.ports, this.core.admin, order)).agent);
  }
}
