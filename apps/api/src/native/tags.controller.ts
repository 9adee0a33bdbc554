import { Body, Controller, Delete, Get, Inject, Param, Put, Res } from '@nestjs/common';
import { ApiOperation, ApiParam, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { parseTagKind, parseTagName, type Tag } from '#domain';
import type { Principal, TagView } from '#engine';
import type { ApiCore } from '../core.js';
import { Caller, Roles } from '../http/access.js';
import { Answer, Errors } from '../http/openapi-answers.js';
import { CORE } from '../tokens.js';
import { actorOf } from './actor.js';
import { changerOf, sendChanged } from './changes.js';
import { PutBudgetDto } from './budgets.dto.js';
import { limitChangeOf, renderBudget } from './budgets.map.js';
import { iso, maybeIso } from './render-operation.js';

/** Categories and cost centres that payments may be booked under; each has a budget of its own beside workspace and agent. */
@ApiTags('Tags')
@Controller('purser/v1/tags')
export class TagsController {
  constructor(@Inject(CORE) private readonly core: ApiCore) {}

  @Get()
  @Roles('admin', 'approver', 'auditor', 'backend')
  @ApiOperation({ summary: 'Tags of the workspace, also retired ones' })
  @Answer(200, 'Tags')
  @Errors('Error', 401)
  async list(@Caller() caller: Principal): Promise<object> {
    return { items: (await this.core.admin.tags.list(caller.workspaceId)).map(renderTag) };
  }

  @Put(':kind/:name')
  @Roles('admin')
  @ApiOperation({ summary: 'Register a tag, or take a retired one into use again' })
  @Answer(200, 'Tag')
  @Errors('Error', 400, 401, 403)
  async register(
    @Caller() caller: Principal,
    @Param('kind') kind: string,
    @Param('name') name: string,
  ): Promise<object> {
    return renderTag(
      await this.core.admin.tags.register(caller.workspaceId, tagOf(kind, name), actorOf(caller)),
    );
  }

  @Delete(':kind/:name')
  @Roles('admin')
  @ApiOperation({ summary: 'Retire a tag: no new payment may name it; what was booked stays' })
  @Answer(200, 'Tag')
  @Errors('Error', 400, 401, 403, 404)
  async retire(
    @Caller() caller: Principal,
    @Param('kind') kind: string,
    @Param('name') name: string,
  ): Promise<object> {
    return renderTag(
      await this.core.admin.tags.retire(caller.workspaceId, tagOf(kind, name), actorOf(caller)),
    );
  }

  @Get(':kind/:name/budgets')
  @Roles('admin', 'auditor', 'backend')
  @ApiOperation({ summary: "A tag's limits and their use" })
  @Answer(200, 'Budgets')
  @Errors('Error', 400, 401, 404)
  async getBudgets(
    @Caller() { workspaceId }: Principal,
    @Param('kind') kind: string,
    @Param('name') name: string,
  ): Promise<object> {
    const target = { workspaceId, agentId: null, tag: tagOf(kind, name) };
    return { items: (await this.core.admin.budgets.get(target)).map(renderBudget) };
  }

  @Put(':kind/:name/budgets')
  @ApiParam({ name: 'kind', type: String })
  @ApiParam({ name: 'name', type: String })
  @Roles('admin')
  @ApiOperation({ summary: "Set a tag's limits in one unit; usage does not change" })
  @Answer(200, 'Budget')
  @Answer(202, 'ChangeRequest')
  @Errors('Error', 400, 401, 403, 404)
  async putBudget(
    @Caller() caller: Principal,
    @Param() { kind, name }: Readonly<Record<'kind' | 'name', string>>,
    @Body() dto: PutBudgetDto,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const target = { agentId: null, tag: tagOf(kind, name) };
    const change = { kind: 'limits', ...target, change: limitChangeOf(dto) } as const;
    sendChanged(reply, await this.core.admin.changes.submit(changerOf(caller), change), renderBudget);
  }
}

const tagOf = (kind: string, name: string): Tag => ({ kind: parseTagKind(kind), name: parseTagName(name) });

const renderTag = ({ kind, name, createdAtMs, retiredAtMs }: TagView): object => ({
  kind,
  name,
  created_at: iso(createdAtMs),
  retired_at: maybeIso(retiredAtMs),
});
