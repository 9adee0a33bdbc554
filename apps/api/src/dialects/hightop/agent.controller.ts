import { Controller, Get, Inject, Param, Query } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { parseOperationId } from '#domain';
import type { OperationView, Principal } from '#engine';
import type { ApiCore } from '../../core.js';
import { Caller, Roles } from '../../http/access.js';
import { agentOf } from '../../http/agent.js';
import { Speaks } from '../../http/dialect.js';
import { pageOf, renderPage } from '../../http/lists.js';
import { Answer, Errors } from '../../http/openapi-answers.js';
import { responseOf } from '../../http/upstream.js';
import { CORE } from '../../tokens.js';
import { hightop } from './dialect.js';
import { OperationQuery, OperationsQuery } from './hightop.dto.js';
import { renderOperation } from './render.js';
import { renderBalances, renderLimits, renderSelf } from './render-self.js';

@ApiTags('Hightop v1')
@Speaks(hightop)
@Controller('v1/agent')
export class HightopAgentController {
  constructor(@Inject(CORE) private readonly core: ApiCore) {}

  @Get('operations')
  @Roles('agent')
  @ApiOperation({ summary: "The agent's operations, newest first" })
  @Answer(200, 'HightopOperations')
  @Errors('HightopError', 400, 401)
  async operations(@Caller() caller: Principal, @Query() query: OperationsQuery): Promise<object> {
    const { workspaceId, agentId } = agentOf(caller);
    const page = await this.core.reads.operations(workspaceId, { agentId }, pageOf(query));
    const items = renderPage(page, (view) =>
      renderOperation(view, { symbol: this.symbol(view), onchain: false }),
    );
    return { ok: true, ...items };
  }

  @Get('operations/:id')
  @Roles('agent')
  @ApiOperation({ summary: 'One operation, with its upstream answer and, on request, its place on chain' })
  @Answer(200, 'HightopOperation')
  @Errors('HightopError', 400, 401, 404)
  async operation(
    @Caller() caller: Principal,
    @Param('id') id: string,
    @Query() query: OperationQuery,
  ): Promise<object> {
    const { workspaceId, agentId } = agentOf(caller);
    const operationId = parseOperationId(id);
    const view = await this.core.reads.operation(workspaceId, operationId, agentId);
    const facts = {
      symbol: this.symbol(view),
      onchain: query.include === 'onchain',
      response: await responseOf(this.core.ports, view),
    };
    return { ok: true, operation: renderOperation(view, facts) };
  }

  @Get('self')
  @Roles('agent')
  @ApiOperation({ summary: 'Who the caller is and what it has used' })
  @Answer(200, 'HightopSelf')
  @Errors('HightopError', 401)
  async self(@Caller() caller: Principal): Promise<object> {
    const { workspaceId, agentId } = agentOf(caller);
    const { admin, reads } = this.core;
    const [agent, balances, usage] = await Promise.all([
      admin.agents.get(workspaceId, agentId),
      reads.balances(workspaceId, { agentId }),
      reads.selfUsage(workspaceId, agentId, 'USD6'),
    ]);
    return renderSelf(agent, { balances, usage, limits: this.core.limits });
  }

  @Get('self/limits')
  @Roles('agent')
  @ApiOperation({
    summary: "The agent's spend limits: the tighter of its own and the workspace's; null means no cap",
  })
  @Answer(200, 'HightopLimits')
  @Errors('HightopError', 401)
  async limits(@Caller() caller: Principal): Promise<object> {
    const { workspaceId, agentId } = agentOf(caller);
    return renderLimits(await this.core.reads.selfUsage(workspaceId, agentId, 'USD6'));
  }

  @Get('balances')
  @Roles('agent')
  @ApiOperation({ summary: 'What the wallets hold, per asset, and how much of it is free' })
  @Answer(200, 'HightopBalances')
  @Errors('HightopError', 401)
  async balances(@Caller() caller: Principal): Promise<object> {
    const { workspaceId, agentId } = agentOf(caller);
    return renderBalances(this.core.ports.assets, await this.core.reads.balances(workspaceId, { agentId }));
  }

  private symbol({ terms }: OperationView): string | null {
    return terms === null ? null : (this.core.ports.assets.find(terms.network, terms.token)?.symbol ?? null);
  }
}
