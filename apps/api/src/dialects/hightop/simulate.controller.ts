import { Body, Controller, HttpCode, Inject, Post } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import {
  Refusal,
  suggestionFor,
  type BudgetView,
  type ErrorCode,
  type ErrorDetails,
  type Terms,
} from '#domain';
import { quote, type Principal } from '#engine';
import type { ApiCore } from '../../core.js';
import { Caller, Roles, Scope } from '../../http/access.js';
import { agentOf } from '../../http/agent.js';
import { Speaks } from '../../http/dialect.js';
import { Answer, Errors } from '../../http/openapi-answers.js';
import type { Command } from '../../http/submitting.js';
import { readDto } from '../../http/validate.js';
import { CORE } from '../../tokens.js';
import { hightop } from './dialect.js';
import { HIGHTOP_ERRORS } from './errors.js';
import { PurchaseDto, SignDto, SimulateDto } from './hightop.dto.js';
import { toAuthorize, toPurchase } from './to-command.js';

interface Stage {
  readonly stage: string;
  readonly passed: boolean;
  readonly error?: { readonly code: string; readonly details: object };
}

const READERS: Readonly<Record<string, (body: unknown) => Command>> = {
  '/v1/agent/x402/purchase': (body) => toPurchase(readDto(PurchaseDto, body, 'body')),
  '/v1/agent/x402/sign': (body) => toAuthorize(readDto(SignDto, body, 'body')),
};

@ApiTags('Hightop v1')
@Speaks(hightop)
@Controller('v1/agent/simulate')
export class HightopSimulateController {
  constructor(@Inject(CORE) private readonly core: ApiCore) {}

  @Post()
  @HttpCode(200)
  @Roles('agent')
  @Scope('agent:simulate')
  @ApiOperation({ summary: 'Try a write against policy and limits without doing it' })
  @Answer(200, 'HightopSimulation')
  @Errors('HightopError', 400, 401)
  async simulate(@Caller() caller: Principal, @Body() dto: SimulateDto): Promise<object> {
    const path: Stage[] = [];
    await this.walk(caller, dto, path);
    return { ok: true, would_succeed: path.every((stage) => stage.passed), execution_path: path };
  }

  /** Stops at the first stage that fails; a stage missing from the path was not evaluated. */
  private async walk(caller: Principal, dto: SimulateDto, path: Stage[]): Promise<void> {
    const read = dto.method === 'POST' && Object.hasOwn(READERS, dto.path) ? READERS[dto.path] : undefined;
    if (!read) return void path.push(fail('validate_route', 'not_found', { object: 'route' }));
    path.push(pass('validate_route'));
    let command: Command;
    try {
      command = read(dto.body ?? {});
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      return void path.push(fail('validate_request_body', error.code, error.details));
    }
    path.push(pass('validate_request_body'), pass('validate_static_contract'));
    if (dto.depth !== 'static') await this.evaluate(caller, command, path);
  }

  private async evaluate(caller: Principal, { request, body }: Command, path: Stage[]): Promise<void> {
    const agent = agentOf(caller);
    const priced = await quote(this.core.ports, agent, request, body);
    if (priced.kind === 'free') return void path.push(pass('evaluate_policy_permission'));
    if (priced.kind === 'unpayable')
      return void path.push(fail('evaluate_policy_permission', priced.code, priced.details));
    const { judged, terms } = priced;
    if (!judged.ok) return void path.push(fail('evaluate_policy_permission', judged.code, judged.details));
    path.push(pass('evaluate_policy_permission'));
    const budgets = await this.core.reads.budgets(agent.workspaceId, agent.agentId);
    path.push(withinLimits(terms, budgets));
  }
}

const pass = (stage: string): Stage => ({ stage, passed: true });

function fail(stage: string, cause: ErrorCode, details: ErrorDetails): Stage {
  const refusal =
    stage === 'evaluate_policy_permission' ? 'permission_not_granted' : HIGHTOP_ERRORS[cause].code;
  const code = HIGHTOP_ERRORS[cause].code === 'limit_exceeded' ? 'limit_exceeded' : refusal;
  const suggestion = suggestionFor(cause, details);
  return { stage, passed: false, error: { code, details: { cause, ...details, suggestion } } };
}

/** As budgets stand now; only the reservation itself decides (S4). */
function withinLimits(terms: Terms, budgets: readonly BudgetView[]): Stage {
  const inUnit = budgets.filter((budget) => budget.unit === terms.unit);
  if (inUnit.length === 0) return fail('evaluate_policy_limits', 'no_budget', { unit: terms.unit });
  for (const { node, windows } of inUnit) {
    const short = windows.find(({ remaining }) => remaining !== null && remaining < terms.amount);
    if (short)
      return fail('evaluate_policy_limits', 'budget_exhausted', {
        node,
        window: short.window,
        remaining: String(short.remaining),
        requested: terms.amount.toString(),
      });
  }
  return pass('evaluate_policy_limits');
}
