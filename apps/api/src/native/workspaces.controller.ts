import { Body, Controller, Get, Inject, Patch, Post, Query } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import type { Principal } from '#engine';
import type { ApiCore } from '../core.js';
import { Caller, OperatorOnly, Roles } from '../http/access.js';
import { ListQuery, pageOf, renderPage } from '../http/lists.js';
import { Answer, Errors } from '../http/openapi-answers.js';
import { CORE } from '../tokens.js';
import { ChangeWorkspaceDto, NewWorkspaceDto } from './accounts.dto.js';
import { renderKey, renderWorkspace } from './accounts.render.js';
import { actorOf } from './actor.js';
import { iso } from './render-operation.js';

@ApiTags('Workspaces')
@Controller('purser/v1')
export class WorkspacesController {
  constructor(@Inject(CORE) private readonly core: ApiCore) {}

  @Post('workspaces')
  @OperatorOnly()
  @ApiOperation({
    summary: "A new workspace with its first admin key, which is shown this once; the operator's only",
  })
  @Answer(201, 'NewWorkspace')
  @Errors('Error', 400, 401, 403)
  async create(@Caller() caller: Principal, @Body() dto: NewWorkspaceDto): Promise<object> {
    const { workspaces, keys } = this.core.admin;
    const by = actorOf(caller);
    const workspace = await workspaces.create({ name: dto.name, dualControl: dto.dual_control ?? false }, by);
    const issued = await keys.create(
      workspace.workspaceId,
      { role: 'admin', agentId: null, person: dto.admin_person, label: 'first admin', expiresInSec: null },
      by,
    );
    return { workspace: renderWorkspace(workspace), key: renderKey(issued.key), secret: issued.secret };
  }

  @Get('workspace')
  @Roles('admin', 'approver', 'auditor', 'backend')
  @ApiOperation({ summary: "The caller's workspace" })
  @Answer(200, 'Workspace')
  @Errors('Error', 401)
  async get(@Caller() caller: Principal): Promise<object> {
    return renderWorkspace(await this.core.admin.workspaces.get(caller.workspaceId));
  }

  @Patch('workspace')
  @Roles('admin')
  @ApiOperation({ summary: "Settings of the caller's workspace" })
  @Answer(200, 'Workspace')
  @Errors('Error', 400, 401, 403)
  async change(@Caller() caller: Principal, @Body() dto: ChangeWorkspaceDto): Promise<object> {
    const settings = { keylessWindowSec: dto.keyless_window_sec };
    return renderWorkspace(
      await this.core.admin.workspaces.change(caller.workspaceId, settings, actorOf(caller)),
    );
  }

  @Get('workspace/history')
  @Roles('admin', 'auditor')
  @ApiOperation({ summary: 'Who changed what in the administration, newest first' })
  @Answer(200, 'History')
  @Errors('Error', 400, 401)
  async history(@Caller() caller: Principal, @Query() query: ListQuery): Promise<object> {
    const page = await this.core.admin.history(caller.workspaceId, pageOf(query));
    return renderPage(page, ({ position, type, actor, data, occurredAtMs }) => ({
      position,
      type,
      actor,
      data,
      occurred_at: iso(occurredAtMs),
    }));
  }
}
