import { Body, Controller, Get, HttpCode, Inject, Post, Query } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { parseDecimal, parseKeyId, refuse, type BudgetView, type Limits } from '#domain';
import type { KeyView, Page, Principal } from '#engine';
import type { ApiCore } from '../../core.js';
import { Caller, Roles } from '../../http/access.js';
import { Speaks } from '../../http/dialect.js';
import { Answer, Errors } from '../../http/openapi-answers.js';
import { actorOf } from '../../native/actor.js';
import { CORE } from '../../tokens.js';
import { NewTokenDto, RevokeTokenDto, TokensQuery } from './agnicpay.dto.js';
import { agnicpay } from './dialect.js';
import { usdNumber } from './errors.js';

const PAGE = 50;
const DAY_SEC = 86_400;

/** A token is the key of an agent that is made for it, with a budget of its own below the workspace's. */
@ApiTags('AgnicPay')
@Speaks(agnicpay)
@Controller('api')
export class AgnicPayTokensController {
  constructor(@Inject(CORE) private readonly core: ApiCore) {}

  @Get('tokens')
  @Roles('admin', 'auditor')
  @ApiOperation({ summary: 'Tokens with their limits and what is used of them, newest first' })
  @Answer(200, 'AgnicTokens')
  @Errors('AgnicError', 400, 401, 403, 429)
  async list(@Caller() { workspaceId }: Principal, @Query() query: TokensQuery): Promise<object> {
    const page: Page<KeyView> = await this.core.admin.keys.list(workspaceId, {
      cursor: query.cursor ?? null,
      limit: PAGE,
    });
    const keys = page.items.filter((it) => it.role === 'agent');
    return { tokens: await Promise.all(keys.map((it) => this.shown(it))), nextCursor: page.nextCursor };
  }

  @Post('generate-n8n-token')
  @HttpCode(200)
  @Roles('admin')
  @ApiOperation({ summary: 'A new token, which is shown this once' })
  @Answer(200, 'AgnicNewToken')
  @Errors('AgnicError', 400, 401, 403, 429, 503)
  async create(@Caller() caller: Principal, @Body() dto: NewTokenDto): Promise<object> {
    const { workspaceId, person } = caller;
    const { agents, budgets, keys } = this.core.admin;
    const by = actorOf(caller);
    const limits = limitsOf(dto);
    const label = dto.name === undefined || dto.name === '' ? 'n8n' : dto.name;
    const { agentId } = await agents.create(workspaceId, { name: label }, by);
    // Before there is a key: a token never pays without its limits.
    await budgets.putLimits({ workspaceId, agentId }, { layer: 'payments', unit: 'USD6', limits }, by);
    const expiresInSec = (dto.expiresInDays ?? 365) * DAY_SEC;
    const { key, secret } = await keys.create(
      workspaceId,
      { role: 'agent', agentId, person, label, expiresInSec },
      by,
    );
    return { success: true, token: secret, ...(await this.shown(key)) };
  }

  @Post('revoke-token')
  @HttpCode(200)
  @Roles('admin')
  @ApiOperation({ summary: 'Revoke a token, at once and for ever' })
  @Answer(200, 'AgnicRevoked')
  @Errors('AgnicError', 400, 401, 403, 404, 429, 503)
  async revoke(@Caller() caller: Principal, @Body() dto: RevokeTokenDto): Promise<object> {
    const key = await this.core.admin.keys.revoke(
      caller.workspaceId,
      parseTokenId(dto.tokenId),
      actorOf(caller),
    );
    return { success: true, id: key.keyId, revokedAt: iso(key.revokedAtMs) };
  }

  private async shown(key: KeyView): Promise<object> {
    const views = await this.core.admin.budgets.get({ workspaceId: key.workspaceId, agentId: key.agentId });
    const own = views.find((it) => it.layer === 'payments' && it.unit === 'USD6');
    return {
      id: key.keyId,
      name: key.label,
      prefix: key.prefix,
      agentId: key.agentId,
      status: key.revokedAtMs === null ? 'active' : 'revoked',
      createdAt: iso(key.createdAtMs),
      expiresAt: iso(key.expiresAtMs),
      lastUsedAt: iso(key.lastUsedAtMs),
      maxPerTransaction: limitIn(own, 'per_payment'),
      dailyLimit: limitIn(own, 'rolling_24h'),
      monthlyLimit: limitIn(own, 'rolling_30d'),
      dailyUsed: usedIn(own, 'rolling_24h'),
      monthlyUsed: usedIn(own, 'rolling_30d'),
    };
  }
}

const iso = (ms: number | null): string | null => (ms === null ? null : new Date(ms).toISOString());

type Window = BudgetView['windows'][number];
const windowOf = (view: BudgetView | undefined, name: Window['window']): Window | undefined =>
  view?.windows.find((it) => it.window === name);

function limitIn(view: BudgetView | undefined, name: Window['window']): number | null {
  const limit = windowOf(view, name)?.limit ?? null;
  return limit === null ? null : usdNumber(limit);
}

/** What is held counts, as it does for the next payment. */
const usedIn = (view: BudgetView | undefined, name: Window['window']): number =>
  usdNumber((windowOf(view, name)?.spent ?? 0n) + (view?.held ?? 0n));

function limitsOf({ maxPerTransaction, dailyLimit, monthlyLimit }: NewTokenDto): Limits {
  return {
    per_payment: dollars('maxPerTransaction', maxPerTransaction),
    rolling_24h: dollars('dailyLimit', dailyLimit),
    rolling_30d: dollars('monthlyLimit', monthlyLimit),
  };
}

/** The shortest text of a number is what was written down, up to fifteen digits. */
function dollars(field: string, value: number | null | undefined): bigint | null {
  return value === null || value === undefined ? null : parseDecimal('USD6', String(value), field);
}

function parseTokenId(text: string) {
  try {
    return parseKeyId(text);
  } catch {
    throw refuse('validation_failed', { field: 'tokenId', reason: 'not_a_token_id' });
  }
}
