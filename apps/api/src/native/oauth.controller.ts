// What OAuth clients may do for agents. The consent page writes down here what a person agreed to, with that person's own key.
import { Body, Controller, Get, HttpCode, Inject, Param, Post, Query } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { parseAgentId, parseGrantId, refuse } from '#domain';
import type { GrantStore, GrantView, Principal } from '#engine';
import type { ApiCore } from '../core.js';
import { Caller, Roles } from '../http/access.js';
import { ListQuery, pageOf, renderPage } from '../http/lists.js';
import { Answer, Errors } from '../http/openapi-answers.js';
import { CORE } from '../tokens.js';
import { actorOf } from './actor.js';
import { NewOAuthClientDto, NewOAuthGrantDto } from './oauth.dto.js';
import { iso, maybeIso } from './render-operation.js';

@ApiTags('OAuth')
@Controller('purser/v1/oauth')
export class OAuthController {
  constructor(@Inject(CORE) private readonly core: ApiCore) {}

  @Post('grants')
  @Roles('admin', 'approver')
  @ApiOperation({
    summary:
      'Let a registered client act for one agent; the caller stands behind what it does, and cannot approve it',
  })
  @Answer(201, 'OAuthGrant')
  @Errors('Error', 400, 401, 403, 404)
  async agree(@Caller() caller: Principal, @Body() dto: NewOAuthGrantDto): Promise<object> {
    const input = { ...agreed(caller, dto), clientId: dto.client_id };
    return renderGrant(await this.grants().agree(caller.workspaceId, input, actorOf(caller)));
  }

  @Post('clients')
  @Roles('admin')
  @ApiOperation({
    summary: 'A client with a secret of its own, for client credentials; `client_secret` is shown this once',
  })
  @Answer(201, 'OAuthClient')
  @Errors('Error', 400, 401, 403, 404)
  async createClient(@Caller() caller: Principal, @Body() dto: NewOAuthClientDto): Promise<object> {
    const input = agreed(caller, dto);
    const { grant, secret } = await this.grants().createClient(caller.workspaceId, input, actorOf(caller));
    return { client_id: grant.clientId, client_secret: secret, grant: renderGrant(grant) };
  }

  @Get('grants')
  @Roles('admin', 'approver', 'auditor')
  @ApiOperation({ summary: 'Which clients may act for which agents, newest first' })
  @Answer(200, 'OAuthGrants')
  @Errors('Error', 400, 401)
  async list(@Caller() caller: Principal, @Query() query: ListQuery): Promise<object> {
    return renderPage(await this.grants().list(caller.workspaceId, pageOf(query)), renderGrant);
  }

  @Post('grants/:id/revoke')
  @HttpCode(200)
  @Roles('admin')
  @ApiOperation({ summary: 'Revoke a grant and every token that was made for it, at once and for ever' })
  @Answer(200, 'OAuthGrant')
  @Errors('Error', 400, 401, 403, 404)
  async revoke(@Caller() caller: Principal, @Param('id') id: string): Promise<object> {
    return renderGrant(await this.grants().revoke(caller.workspaceId, parseGrantId(id), actorOf(caller)));
  }

  /** Other issuers keep grants of their own. */
  private grants(): GrantStore {
    const embedded = this.core.oauth?.embedded ?? null;
    if (embedded === null) throw refuse('not_found', { object: 'route' });
    return embedded.grants;
  }
}

const agreed = (caller: Principal, dto: NewOAuthClientDto) => ({
  agentId: parseAgentId(dto.agent_id),
  clientName: dto.client_name,
  person: caller.person,
  scopes: [...new Set(dto.scopes)],
});

const renderGrant = (view: GrantView): object => ({
  grant_id: view.grantId,
  kind: view.kind,
  agent_id: view.agentId,
  client_id: view.clientId,
  client_name: view.clientName,
  person: view.person,
  scopes: view.scopes,
  created_at: iso(view.createdAtMs),
  revoked_at: maybeIso(view.revokedAtMs),
});
