import { Body, Controller, Get, HttpCode, Inject, Param, Post, Query } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import {
  parseActivityId,
  parseAgentId,
  parseApprovalId,
  parseAtomic,
  refuse,
  type ApprovalId,
} from '#domain';
import {
  activities,
  approve,
  confirmActivity,
  reject,
  type ApprovalFilter,
  type ApprovalItem,
  type ApprovalView,
  type ApproverPrincipal,
  type Principal,
} from '#engine';
import type { ApiCore } from '../core.js';
import { Caller, Roles } from '../http/access.js';
import { pageOf, renderPage } from '../http/lists.js';
import { awaitNews } from '../http/news.js';
import { Answer, Errors } from '../http/openapi-answers.js';
import { Stopping } from '../http/stopping.js';
import { CORE, STOPPING } from '../tokens.js';
import { ApprovalsQuery, ApproveDto, PrepareApprovalDto, RejectDto, WaitQuery } from './approvals.dto.js';
import { renderActivity, stampOf, type StampDto } from './approver-keys.controller.js';
import { changerOf, renderChange } from './changes.js';
import { renderApproval } from './render-approval.js';
import { timeOf } from './render-operation.js';

/** What waits for people: payments, and with dual control changes that let more pass than before. */
@ApiTags('Approvals')
@Controller('purser/v1/approvals')
export class ApprovalsController {
  constructor(
    @Inject(CORE) private readonly core: ApiCore,
    @Inject(STOPPING) private readonly stopping: Stopping,
  ) {}

  @Get()
  @Roles('approver', 'admin', 'auditor', 'backend')
  @ApiOperation({
    summary:
      'What waits, or was decided; newest first. With `wait_ms` and `since` it is answered once the page looks different',
  })
  @Answer(200, 'Approvals')
  @Errors('Error', 400, 401)
  async list(@Caller() caller: Principal, @Query() query: ApprovalsQuery): Promise<object> {
    const { workspaceId } = caller;
    const filter = filterOf(caller, query);
    const page = await this.waiting(caller, query, {
      read: () => this.core.reads.approvalItems(workspaceId, filter, pageOf(query)),
      isNews: (it) =>
        query.since === undefined ? it.items.length > 0 : this.revisionOf(it.items) !== query.since,
    });
    const rendered = renderPage(page, (item) => this.render(item));
    return { ...rendered, revision: this.revisionOf(page.items) };
  }

  @Get(':id')
  @Roles('approver', 'admin', 'auditor', 'backend')
  @ApiOperation({
    summary:
      'The facts to decide on, and the digest to send back. With `wait_ms` it is answered once it is decided, or with `since` once it has changed',
  })
  @Answer(200, 'AnyApproval')
  @Errors('Error', 400, 401, 404)
  async get(
    @Caller() caller: Principal,
    @Param('id') id: string,
    @Query() query: WaitQuery,
  ): Promise<object> {
    const item = await this.waiting(caller, query, {
      read: () => this.find(caller, id),
      isNews: ({ view }) =>
        query.since === undefined ? view.status !== 'pending' : String(view.revision) !== query.since,
    });
    return this.render(item);
  }

  @Post(':id/approve')
  @HttpCode(200)
  @Roles('approver', 'admin')
  @ApiOperation({
    summary:
      'Approve exactly what is behind the digest; granted once enough people have. An admin approves changes only',
  })
  @Answer(200, 'AnyApproval')
  @Errors('Error', 400, 401, 403, 404, 409)
  async approve(
    @Caller() caller: Principal,
    @Param('id') id: string,
    @Body() dto: ApproveDto,
  ): Promise<object> {
    const { kind, view } = await this.find(caller, id);
    if (kind === 'change')
      return renderChange(
        await this.core.admin.changes.approve(changerOf(caller), view.approvalId, dto.digest),
      );
    const who = dto.stamp ? await this.stamped(caller, view, dto) : approverOf(caller, dto.on_behalf_of);
    await approve(this.core.ports, who, view.operationId, dto.digest);
    return this.show(caller, view.approvalId);
  }

  @Post(':id/prepare')
  @Roles('approver', 'admin')
  @ApiOperation({ summary: 'What a registered approver key signs to approve this payment, as it stands now' })
  @Answer(201, 'Activity')
  @Errors('Error', 400, 401, 403, 404)
  async prepare(
    @Caller() caller: Principal,
    @Param('id') id: string,
    @Body() { on_behalf_of: whose }: PrepareApprovalDto,
  ): Promise<object> {
    const { kind, view } = await this.find(caller, id);
    if (kind === 'change') throw refuse('not_found', { object: 'approval' });
    const place = whose === undefined ? {} : { on_behalf_of: whose };
    const subject = { approval_id: view.approvalId, digest: view.digest, ...place };
    return renderActivity(await activities.prepare(this.core.signing, caller, { kind: 'approve', subject }));
  }

