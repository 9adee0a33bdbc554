import { Body, Controller, Get, HttpCode, Inject, Param, Post, Put, Res } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { parseDelegationId } from '#domain';
import type { ApproverGroupView, DelegationView, Principal } from '#engine';
import type { ApiCore } from '../core.js';
import { Caller, Roles } from '../http/access.js';
import { Text, Texts, Time } from '../http/fields.js';
import { Answer, Errors } from '../http/openapi-answers.js';
import { CORE } from '../tokens.js';
import { changerOf, sendChanged } from './changes.js';
import { iso, maybeIso, timeOf } from './render-operation.js';

const PERSON = /^[\p{L}\p{N}\p{P}\p{S} ]{1,120}$/u;

export class PutGroupDto {
  @Texts({ pattern: PERSON, about: 'the people in it, all of them; who is not named leaves' })
  members!: string[];
}

export class NewDelegationDto {
  @Text({ min: 1, max: 120, pattern: PERSON, about: 'the person who may decide in the caller’s place' })
  delegate!: string;

  @Time({ optional: true, about: 'from then on; at once when absent' })
  starts_at?: string;

  @Time({ about: 'until then, at most 90 days after its start' })
  ends_at!: string;

  @Text({ optional: true, max: 500, about: 'kept with it' })
  reason?: string;
}

/** Who approves. Whoever leaves a group no longer counts for what is not decided yet. */
@ApiTags('Approvals')
@Controller('purser/v1')
export class ApproversController {
  constructor(@Inject(CORE) private readonly core: ApiCore) {}

  @Get('approver-groups')
  @Roles('admin', 'approver', 'auditor')
  @ApiOperation({ summary: 'Groups of approvers, with their members' })
  @Answer(200, 'ApproverGroups')
  @Errors('Error', 401)
  async groups(@Caller() { workspaceId }: Principal): Promise<object> {
    return { items: (await this.core.admin.approvers.groups(workspaceId)).map(renderGroup) };
  }

  @Put('approver-groups/:name')
  @Roles('admin')
  @ApiOperation({ summary: 'Set who is in a group; one that is not there is made' })
  @Answer(200, 'ApproverGroup')
  @Answer(202, 'ChangeRequest')
  @Errors('Error', 400, 401, 403)
  async putGroup(
    @Caller() caller: Principal,
    @Param('name') name: string,
    @Body() { members }: PutGroupDto,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const change = { kind: 'approvers', agentId: null, group: { name, members } } as const;
    sendChanged(reply, await this.core.admin.changes.submit(changerOf(caller), change), renderGroup);
  }

  @Get('delegations')
  @Roles('admin', 'approver', 'auditor')
  @ApiOperation({ summary: 'Delegations, newest first' })
  @Answer(200, 'Delegations')
  @Errors('Error', 401)
  async delegations(@Caller() { workspaceId }: Principal): Promise<object> {
    return { items: (await this.core.admin.approvers.delegations(workspaceId)).map(renderDelegation) };
  }

  @Post('delegations')
  @Roles('approver')
  @ApiOperation({ summary: 'Let somebody decide in the caller’s place for a time; they cannot pass it on' })
  @Answer(201, 'Delegation')
  @Errors('Error', 400, 401, 403)
  async delegate(@Caller() caller: Principal, @Body() dto: NewDelegationDto): Promise<object> {
    const input = {
      delegate: dto.delegate,
      startsAtMs: dto.starts_at === undefined ? null : timeOf(dto.starts_at, 'starts_at'),
      endsAtMs: timeOf(dto.ends_at, 'ends_at'),
      reason: dto.reason ?? '',
    };
    return renderDelegation(await this.core.admin.approvers.delegate(caller, input));
  }

  @Post('delegations/:id/end')
  @HttpCode(200)
  @Roles('admin', 'approver')
  @ApiOperation({ summary: 'End a delegation at once; an approver their own only' })
  @Answer(200, 'Delegation')
  @Errors('Error', 400, 401, 403, 404)
  async end(@Caller() caller: Principal, @Param('id') id: string): Promise<object> {
    const ownedBy = caller.role === 'approver' ? caller.person : null;
    const { approvers } = this.core.admin;
    return renderDelegation(await approvers.endDelegation(caller, parseDelegationId(id), ownedBy));
  }
}

const renderGroup = ({ name, members }: ApproverGroupView): object => ({
  name,
  members: members.map(({ person, sinceMs }) => ({ person, since: iso(sinceMs) })),
});

const renderDelegation = (it: DelegationView): object => ({
  delegation_id: it.delegationId,
  person: it.person,
  delegate: it.delegate,
  reason: it.reason,
  starts_at: iso(it.startsAtMs),
  ends_at: iso(it.endsAtMs),
  revoked_at: maybeIso(it.revokedAtMs),
  created_at: iso(it.createdAtMs),
});
