import { Body, Controller, HttpCode, Inject, Post } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { rulesOf } from '#domain';
import { simulate, type Principal, type Simulation } from '#engine';
import type { ApiCore } from '../core.js';
import { Caller, Roles, Scope } from '../http/access.js';
import { agentNamed } from '../http/agent.js';
import { Answer, Errors } from '../http/openapi-answers.js';
import { renderRule } from '../http/render-rule.js';
import { CORE } from '../tokens.js';
import { renderBudget } from './budgets.map.js';
import { SubmitDto } from './operations.dto.js';
import { renderTerms } from './quotes.controller.js';
import { renderError } from './render-error.js';
import { maybeIso } from './render-operation.js';
import { assertSettles, toCommand } from './to-command.js';

@ApiTags('Operations')
@Controller('purser/v1/simulate')
export class SimulateController {
  constructor(@Inject(CORE) private readonly core: ApiCore) {}

  @Post()
  @HttpCode(200)
  @Roles('agent', 'backend')
  @Scope('agent:simulate')
  @ApiOperation({
    summary: 'What an operation would come to now: every rule, budgets, approval; spends and stores nothing',
  })
  @Answer(200, 'Simulation')
  @Errors('Error', 400, 401, 403, 404, 413, 422, 502, 503)
  async simulate(@Caller() caller: Principal, @Body() dto: SubmitDto): Promise<object> {
    const { ports } = this.core;
    assertSettles(ports, dto);
    const agent = await agentNamed(this.core, caller, dto.agent_id);
    const found = await simulate(ports, agent, toCommand(dto));
    return { ...render(found), terms: found.terms && renderTerms(ports.assets, found.terms) };
  }
}

function render(found: Simulation): object {
  const { would, refused, verdict, decideWithinSec } = found;
  return {
    would,
    error: refused && renderError(refused),
    passes_at: maybeIso(found.passesAtMs),
    approval:
      verdict === null || decideWithinSec === null
        ? null
        : {
            role: 'approver',
            rules: rulesOf(verdict),
            reasons: verdict.reasons,
            decide_within_sec: decideWithinSec,
          },
    policies: verdict?.judgedBy ?? [],
    trace: found.trace.map(renderRule),
    budgets: found.budgets.map(renderBudget),
  };
}
