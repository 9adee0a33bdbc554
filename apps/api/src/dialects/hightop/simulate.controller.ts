import { Body, Controller, HttpCode, Inject, Post } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { Refusal, suggestionFor, type ErrorCode, type ErrorDetails } from '#domain';
import { simulate, type Principal } from '#engine';
import type { ApiCore } from '../../core.js';
import { Caller, Roles, Scope } from '../../http/access.js';
import { agentOf } from '../../http/agent.js';
import { Speaks } from '../../http/dialect.js';
import { Answer, Errors } from '../../http/openapi-answers.js';
import type { Command } from '../../http/submitting.js';
import { readDto } from '../../http/validate.js';
import { renderRule } from '../../http/render-rule.js';
import { CORE } from '../../tokens.js';
import { hightop } from './dialect.js';
import { HIGHTOP_ERRORS } from './errors.js';
import { PurchaseDto, SignDto, SimulateDto } from './hightop.dto.js';
import { toAuthorize, toPurchase } from './to-command.js';

interface Stage {
  readonly stage: string;
  readonly passed: boolean;
  readonly error?: { readonly code: string; readonly details: object };
  /** Every rule that was evaluated; not the vendor's. */
  readonly trace?: readonly object[];
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
    const found = await simulate(this.core.ports, agentOf(caller), { request, body });
    const trace = found.trace.map(renderRule);
    if (found.refused === null || found.refused.code === 'payment_not_required')
      return void path.push({ ...pass('evaluate_policy_permission'), trace }, pass('evaluate_policy_limits'));
    const { code, details } = found.refused;
    if (!LIMITS.has(code))
      return void path.push({ ...fail('evaluate_policy_permission', code, details), trace });
    path.push(
      { ...pass('evaluate_policy_permission'), trace },
      fail('evaluate_policy_limits', code, details),
    );
  }
}

/** What lets every rule pass, and is too much. */
const LIMITS: ReadonlySet<ErrorCode> = new Set([
  'no_budget',
  'budget_exhausted',
  'insufficient_wallet_balance',
]);

const pass = (stage: string): Stage => ({ stage, passed: true });

function fail(stage: string, cause: ErrorCode, details: ErrorDetails): Stage {
  const refusal =
    stage === 'evaluate_policy_permission' ? 'permission_not_granted' : HIGHTOP_ERRORS[cause].code;
  const code = HIGHTOP_ERRORS[cause].code === 'limit_exceeded' ? 'limit_exceeded' : refusal;
  const suggestion = suggestionFor(cause, details);
  return { stage, passed: false, error: { code, details: { cause, ...details, suggestion } } };
}
