import { Body, Controller, Get, HttpCode, Inject, Param, Post, Query } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { formatDecimal, layersOf, parseDecimal, refuse, USAGE_UNIT } from '#domain';
import { recordUsage, type AgentPrincipal, type Principal, type UsageEvent, type UsageView } from '#engine';
import type { ApiCore } from '../core.js';
import { Caller, Roles } from '../http/access.js';
import { agentNamed, agentOf } from '../http/agent.js';
import { ListQuery, pageOf, renderPage } from '../http/lists.js';
import { Answer, Errors } from '../http/openapi-answers.js';
import { CORE } from '../tokens.js';
import { renderBudget } from './budgets.map.js';
import { iso } from './render-operation.js';
import { UsageDto, type UsageEventDto } from './usage.dto.js';

/** What agents use beside what they pay. It has happened, so it is recorded also beyond a limit; from then on the layer says no to payments. */
@ApiTags('Usage')
@Controller('purser/v1')
export class UsageController {
  constructor(@Inject(CORE) private readonly core: ApiCore) {}

  @Post('usage')
  @HttpCode(200)
  @Roles('agent')
  @ApiOperation({ summary: 'Report usage: charged to the layers infra and tokens, once per id' })
  @Answer(200, 'UsageRecorded')
  @Errors('Error', 400, 401, 403, 422)
  async record(@Caller() caller: Principal, @Body() dto: UsageDto): Promise<object> {
    const agent = agentOf(caller);
    const outcomes = await recordUsage(this.core, agent, dto.events.map(toEvent));
    const items = dto.events.map(({ id }, at) => ({ id, outcome: outcomes[at] }));
    return { items, layers: await this.layers(agent) };
  }

  @Get('usage')
  @Roles('agent')
  @ApiOperation({ summary: 'Usage the calling agent has reported, newest first' })
  @Answer(200, 'UsageEvents')
  @Errors('Error', 400, 401, 403)
  listOwn(@Caller() caller: Principal, @Query() query: ListQuery): Promise<object> {
    return this.list(agentOf(caller), query);
  }

  @Get('layers')
  @Roles('agent')
  @ApiOperation({ summary: 'How each layer stands for the calling agent: its own budget and those above it' })
  @Answer(200, 'Layers')
  @Errors('Error', 401, 403)
  async getOwnLayers(@Caller() caller: Principal): Promise<object> {
    return { items: await this.layers(agentOf(caller)) };
  }

  @Get('agents/:id/usage')
  @Roles('admin', 'auditor', 'backend')
  @ApiOperation({ summary: 'Usage an agent has reported, newest first' })
  @Answer(200, 'UsageEvents')
  @Errors('Error', 400, 401, 403, 404)
  async listOf(
    @Caller() caller: Principal,
    @Param('id') id: string,
    @Query() query: ListQuery,
  ): Promise<object> {
    return this.list(await agentNamed(this.core, caller, id), query);
  }

  @Get('agents/:id/layers')
  @Roles('admin', 'auditor', 'backend')
  @ApiOperation({ summary: 'How each layer stands for an agent: its own budget and those above it' })
  @Answer(200, 'Layers')
  @Errors('Error', 400, 401, 403, 404)
  async getLayersOf(@Caller() caller: Principal, @Param('id') id: string): Promise<object> {
    return { items: await this.layers(await agentNamed(this.core, caller, id)) };
  }

  private async list({ workspaceId, agentId }: AgentPrincipal, query: ListQuery): Promise<object> {
    return renderPage(await this.core.reads.usage(workspaceId, agentId, pageOf(query)), renderUsage);
  }

  private async layers({ workspaceId, agentId }: AgentPrincipal): Promise<readonly object[]> {
    const budgets = await this.core.reads.budgets(workspaceId, agentId);
    return layersOf(budgets).map(({ layer, status, budgets: own }) => ({
      layer,
      status,
      budgets: own.map(renderBudget),
    }));
  }
}

const MOST_METADATA = 4096;
/** U+0000 and half surrogates, as JSON writes them. */
const UNSTORABLE = /\\u(0000|d[89a-f][0-9a-f]{2})/i;

function toEvent(dto: UsageEventDto, at: number): UsageEvent {
  const field = `events.${at}`;
  const metadata = JSON.stringify(dto.metadata ?? null);
  if (metadata.length > MOST_METADATA)
    throw refuse('validation_failed', { field: `${field}.metadata`, reason: `more_than_${MOST_METADATA}` });
  if (UNSTORABLE.test(metadata))
    throw refuse('validation_failed', { field: `${field}.metadata`, reason: 'not_storable' });
  return {
    id: dto.id,
    layer: dto.layer,
    kind: dto.kind ?? 'usage',
    amount: parseDecimal(USAGE_UNIT, dto.amount_usd, `${field}.amount_usd`),
    metadata: dto.metadata ?? null,
  };
}

function renderUsage(view: UsageView): object {
  return {
    id: view.id,
    agent_id: view.agentId,
    layer: view.layer,
    kind: view.kind,
    amount_usd: formatDecimal(USAGE_UNIT, view.amount),
    metadata: view.metadata,
    recorded_at: iso(view.recordedAtMs),
  };
}
