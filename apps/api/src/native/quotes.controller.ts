import { Body, Controller, HttpCode, Inject, Post } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { ERRORS, parseAtomic, refuse, type Terms } from '#domain';
import { quote, type AssetRegistry, type Principal, type Quote } from '#engine';
import type { ApiCore } from '../core.js';
import { Caller, Roles, Scope } from '../http/access.js';
import { agentNamed } from '../http/agent.js';
import { Amount, Integer, Url, Uuid } from '../http/fields.js';
import { ForwardDto } from '../http/forward.dto.js';
import { forwardOf } from '../http/forward.js';
import { Answer, Errors } from '../http/openapi-answers.js';
import { CORE } from '../tokens.js';
import { renderError } from './render-error.js';

const DEFAULT_TIMEOUT_MS = 30_000;

/** The request to the seller, as in an operation. */
export class NewQuoteDto extends ForwardDto {
  @Url({ about: 'the resource' })
  url!: string;

  @Amount({ optional: true, about: 'the most that would be paid; offers above it are passed over' })
  max_amount?: string;

  @Integer({
    optional: true,
    min: 1_000,
    max: 60_000,
    about: 'how long the seller may take; 30000 when absent',
  })
  timeout_ms?: number;

  @Uuid({ optional: true, about: 'the agent; needed where a backend asks' })
  agent_id?: string;
}

@ApiTags('Operations')
@Controller('purser/v1/quotes')
export class QuotesController {
  constructor(@Inject(CORE) private readonly core: ApiCore) {}

  @Post()
  @HttpCode(200)
  @Roles('agent', 'backend')
  @Scope('agent:simulate')
  @ApiOperation({ summary: 'Ask what a URL costs and what policy would say; spends and stores nothing' })
  @Answer(200, 'Quote')
  @Errors('Error', 400, 401, 403, 404, 413, 422, 502, 503)
  async ask(@Caller() caller: Principal, @Body() dto: NewQuoteDto): Promise<object> {
    const { body, ...forward } = forwardOf(dto);
    const maxAmount = dto.max_amount === undefined ? null : parseAtomic(dto.max_amount, 'max_amount');
    const request = {
      ...forward,
      kind: 'purchase' as const,
      maxAmount,
      expect: {},
      challenge: null,
      allowReplay: false,
      timeoutMs: dto.timeout_ms ?? DEFAULT_TIMEOUT_MS,
      note: null,
    };
    const { ports } = this.core;
    const agent = await agentNamed(this.core, caller, dto.agent_id);
    return renderQuote(ports.assets, await quote(ports, agent, request, body));
  }
}

function renderQuote(assets: AssetRegistry, quoted: Quote): object {
  switch (quoted.kind) {
    case 'free':
      return { outcome: 'free', terms: null, policy: null, error: null };
    case 'unpayable':
      // What is wrong with the seller or its demand is the answer; what is wrong with the request, or with us, is an error.
      if (ERRORS[quoted.code].kind !== 'refused') throw refuse(quoted.code, quoted.details);
      return { outcome: 'unpayable', terms: null, policy: null, error: renderError(quoted) };
    case 'priced': {
      const { terms, judged } = quoted;
      const verdict = judged.ok ? judged.verdict : null;
      return {
        outcome: 'priced',
        terms: renderTerms(assets, terms),
        policy: {
          allowed: judged.ok,
          version: verdict?.policyVersion ?? null,
          needs_approval: verdict?.needsApproval ?? false,
          reasons: verdict?.reasons ?? [],
        },
        error: judged.ok ? null : renderError(judged),
      };
    }
  }
}

export function renderTerms(assets: AssetRegistry, terms: Terms): object {
  return {
    amount: terms.amount.toString(),
    unit: terms.unit,
    network: terms.network,
    asset: terms.token,
    asset_symbol: assets.find(terms.network, terms.token)?.symbol ?? null,
    pay_to: terms.payTo,
    payment_flow: terms.paymentFlow ?? 'authorization',
    transfer_method: terms.transferMethod ?? 'eip3009',
    x402_version: terms.x402Version,
  };
}
