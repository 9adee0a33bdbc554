// Where a client that knows nothing but our address learns whom to ask for a token (RFC 9728).
import { Controller, Get, Inject } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { ACCESS_SCOPES } from '#engine';
import { refuse } from '#domain';
import type { ApiCore } from '../core.js';
import { Public } from '../http/access.js';
import { Answer, Errors } from '../http/openapi-answers.js';
import { CORE } from '../tokens.js';

@ApiTags('OAuth')
@Controller('.well-known/oauth-protected-resource')
export class OAuthDiscoveryController {
  constructor(@Inject(CORE) private readonly core: ApiCore) {}

  @Get('v1/agent')
  @Public()
  @ApiOperation({ summary: "Who issues access tokens for Hightop's API, and their scopes" })
  @Answer(200, 'ProtectedResource')
  @Errors('Error', 404)
  agent(): object {
    return this.describe('/v1/agent');
  }

  @Get('purser/v1')
  @Public()
  @ApiOperation({ summary: 'Who issues access tokens for the native API, and their scopes' })
  @Answer(200, 'ProtectedResource')
  @Errors('Error', 404)
  native(): object {
    return this.describe('/purser/v1');
  }

  private describe(path: string): object {
    const { oauth } = this.core;
    if (oauth === null) throw refuse('not_found', { object: 'route' });
    return {
      resource: `${oauth.publicUrl}${path}`,
      authorization_servers: oauth.issuers,
      scopes_supported: ACCESS_SCOPES.filter((scope) => scope.startsWith('agent:')),
      bearer_methods_supported: ['header'],
      resource_documentation: `${oauth.publicUrl}/docs`,
    };
  }
}
