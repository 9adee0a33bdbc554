import { Body, Controller, Get, HttpCode, Inject, Param, Post, Query } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { parseApprovalId } from '#domain';
import { approve, reject, type ApproverPrincipal, type Principal } from '#engine';
import type { ApiCore } from '../core.js';
import { Caller, Roles } from '../http/access.js';
import { OneOf, Text } from '../http/fields.js';
import { ListQuery, pageOf, renderPage } from '../http/lists.js';
import { Answer, Errors } from '../http/openapi-answers.js';
import { CORE } from '../tokens.js';
import { renderApproval } from './render-approval.js';

const STATUSES = ['pending', 'approved', 'rejected', 'expired', 'cancelled'] as const;

export class ApprovalsQuery extends ListQuery {
  @OneOf(STATUSES, { optional: true, about: 'only these' })
  status?: (typeof STATUSES)[number];
}

export class ApproveDto {
  @Text({
    max: 64,
    pattern: /^[0-9a-f]{64}$/,
    about: 'of the approval as it was looked at; another one is refused',
  })
  digest!: string;

  @Text({ optional: true, min: 1, max: 120, about: 'whose place the caller takes, by a delegation in force' })
  on_behalf_of?: string;
}

export class RejectDto {
  @Text({ min: 1, max: 500, pattern: /\S/, about: 'kept with the decision' })
  reason!: string;

  @Text({ optional: true, min: 1, max: 120, about: 'whose place the caller takes, by a delegation in force' })
  on_behalf_of?: string;
}

@ApiTags('Approvals')
@Controller('purser/v1/approvals')
export class ApprovalsController {
  constructor(@Inject(CORE) private readonly core: ApiCore) {}

  @Get()
  @Roles('approver', 'admin', 'auditor', 'backend')
  @ApiOperation({ summary: 'What waits, or was decided; newest first' })
  @Answer(200, 'Approvals')
  @Errors('Error', 400, 401)
  async list(@Caller() caller: Principal, @Query() query: ApprovalsQuery): Promise<object> {
    const filter = query.status === undefined ? {} : { status: query.status };
    const page = await this.core.reads.approvals(caller.workspaceId, filter, pageOf(query));
    return renderPage(page, (view) => renderApproval(this.core.ports.assets, view));
  }

  @Get(':id')
  @Roles('approver', 'admin', 'auditor', 'backend')
  @ApiOperation({ summary: 'The facts to decide on, and the digest to send back' })
  @Answer(200, 'Approval')
  @Errors('Error', 400, 401, 404)
  get(@Caller() caller: Principal, @Param('id') id: string): Promise<object> {
    return this.show(caller, id);
  }

  @Post(':id/approve')
  @HttpCode(200)
  @Roles('approver')
  @ApiOperation({ summary: 'Approve exactly the terms behind the digest; granted once enough people have' })
  @Answer(200, 'Approval')
  @Errors('Error', 400, 401, 403, 404, 409)
  async approve(
    @Caller() caller: Principal,
    @Param('id') id: string,
    @Body() dto: ApproveDto,
  ): Promise<object> {
    const { operationId } = await this.find(caller, id);
    await approve(this.core.ports, approverOf(caller, dto.on_behalf_of), operationId, dto.digest);
    return this.show(caller, id);
  }

  @Post(':id/reject')
  @HttpCode(200)
  @Roles('approver')
  @ApiOperation({ summary: 'Reject, with a reason; one rejection is enough' })
  @Answer(200, 'Approval')
  @Errors('Error', 400, 401, 403, 404, 409)
  async reject(
    @Caller() caller: Principal,
    @Param('id') id: string,
    @Body() dto: RejectDto,
  ): Promise<object> {
    const { operationId } = await this.find(caller, id);
    await reject(this.core.ports, approverOf(caller, dto.on_behalf_of), operationId, dto.reason);
    return this.show(caller, id);
  }

  private find({ workspaceId }: Principal, id: string) {
    return this.core.reads.approval(workspaceId, parseApprovalId(id));
  }

  private async show(caller: Principal, id: string): Promise<object> {
    return renderApproval(this.core.ports.assets, await this.find(caller, id));
  }
}

function approverOf({ workspaceId, keyId, person }: Principal, onBehalfOf?: string): ApproverPrincipal {
  return { workspaceId, keyId, person, ...(onBehalfOf === undefined ? {} : { onBehalfOf }) };
}
