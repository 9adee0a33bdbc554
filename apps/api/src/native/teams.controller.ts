import { Body, Controller, Get, Inject, Param, Post, Put, Res } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { parseAgentId, parseTeamId } from '#domain';
import type { Principal, TeamView } from '#engine';
import type { ApiCore } from '../core.js';
import { Caller, Roles } from '../http/access.js';
import { Text, Uuid } from '../http/fields.js';
import { Answer, Errors } from '../http/openapi-answers.js';
import { CORE } from '../tokens.js';
import { actorOf } from './actor.js';
import { changerOf, sendChanged } from './changes.js';
import { PutBudgetDto } from './budgets.dto.js';
import { limitChangeOf, renderBudget } from './budgets.map.js';
import { iso } from './render-operation.js';

export class NewTeamDto {
  @Text({ min: 1, max: 120, pattern: /^[\p{L}\p{N}\p{P}\p{S} ]+$/u, about: 'shown to people; one of a name' })
  name!: string;

  @Uuid({ optional: true, about: 'the team it is part of, for ever; absent: of the workspace alone' })
  parent_id?: string;
}

export class PutTeamDto {
  @Uuid({
    nullable: true,
    about: 'what the agent pays and uses from now on is charged there too; null: to no team',
  })
  team_id!: string | null;
}

/** Budgets between the workspace's and its agents': a team's limits hold for all that is below it. */
@ApiTags('Teams')
@Controller('purser/v1')
export class TeamsController {
  constructor(@Inject(CORE) private readonly core: ApiCore) {}

  @Post('teams')
  @Roles('admin')
  @ApiOperation({ summary: 'A new team, of the workspace or of another team' })
  @Answer(201, 'Team')
  @Errors('Error', 400, 401, 403, 404)
  async create(@Caller() caller: Principal, @Body() dto: NewTeamDto): Promise<object> {
    const parentId = dto.parent_id === undefined ? null : parseTeamId(dto.parent_id);
    const team = { name: dto.name, parentId };
    return renderTeam(await this.core.admin.teams.create(caller.workspaceId, team, actorOf(caller)));
  }

  @Get('teams')
  @Roles('admin', 'approver', 'auditor', 'backend')
  @ApiOperation({ summary: 'Teams of the workspace by name' })
  @Answer(200, 'Teams')
  @Errors('Error', 401)
  async list(@Caller() { workspaceId }: Principal): Promise<object> {
    return { items: (await this.core.admin.teams.list(workspaceId)).map(renderTeam) };
  }

  @Get('teams/:id/budgets')
  @Roles('admin', 'auditor', 'backend')
  @ApiOperation({ summary: "A team's limits and their use" })
  @Answer(200, 'Budgets')
  @Errors('Error', 400, 401, 404)
  async getBudgets(@Caller() { workspaceId }: Principal, @Param('id') id: string): Promise<object> {
    const target = { workspaceId, agentId: null, teamId: parseTeamId(id) };
    return { items: (await this.core.admin.budgets.get(target)).map(renderBudget) };
  }

  @Put('teams/:id/budgets')
  @Roles('admin')
  @ApiOperation({ summary: "Set a team's limits in one unit; usage does not change" })
  @Answer(200, 'Budget')
  @Answer(202, 'ChangeRequest')
  @Errors('Error', 400, 401, 403, 404)
  async putBudget(
    @Caller() caller: Principal,
    @Param('id') id: string,
    @Body() dto: PutBudgetDto,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const target = { agentId: null, teamId: parseTeamId(id) };
    const change = { kind: 'limits', ...target, change: limitChangeOf(dto) } as const;
    sendChanged(reply, await this.core.admin.changes.submit(changerOf(caller), change), renderBudget);
  }

  @Get('agents/:id/team')
  @Roles('admin', 'approver', 'auditor', 'backend')
  @ApiOperation({ summary: 'The teams an agent is charged to, outermost first' })
  @Answer(200, 'Teams')
  @Errors('Error', 400, 401, 404)
  async teamsOf(@Caller() { workspaceId }: Principal, @Param('id') id: string): Promise<object> {
    return { items: (await this.core.admin.teams.teamsOf(workspaceId, parseAgentId(id))).map(renderTeam) };
  }

  @Put('agents/:id/team')
  @Roles('admin')
  @ApiOperation({
    summary: 'Put an agent into a team, or out of all; what is held or was charged stays where it is',
  })
  @Answer(200, 'Teams')
  @Answer(202, 'ChangeRequest')
  @Errors('Error', 400, 401, 403, 404)
  async assign(
    @Caller() caller: Principal,
    @Param('id') id: string,
    @Body() dto: PutTeamDto,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const teamId = dto.team_id === null ? null : parseTeamId(dto.team_id);
    const change = { kind: 'team', agentId: parseAgentId(id), teamId } as const;
    const changed = await this.core.admin.changes.submit(changerOf(caller), change);
    sendChanged(reply, changed, (teams) => ({ items: teams.map(renderTeam) }));
  }
}

const renderTeam = ({ teamId, name, parentId, createdAtMs }: TeamView): object => ({
  team_id: teamId,
  name,
  parent_id: parentId,
  created_at: iso(createdAtMs),
});
