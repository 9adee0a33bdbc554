import { Body, Controller, Get, HttpCode, Inject, Param, Post, Query, Req } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { parseApprovalId, refuse } from '#domain';
import {
  activities,
  approve,
  cancel,
  confirmActivity,
  reject,
  viewOperation,
  type ApprovalStatus,
  type ApprovalView,
  type ApproverPrincipal,
  type Principal,
} from '#engine';
import type { ApiCore } from '../../core.js';
import { Caller, Roles } from '../../http/access.js';
import { Speaks } from '../../http/dialect.js';
import { Answer, Errors } from '../../http/openapi-answers.js';
import { livePayment } from '../../http/payment.js';
import { CORE } from '../../tokens.js';
import { ApprovalsQuery, DecideDto, RejectDto } from './approvals.dto.js';
import { relayer } from './dialect.js';
import { placeOf, success } from './envelope.js';
import { listed } from './paging.js';
import { renderApproval } from './render-approval.js';
import { renderActivity, signedOf } from './stamped.js';

/** Each approval is one resource, at two paths for those who wait for it (apis.md C17). */
@ApiTags('Relayer')
@Speaks(relayer)
@Controller('v1')
export class RelayerApprovalsController {
  constructor(@Inject(CORE) private readonly core: ApiCore) {}

  @Get('signing/approvals')
  @Roles('agent', 'backend', 'admin', 'approver', 'auditor')
  @ApiOperation({ summary: 'Approvals, newest first; an agent its own' })
  @Answer(200, 'RelayerApprovals')
  @Errors('RelayerError', 400, 401, 403)
  list(
    @Caller() caller: Principal,
    @Query() query: ApprovalsQuery,
    @Req() request: FastifyRequest,
  ): Promise<object> {
    return this.page(caller, query, request);
  }

  @Get('agents/approvals')
  @Roles('agent', 'backend', 'admin', 'approver', 'auditor')
  @ApiOperation({ summary: 'The same list' })
  @Answer(200, 'RelayerApprovals')
  @Errors('RelayerError', 400, 401, 403)
  listOfAgents(
    @Caller() caller: Principal,
    @Query() query: ApprovalsQuery,
    @Req() request: FastifyRequest,
  ): Promise<object> {
    return this.page(caller, query, request);
  }

  @Get('signing/approvals/:id')
  @Roles('agent', 'backend', 'admin', 'approver', 'auditor')
  @ApiOperation({ summary: 'What became of it; once approved and paid, with the header' })
  @Answer(200, 'RelayerApproval')
  @Errors('RelayerError', 400, 401, 403, 404)
  get(@Caller() caller: Principal, @Param('id') id: string, @Req() request: FastifyRequest): Promise<object> {
    return this.show(caller, id, request);
  }

  @Get('agents/approvals/:id')
  @Roles('agent', 'backend', 'admin', 'approver', 'auditor')
  @ApiOperation({ summary: 'The same approval' })
  @Answer(200, 'RelayerApproval')
  @Errors('RelayerError', 400, 401, 403, 404)
  getOfAgents(
    @Caller() caller: Principal,
    @Param('id') id: string,
    @Req() request: FastifyRequest,
  ): Promise<object> {
    return this.show(caller, id, request);
  }

  @Post('signing/approvals/:id/prepare')
  @HttpCode(200)
  @Roles('backend', 'admin', 'approver')
  @ApiOperation({ summary: 'The activity that an approver signs to approve exactly these terms' })
  @Answer(200, 'RelayerActivity')
  @Errors('RelayerError', 400, 401, 403, 404, 409)
  async prepare(
    @Caller() caller: Principal,
    @Param('id') id: string,
    @Req() request: FastifyRequest,
  ): Promise<object> {
    const view = await this.find(caller, id);
    const activity = await activities.prepare(this.core.signing, caller, {
      kind: 'approve',
      subject: subjectOf(view),
    });
    const data = { activity: renderActivity(activity), approval: renderApproval(view) };
    return success(placeOf(this.core, request), { message: 'To be signed by an approver', data });
  }

  @Post('signing/approvals/:id/approve')
  @HttpCode(200)
  @Roles('backend', 'admin', 'approver')
  @ApiOperation({ summary: "Approve, by a registered approver key's stamp or an approver's own API key" })
  @Answer(200, 'RelayerApproval')
  @Errors('RelayerError', 400, 401, 403, 404, 409, 422)
  approve(
    @Caller() caller: Principal,
    @Param('id') id: string,
    @Body() dto: DecideDto,
    @Req() request: FastifyRequest,
  ): Promise<object> {
    return this.decide(caller, id, dto, request);
  }

  @Post('signing/approvals/:id/approve-with-passkey')
  @HttpCode(200)
  @Roles('backend', 'admin', 'approver')
  @ApiOperation({ summary: 'The same' })
  @Answer(200, 'RelayerApproval')
  @Errors('RelayerError', 400, 401, 403, 404, 409, 422)
  approveWithPasskey(
    @Caller() caller: Principal,
    @Param('id') id: string,
    @Body() dto: DecideDto,
    @Req() request: FastifyRequest,
  ): Promise<object> {
    return this.decide(caller, id, dto, request);
  }

