import { Body, Controller, Get, HttpCode, Inject, Param, Post, Query } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { parseAgentId, parseKeyId } from '#domain';
import type { IssuedKey, Principal } from '#engine';
import type { ApiCore } from '../core.js';
import { Caller, Roles } from '../http/access.js';
import { ListQuery, pageOf, renderPage } from '../http/lists.js';
import { Answer, Errors } from '../http/openapi-answers.js';
import { CORE } from '../tokens.js';
import { NewKeyDto, RotateKeyDto } from './accounts.dto.js';
import { renderKey } from './accounts.render.js';
import { actorOf } from './actor.js';

@ApiTags('Keys')
@Controller('purser/v1/keys')
export class KeysController {
  constructor(@Inject(CORE) private readonly core: ApiCore) {}

  @Post()
  @Roles('admin')
  @ApiOperation({ summary: 'A new key; `secret` is shown this once' })
  @Answer(201, 'IssuedKey')
  @Errors('Error', 400, 401, 403, 404)
  async create(@Caller() caller: Principal, @Body() dto: NewKeyDto): Promise<object> {
    const input = {
      role: dto.role,
      agentId: dto.agent_id === undefined ? null : parseAgentId(dto.agent_id),
      person: dto.person,
      label: dto.label ?? '',
      expiresInSec: dto.expires_in_sec ?? null,
      kind: dto.kind ?? 'key',
      scopes: dto.scopes ?? null,
      allowedIps: dto.allowed_ips ?? null,
    };
    return renderIssued(await this.core.admin.keys.create(caller.workspaceId, input, actorOf(caller)));
  }

  @Get()
  @Roles('admin', 'auditor')
  @ApiOperation({ summary: 'Keys without their secrets, newest first' })
  @Answer(200, 'Keys')
  @Errors('Error', 400, 401)
  async list(@Caller() caller: Principal, @Query() query: ListQuery): Promise<object> {
    return renderPage(await this.core.admin.keys.list(caller.workspaceId, pageOf(query)), renderKey);
  }

  @Post(':id/revoke')
  @HttpCode(200)
  @Roles('admin')
  @ApiOperation({ summary: 'Revoke a key, at once and for ever' })
  @Answer(200, 'Key')
  @Errors('Error', 400, 401, 403, 404)
  async revoke(@Caller() caller: Principal, @Param('id') id: string): Promise<object> {
    const { keys } = this.core.admin;
    return renderKey(await keys.revoke(caller.workspaceId, parseKeyId(id), actorOf(caller)));
  }

  @Post(':id/rotate')
  @Roles('admin', 'approver')
  @ApiOperation({
    summary:
      'A successor with the same rights; both work during the overlap. An approver rotates their own only',
  })
  @Answer(201, 'IssuedKey')
  @Errors('Error', 400, 401, 403, 404)
  async rotate(
    @Caller() caller: Principal,
    @Param('id') id: string,
    @Body() dto: RotateKeyDto,
  ): Promise<object> {
    const { keys } = this.core.admin;
    const overlapSec = dto.overlap_sec ?? 0;
    return renderIssued(await keys.rotate(caller.workspaceId, parseKeyId(id), overlapSec, actorOf(caller)));
  }
}

const renderIssued = ({ key, secret }: IssuedKey): object => ({ key: renderKey(key), secret });
