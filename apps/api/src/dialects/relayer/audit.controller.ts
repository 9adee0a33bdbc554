import { Controller, Get, Inject, Param, Query, Req } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { formatDecimal } from '#domain';
import { AUDIT_CATEGORIES, FAILURES, type AgentAuditRow, type Principal, type SpendRow } from '#engine';
import type { ApiCore } from '../../core.js';
import { Caller, Roles } from '../../http/access.js';
import { agentNamed } from '../../http/agent.js';
import { Speaks } from '../../http/dialect.js';
import { Answer, Errors } from '../../http/openapi-answers.js';
import { CORE } from '../../tokens.js';
import { ANALYTICS_DAYS, AnalyticsQuery, AUDIT_PERIODS, AuditQuery } from './audit.dto.js';
import { relayer } from './dialect.js';
import { iso, placeOf, success } from './envelope.js';
import { listed } from './paging.js';

const DAY_MS = 86_400_000;

@ApiTags('Relayer')
@Speaks(relayer)
@Controller('v1/agents')
export class RelayerAuditController {
  constructor(@Inject(CORE) private readonly core: ApiCore) {}

  @Get(':id/audit')
  @Roles('backend', 'admin', 'auditor')
  @ApiOperation({ summary: 'What happened to the agent, newest first: its payments and its administration' })
  @Answer(200, 'RelayerAudit')
  @Errors('RelayerError', 400, 401, 403, 404)
  async audit(
    @Caller() caller: Principal,
    @Param('id') id: string,
    @Query() query: AuditQuery,
    @Req() request: FastifyRequest,
  ): Promise<object> {
    const { reads, ports } = this.core;
    const { agentId, workspaceId } = await agentNamed(this.core, caller, id);
    const filter = {
      ...(query.type === undefined ? {} : { category: query.type }),
      ...(query.status === undefined ? {} : { failed: query.status === 'failed' }),
      ...(query.period === undefined ? {} : { sinceMs: ports.clock.nowMs() - AUDIT_PERIODS[query.period] }),
    };
    const { items, meta, limit } = await listed(query, (page) =>
      reads.agentAudit(workspaceId, agentId, { filter, page }),
    );
    // Page numbers are of a list that somebody has counted; a cursor needs no count.
    const total = query.page === undefined ? null : await reads.agentAuditCount(workspaceId, agentId, filter);
    const counted = total === null ? meta : { ...meta, total, totalPages: Math.ceil(total / limit) };
    return success(placeOf(this.core, request), {
      message: 'Audit',
      data: items.map(renderRow),
      meta: counted,
    });
  }

  @Get(':id/analytics')
  @Roles('agent', 'backend', 'admin', 'auditor')
  @ApiOperation({ summary: "The agent's spend by day and host" })
  @Answer(200, 'RelayerAnalytics')
  @Errors('RelayerError', 400, 401, 403, 404)
  async analytics(
    @Caller() caller: Principal,
    @Param('id') id: string,
    @Query() query: AnalyticsQuery,
    @Req() request: FastifyRequest,
  ): Promise<object> {
    const { agentId } = await agentNamed(this.core, caller, id);
    const { rows, ...range } = await this.spend(caller, query, { agentId });
    const data = {
      agentId,
      ...range,
      ...totalOf(rows),
      byDay: byKey(rows, 'day'),
      byHost: byKey(rows, 'host'),
    };
    return success(placeOf(this.core, request), { message: 'Analytics', data });
  }

  @Get('analytics/summary')
  @Roles('backend', 'admin', 'auditor')
  @ApiOperation({ summary: "The workspace's spend by day and agent" })
  @Answer(200, 'RelayerAnalyticsSummary')
  @Errors('RelayerError', 400, 401, 403)
  async summary(
    @Caller() caller: Principal,
    @Query() query: AnalyticsQuery,
    @Req() request: FastifyRequest,
  ): Promise<object> {
    const { rows, ...range } = await this.spend(caller, query, {});
    const data = { ...range, ...totalOf(rows), byDay: byKey(rows, 'day'), byAgent: byKey(rows, 'agentId') };
    return success(placeOf(this.core, request), { message: 'Analytics', data });
  }

  private async spend(
    { workspaceId }: Principal,
    { period = 'month' }: AnalyticsQuery,
    of: Pick<Parameters<ApiCore['reads']['spend']>[1], 'agentId'>,
  ) {
    const nowMs = this.core.ports.clock.nowMs();
    const from = dayOf(nowMs - (ANALYTICS_DAYS[period] - 1) * DAY_MS);
    const to = dayOf(nowMs);
    const all = await this.core.reads.spend(workspaceId, { fromDay: from, toDay: to, ...of });
    return { period, from, to, rows: all.filter((row) => row.unit === 'USD6') };
  }
}

const dayOf = (ms: number): string => iso(ms).slice(0, 10);

function totalOf(rows: readonly SpendRow[]): object {
  const spent = rows.reduce((sum, row) => sum + row.amount, 0n);
  return {
    totalSpentUSDC: formatDecimal('USD6', spent),
    payments: rows.reduce((sum, row) => sum + row.count, 0),
  };
}

function byKey(rows: readonly SpendRow[], key: 'day' | 'host' | 'agentId'): readonly object[] {
  const groups = new Map<string, SpendRow[]>();
  for (const row of rows) groups.set(row[key], [...(groups.get(row[key]) ?? []), row]);
  return [...groups].map(([name, of]) => ({ [key]: name, ...totalOf(of) }));
}

const FAILED: ReadonlySet<string> = new Set(FAILURES);

function renderRow(row: AgentAuditRow): object {
  const category = Object.entries(AUDIT_CATEGORIES).find(([, types]) =>
    (types as readonly string[]).includes(row.type),
  );
  return {
    type: category?.[0] ?? 'payment',
    event: row.type,
    status: FAILED.has(row.type) ? 'failed' : 'success',
    actor: row.actor,
    operationId: row.operationId,
    amountUSDC: row.amount === null ? null : formatDecimal('USD6', row.amount),
    host: row.host,
    txHash: row.txHash,
    details: row.data,
    timestamp: iso(row.occurredAtMs),
  };
}
