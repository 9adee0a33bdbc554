import { Body, Controller, Get, HttpCode, Inject, Param, Post } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { parseActivityId, parseApproverKeyId, refuse } from '#domain';
import {
  activities,
  registerApproverKey,
  type Activity,
  type ApproverKeyView,
  type Principal,
  type Stamp,
} from '#engine';
import type { ApiCore } from '../core.js';
import { Caller, Roles } from '../http/access.js';
import { Nested, Text } from '../http/fields.js';
import { Answer, Errors } from '../http/openapi-answers.js';
import { CORE } from '../tokens.js';
import { iso, maybeIso } from './render-operation.js';

export class PrepareApproverKeyDto {
  @Text({ max: 66, pattern: /^0[23][0-9a-f]{64}$/, about: 'compressed point on P-256, lower-case hex' })
  public_key!: string;

  @Text({ optional: true, max: 120, about: 'to recognise it by' })
  label?: string;
}

export class StampDto {
  @Text({ min: 1, max: 64, about: 'X-Stamp' })
  header_name!: string;

  @Text({ min: 1, max: 1_024, about: 'base64url of { publicKey, signature, scheme } over the exact body' })
  header_value!: string;
}

export class RegisterApproverKeyDto {
  @Text({ max: 30, about: 'of the prepared activity' })
  activity_id!: string;

  @Nested(StampDto, { about: 'over its body, made with the key that is registered' })
  stamp!: StampDto;
}

/** Keys that people sign decisions with, outside of Purser. */
@ApiTags('Approvals')
@Controller('purser/v1/approver-keys')
export class ApproverKeysController {
  constructor(@Inject(CORE) private readonly core: ApiCore) {}

  @Post('prepare')
  @Roles('approver')
  @ApiOperation({ summary: 'What the key has to sign to be registered as the caller’s' })
  @Answer(201, 'Activity')
  @Errors('Error', 400, 401, 403)
  async prepare(@Caller() caller: Principal, @Body() dto: PrepareApproverKeyDto): Promise<object> {
    const { signing } = this.core;
    if (!signing.stamps.isPublicKey(dto.public_key))
      throw refuse('validation_failed', { field: 'public_key', reason: 'not_on_the_curve' });
    const subject = { public_key: dto.public_key, label: dto.label ?? '', person: caller.person };
    return renderActivity(
      await activities.prepare(signing, caller, { kind: 'register_approver_key', subject }),
    );
  }

  @Post()
  @Roles('approver')
  @ApiOperation({
    summary: 'Register a key by its signature; with dual control a second person has to confirm it',
  })
  @Answer(201, 'ApproverKey')
  @Errors('Error', 400, 401, 403, 404, 409)
  async register(@Caller() caller: Principal, @Body() dto: RegisterApproverKeyDto): Promise<object> {
    const signed = { activityId: parseActivityId(dto.activity_id), stamp: stampOf(dto.stamp) };
    return renderApproverKey(await registerApproverKey(this.core.signing, caller, signed));
  }

  @Get()
  @Roles('approver', 'admin', 'auditor')
  @ApiOperation({ summary: 'Keys of everybody, newest first' })
  @Answer(200, 'ApproverKeys')
  @Errors('Error', 401)
  async list(@Caller() { workspaceId }: Principal): Promise<object> {
    return { items: (await this.core.signing.approverKeys.list(workspaceId)).map(renderApproverKey) };
  }

  @Post(':id/confirm')
  @HttpCode(200)
  @Roles('admin')
  @ApiOperation({ summary: 'Let a pending key of somebody else count' })
  @Answer(200, 'ApproverKey')
  @Errors('Error', 400, 401, 403, 404)
  async confirm(@Caller() caller: Principal, @Param('id') id: string): Promise<object> {
    const { approverKeys } = this.core.signing;
    return renderApproverKey(await approverKeys.confirm(caller, parseApproverKeyId(id)));
  }

  @Post(':id/revoke')
  @HttpCode(200)
  @Roles('admin', 'approver')
  @ApiOperation({ summary: 'Revoke a key, at once and for ever; an approver their own only' })
  @Answer(200, 'ApproverKey')
  @Errors('Error', 400, 401, 403, 404)
  async revoke(@Caller() caller: Principal, @Param('id') id: string): Promise<object> {
    const { approverKeys } = this.core.signing;
    const ownedBy = caller.role === 'approver' ? caller.person : null;
    return renderApproverKey(await approverKeys.revoke(caller, parseApproverKeyId(id), ownedBy));
  }
}

export const stampOf = ({ header_name, header_value }: StampDto): Stamp => ({
  stampHeaderName: header_name,
  stampHeaderValue: header_value,
});

export function renderActivity(activity: Activity): object {
  return {
    activity_id: activity.activityId,
    kind: activity.kind,
    subject: activity.subject,
    body: activity.body,
    digest: activity.digest,
    expires_at: iso(activity.expiresAtMs),
  };
}

function renderApproverKey(key: ApproverKeyView): object {
  return {
    approver_key_id: key.approverKeyId,
    person: key.person,
    public_key: key.publicKey,
    label: key.label,
    status: key.status,
    created_at: iso(key.createdAtMs),
    confirmed_by: key.confirmedBy,
    revoked_at: maybeIso(key.revokedAtMs),
  };
}