  /** Whoever holds the key that signed for this very approval. */
  private async stamped(
    { workspaceId }: Principal,
    view: Pick<ApprovalView, 'approvalId' | 'digest'>,
    { activity_id: id, stamp, on_behalf_of: onBehalfOf }: ApproveDto,
  ): Promise<ApproverPrincipal> {
    const activityId = parseActivityId(id);
    const { subject } = await activities.find(this.core.signing, { workspaceId }, activityId);
    const {
      approval_id: approvalId,
      digest,
      on_behalf_of: whose,
    } = subject as {
      readonly approval_id?: string;
      readonly digest?: string;
      readonly on_behalf_of?: string;
    };
    if (approvalId !== view.approvalId)
      throw refuse('validation_failed', { field: 'activity_id', reason: 'of_another_approval' });
    if (digest !== view.digest) throw refuse('approval_digest_mismatch');
    // Whose place the signer takes is part of what they sign, never the word of whoever brings it.
    if (onBehalfOf !== undefined && onBehalfOf !== whose)
      throw refuse('validation_failed', { field: 'on_behalf_of', reason: 'not_signed' });
    const signed = { activityId, kind: 'approve', stamp: stampOf(stamp as StampDto) } as const;
    const { by } = await confirmActivity(this.core.signing, { workspaceId }, signed);
    const place = whose === undefined ? {} : { onBehalfOf: whose };
    return { workspaceId, keyId: by.approverKeyId, person: by.person, ...place };
  }

  @Post(':id/reject')
  @HttpCode(200)
  @Roles('approver', 'admin')
  @ApiOperation({ summary: 'Reject, with a reason; one rejection is enough. An admin rejects changes only' })
  @Answer(200, 'AnyApproval')
  @Errors('Error', 400, 401, 403, 404, 409)
  async reject(
    @Caller() caller: Principal,
    @Param('id') id: string,
    @Body() dto: RejectDto,
  ): Promise<object> {
    const { kind, view } = await this.find(caller, id);
    if (kind === 'change')
      return renderChange(
        await this.core.admin.changes.reject(changerOf(caller), view.approvalId, dto.reason),
      );
    await reject(this.core.ports, approverOf(caller, dto.on_behalf_of), view.operationId, dto.reason);
    return this.show(caller, view.approvalId);
  }

  @Post(':id/withdraw')
  @HttpCode(200)
  @Roles('approver', 'admin')
  @ApiOperation({
    summary: 'Take back a change that the caller asked for; payments are cancelled at their operation',
  })
  @Answer(200, 'ChangeRequest')
  @Errors('Error', 400, 401, 403, 404, 409)
  async withdraw(@Caller() caller: Principal, @Param('id') id: string): Promise<object> {
    const { kind, view } = await this.find(caller, id);
    if (kind !== 'change') throw refuse('validation_failed', { field: 'id', reason: 'not_a_change' });
    return renderChange(await this.core.admin.changes.withdraw(changerOf(caller), view.approvalId));
  }

  private find({ workspaceId }: Principal, id: string): Promise<ApprovalItem> {
    return this.core.reads.approvalItem(workspaceId, parseApprovalId(id));
  }

  private async show(caller: Principal, id: ApprovalId): Promise<object> {
    return this.render(await this.find(caller, id));
  }

  private render(item: ApprovalItem): object {
    return item.kind === 'change'
      ? renderChange(item.view)
      : renderApproval(this.core.ports.assets, item.view);
  }

  private waiting<Found>(
    { workspaceId }: Principal,
    { wait_ms: waitMs }: { readonly wait_ms?: string },
    look: Parameters<typeof awaitNews<Found>>[1],
  ): Promise<Found> {
    const { ports, approvalNews } = this.core;
    const deadlineMs = ports.clock.nowMs() + Number(waitMs ?? 0);
    return this.stopping.leaving((stopped) =>
      awaitNews(
        {
          nowMs: () => ports.clock.nowMs(),
          deadlineMs,
          stopped,
          changed: () => approvalNews.changed(workspaceId, deadlineMs),
        },
        look,
      ),
    );
  }

  /** Of what a page shows: another one as soon as anything of it is different. */
  private revisionOf(items: readonly ApprovalItem[]): string {
    const text = items.map(({ view }) => `${view.approvalId} ${view.revision} ${view.status}`).join('\n');
    return this.core.ports.hashing.sha256(text).slice(0, 32);
  }
}

function filterOf(caller: Principal, query: ApprovalsQuery): ApprovalFilter {
  const {
    kind,
    status,
    agent_id: agent,
    host,
    min_amount: min,
    max_amount: max,
    due_before: due,
    mine,
  } = query;
  return {
    ...(kind === undefined ? {} : { kind }),
    ...(status === undefined ? {} : { status }),
    ...(agent === undefined ? {} : { agentId: parseAgentId(agent) }),
    ...(host === undefined ? {} : { host: host.toLowerCase() }),
    ...(min === undefined ? {} : { minAmount: parseAtomic(min, 'min_amount') }),
    ...(max === undefined ? {} : { maxAmount: parseAtomic(max, 'max_amount') }),
    ...(due === undefined ? {} : { dueBeforeMs: timeOf(due, 'due_before') }),
    ...(mine === undefined ? {} : { decidableBy: caller.person }),
  };
}

function approverOf({ workspaceId, keyId, person, role }: Principal, onBehalfOf?: string): ApproverPrincipal {
  if (role !== 'approver') throw refuse('approver_not_eligible', { reason: 'role' });
  return { workspaceId, keyId, person, ...(onBehalfOf === undefined ? {} : { onBehalfOf }) };
}