  @Post('signing/approvals/:id/reject')
  @HttpCode(200)
  @Roles('backend', 'admin', 'approver')
  @ApiOperation({ summary: 'Reject; the budget is free again' })
  @Answer(200, 'RelayerApproval')
  @Errors('RelayerError', 400, 401, 403, 404, 409)
  async reject(
    @Caller() caller: Principal,
    @Param('id') id: string,
    @Body() dto: RejectDto,
    @Req() request: FastifyRequest,
  ): Promise<object> {
    const { operationId } = await this.find(caller, id);
    const { workspaceId, keyId, person, role } = caller;
    // Whoever is no approver calls it off, as an agent may: saying no needs no second person.
    const decline = role === 'approver' ? reject : cancel;
    await decline(this.core.ports, { workspaceId, keyId, person }, operationId, dto.reason ?? '');
    return this.show(caller, id, request);
  }

  private async decide(
    caller: Principal,
    id: string,
    { digest, ...stamps }: DecideDto,
    request: FastifyRequest,
  ): Promise<object> {
    const view = await this.find(caller, id);
    const stamped = Object.values(stamps).some((it) => it !== undefined);
    const [by, seen] = stamped ? await this.signer(caller, view, stamps) : [approverOf(caller), digest];
    if (seen === undefined)
      throw refuse('validation_failed', { field: 'stampedActivity', reason: 'missing' });
    await approve(this.core.ports, by, view.operationId, seen);
    return this.show(caller, id, request);
  }

  /** The person who signed decides, whoever brings it. */
  private async signer(
    { workspaceId }: Principal,
    view: ApprovalView,
    stamps: Omit<DecideDto, 'digest'>,
  ): Promise<[ApproverPrincipal, string]> {
    const { signing } = this.core;
    const signed = signedOf({ ...stamps });
    const { subject } = await activities.find(signing, { workspaceId }, signed.activityId);
    // Another dialect may have prepared it: whose place the signer takes is part of what they signed.
    const {
      approval_id: approvalId,
      digest,
      on_behalf_of: whose,
    } = subject as ReturnType<typeof subjectOf> & { readonly on_behalf_of?: string };
    if (approvalId !== view.approvalId)
      throw refuse('validation_failed', { field: 'id', reason: 'another_approval_is_signed' });
    const { by } = await confirmActivity(signing, { workspaceId }, { ...signed, kind: 'approve' });
    const place = whose === undefined ? {} : { onBehalfOf: whose };
    return [{ workspaceId, keyId: by.approverKeyId, person: by.person, ...place }, digest];
  }

  private async page(caller: Principal, query: ApprovalsQuery, request: FastifyRequest): Promise<object> {
    const status = query.status === 'pending_approval' ? 'pending' : query.status;
    const filter = {
      ...(status === undefined ? {} : { status: status satisfies ApprovalStatus }),
      ...(caller.agentId === null ? {} : { agentId: caller.agentId }),
    };
    const { items, meta } = await listed(query, (page) =>
      this.core.reads.approvals(caller.workspaceId, filter, page),
    );
    const data = items.map((view) => renderApproval(view));
    return success(placeOf(this.core, request), { message: 'Approvals', data, meta });
  }

  private async find({ workspaceId, agentId }: Principal, id: string): Promise<ApprovalView> {
    const view = await this.core.reads.approval(workspaceId, parseApprovalId(id));
    if (agentId !== null && view.agentId !== agentId) throw refuse('not_found', { object: 'approval' });
    return view;
  }

  private async show(caller: Principal, id: string, request: FastifyRequest): Promise<object> {
    const { ports } = this.core;
    const view = await this.find(caller, id);
    const place = placeOf(this.core, request);
    // A live header is for the agent that asked for it, and only by a credential that may pay.
    if (view.status !== 'approved' || caller.role !== 'agent')
      return success(place, { message: 'Approval', data: renderApproval(view) });
    const operation = await viewOperation(ports, { ...view, workspaceId: caller.workspaceId });
    const payment = await livePayment(ports, caller, operation);
    const ready = payment !== null && (operation.settled || !operation.prepaid);
    return success(place, {
      message: 'Approval',
      data: renderApproval(view, ready ? { operation, payment } : undefined),
    });
  }
}

const subjectOf = ({ approvalId, digest, agentId, payee, network, token, amount, host }: ApprovalView) => ({
  approval_id: approvalId,
  digest,
  agent_id: agentId,
  payee,
  network,
  token,
  amount: amount.toString(),
  host,
});

function approverOf({ role, workspaceId, keyId, person }: Principal): ApproverPrincipal {
  if (role !== 'approver') throw refuse('permission_denied', { role, needs: 'stamp' });
  return { workspaceId, keyId, person };
}
