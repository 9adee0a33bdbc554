import { Controller, Get, Inject, Query } from '@nestjs/common';
import { ApiOperation, ApiTags, type OpenAPIObject } from '@nestjs/swagger';
import type { Principal, RecordedOperation } from '#engine';
import type { ApiCore } from '../../core.js';
import { Caller, Public, Roles } from '../../http/access.js';
import { agentOf } from '../../http/agent.js';
import { Speaks } from '../../http/dialect.js';
import { pageOf, renderPage } from '../../http/lists.js';
import { Answer, Errors } from '../../http/openapi-answers.js';
import { CORE, DOCUMENT } from '../../tokens.js';
import { hightop } from './dialect.js';
import { OperationsQuery } from './hightop.dto.js';
import { renderCapabilities } from './render-capabilities.js';
import { renderActivity, renderAccount, renderRates } from './render-account.js';
import { renderBalances } from './render-self.js';

@ApiTags('Hightop v1')
@Speaks(hightop)
@Controller('v1/agent')
export class HightopAccountController {
  constructor(
    @Inject(CORE) private readonly core: ApiCore,
    @Inject(DOCUMENT) private readonly document: { current: OpenAPIObject | null },
  ) {}

  @Get('self/usage')
  @Roles('agent')
  @ApiOperation({ summary: 'Where the credential stands in every class of rate limits' })
  @Answer(200, 'HightopUsage')
  @Errors('HightopError', 401)
  usage(@Caller() { keyId }: Principal): object {
    return { ok: true, usage: renderRates(this.core.limits, keyId) };
  }

  @Get('account')
  @Roles('agent')
  @ApiOperation({ summary: "The agent's owner: the workspace" })
  @Answer(200, 'HightopAccount')
  @Errors('HightopError', 401)
  async account(@Caller() caller: Principal): Promise<object> {
    const { workspaceId, agentId } = agentOf(caller);
    const { admin, reads } = this.core;
    const [workspace, balances] = await Promise.all([
      admin.workspaces.get(workspaceId),
      reads.balances(workspaceId, { agentId }),
    ]);
    return { ok: true, account: renderAccount(workspace, balances) };
  }

  @Get('balances/cash')
  @Roles('agent')
  @ApiOperation({ summary: 'What the wallets hold in dollars; Purser pays in nothing else' })
  @Answer(200, 'HightopBalances')
  @Errors('HightopError', 401)
  async cash(@Caller() caller: Principal): Promise<object> {
    const { workspaceId, agentId } = agentOf(caller);
    return renderBalances(this.core.ports.assets, await this.core.reads.balances(workspaceId, { agentId }));
  }

  @Get('activity')
  @Roles('agent')
  @ApiOperation({ summary: 'What happened, newest first: every operation as one entry' })
  @Answer(200, 'HightopActivity')
  @Errors('HightopError', 400, 401)
  async activity(@Caller() caller: Principal, @Query() query: OperationsQuery): Promise<object> {
    const { workspaceId, agentId } = agentOf(caller);
    const page = await this.core.reads.operations(workspaceId, { agentId }, pageOf(query));
    const symbol = ({ terms }: RecordedOperation): string | null =>
      terms === null ? null : (this.core.ports.assets.find(terms.network, terms.token)?.symbol ?? null);
    return { ok: true, ...renderPage(page, (view) => renderActivity(view, symbol(view))) };
  }

  @Get('capabilities')
  @Public()
  @ApiOperation({ summary: 'What this API can do, for programs' })
  @Answer(200, 'HightopCapabilities')
  capabilities(): object {
    return renderCapabilities(this.document.current);
  }

  @Get('capabilities.json')
  @Public()
  @ApiOperation({ summary: 'The same under its other name' })
  @Answer(200, 'HightopCapabilities')
  capabilitiesJson(): object {
    return renderCapabilities(this.document.current);
  }
}
