import { Body, Controller, Get, Inject, Patch, Req, Res } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { DEFAULT_RULES, formatDecimal, refuse } from '#domain';
import type { PolicyInput, PolicyVersion, Principal, Scope } from '#engine';
import type { ApiCore } from '../../core.js';
import { Caller, Roles } from '../../http/access.js';
import { Speaks } from '../../http/dialect.js';
import { Flag, Integer } from '../../http/fields.js';
import { Answer, Errors } from '../../http/openapi-answers.js';
import { send } from '../../http/send.js';
import { changerOf } from '../../native/changes.js';
import { CORE } from '../../tokens.js';
import { thresholdOf } from './budgets.map.js';
import { changeRead, waitingFor } from './changes.js';
import { relayer } from './dialect.js';
import { placeOf, success } from './envelope.js';
import { Decimal } from './fields.js';

export class ApprovalConfigDto {
  @Decimal({ optional: true, about: 'USD from which on a person is asked, inclusive' })
  threshold_amount?: number | string;

  @Decimal({ optional: true, about: 'the same, under its other name' })
  thresholdUsd?: number | string;

  @Integer({ optional: true, min: 1, max: 43_200, about: 'minutes a person has to decide' })
  timeout_minutes?: number;

  @Integer({ optional: true, min: 1, max: 20, about: 'how many different people' })
  requiredApprovers?: number;

  @Flag({ optional: true, about: 'false: nobody is asked for an amount' })
  enabled?: boolean;
}

/** The workspace's own policy; agents' may ask for more. */
@ApiTags('Relayer')
@Speaks(relayer)
@Controller('v1/signing/approval-config')
export class RelayerApprovalConfigController {
  constructor(@Inject(CORE) private readonly core: ApiCore) {}

  @Get()
  @Roles('backend', 'admin', 'approver', 'auditor')
  @ApiOperation({ summary: 'From which amount on, by how many and within which time' })
  @Answer(200, 'RelayerApprovalConfig')
  @Errors('RelayerError', 401, 403)
  async get(@Caller() caller: Principal, @Req() request: FastifyRequest): Promise<object> {
    return this.show(rulesOf(await this.stored(caller)), request);
  }

  @Patch()
  @Roles('admin')
  @ApiOperation({ summary: 'Change what is named; the rest of the policy stays' })
  @Answer(200, 'RelayerApprovalConfig')
  @Answer(202, 'RelayerChange')
  @Errors('RelayerError', 400, 401, 403, 409)
  async set(
    @Caller() caller: Principal,
    @Body() dto: ApprovalConfigDto,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const waiting = await changeRead(this.core, changerOf(caller), async () => {
      const stored = await this.stored(caller);
      const rules = changed(rulesOf(stored), dto);
      return { kind: 'policy', agentId: null, rules, basedOn: stored?.policy.version ?? 0 };
    });
    const { request } = reply;
    if (waiting) return send(reply, waitingFor(placeOf(this.core, request), null, [waiting]));
    send(reply, { status: 200, body: this.show(rulesOf(await this.stored(caller)), request) });
  }

  private stored(caller: Principal): Promise<PolicyVersion | null> {
    return this.core.admin.policies.get(scopeOf(caller));
  }

  private show(
    { approvalThreshold, decideWithinSec, approvers }: PolicyInput,
    request: FastifyRequest,
  ): object {
    const threshold = approvalThreshold === null ? null : formatDecimal('USD6', approvalThreshold);
    const data = {
      enabled: approvalThreshold !== null,
      threshold_amount: threshold,
      thresholdUsd: threshold,
      timeout_minutes: Math.ceil(decideWithinSec / 60),
      requiredApprovers: approvers.quorum,
    };
    return success(placeOf(this.core, request), { message: 'Approval config', data });
  }
}

function changed(rules: PolicyInput, dto: ApprovalConfigDto): PolicyInput {
  const {
    threshold_amount,
    thresholdUsd,
    timeout_minutes: minutes,
    requiredApprovers: quorum,
    enabled,
  } = dto;
  if (threshold_amount !== undefined && thresholdUsd !== undefined)
    throw refuse('validation_failed', { field: 'thresholdUsd', reason: 'not_beside_threshold_amount' });
  const field = threshold_amount === undefined ? 'thresholdUsd' : 'threshold_amount';
  const named = thresholdOf(threshold_amount ?? thresholdUsd, field);
  const approvalThreshold = enabled === false ? null : (named ?? rules.approvalThreshold);
  if (enabled === false && named !== undefined)
    throw refuse('validation_failed', { field, reason: 'not_enabled' });
  if (enabled === true && approvalThreshold === null)
    throw refuse('validation_failed', { field: 'threshold_amount', reason: 'needed_to_enable' });
  return {
    ...rules,
    approvalThreshold,
    ...(minutes === undefined ? {} : { decideWithinSec: minutes * 60 }),
    ...(quorum === undefined ? {} : { approvers: { ...rules.approvers, quorum } }),
  };
}

const rulesOf = (stored: PolicyVersion | null): PolicyInput => stored?.policy ?? DEFAULT_RULES;

const scopeOf = ({ workspaceId }: Principal): Scope => ({ workspaceId, agentId: null });
