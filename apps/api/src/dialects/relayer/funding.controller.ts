import { Body, Controller, HttpCode, Inject, Param, Post, Req, Res } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { parseCaip2, parseDecimal, parseEvmAddress, refuse, type AgentId } from '#domain';
import {
  activities,
  confirmActivity,
  planTopUp,
  topUp,
  topUpId,
  type Activity,
  type Principal,
  type RegisteredAsset,
  type Submitted,
  type TopUpPlan,
} from '#engine';
import type { ApiCore } from '../../core.js';
import { Caller, Roles } from '../../http/access.js';
import { agentNamed } from '../../http/agent.js';
import { Speaks } from '../../http/dialect.js';
import { Answer, Errors } from '../../http/openapi-answers.js';
import { send } from '../../http/send.js';
import type { Stopping } from '../../http/stopping.js';
import { CORE, STOPPING } from '../../tokens.js';
import { relayer } from './dialect.js';
import { placeOf, success } from './envelope.js';
import { ConfirmFundDto, PrepareFundDto } from './funding.dto.js';
import { onlyUsdc, usdcOn } from './network.js';
import { ownWallet } from './own-wallet.js';
import { renderFunding } from './render-payment.js';
import { renderActivity, signedOf } from './stamped.js';

const WAIT_MS = 25_000;

/** Money comes from the workspace's treasury, once an approver has signed for it. */
@ApiTags('Relayer')
@Speaks(relayer)
@Controller('v1')
export class RelayerFundingController {
  constructor(
    @Inject(CORE) private readonly core: ApiCore,
    @Inject(STOPPING) private readonly stopping: Stopping,
  ) {}

  @Post('agents/:id/fund/prepare')
  @HttpCode(200)
  @Roles('backend', 'admin')
  @ApiOperation({
    summary: "What an approver signs for money from the treasury to the agent's wallet; good for ten minutes",
  })
  @Answer(200, 'RelayerFunding')
  @Errors('RelayerError', 400, 401, 402, 403, 404, 422)
  async prepare(
    @Caller() caller: Principal,
    @Param('id') id: string,
    @Body() dto: PrepareFundDto,
    @Req() request: FastifyRequest,
  ): Promise<object> {
    const { ports, signing } = this.core;
    const { agentId } = await agentNamed(this.core, caller, id);
    const field = dto.amountUSDC === undefined ? 'amount' : 'amountUSDC';
    const given = dto.amountUSDC ?? dto.amount;
    if (given === undefined) throw refuse('validation_failed', { field: 'amountUSDC', reason: 'missing' });
    if (dto.amountUSDC !== undefined && dto.amount !== undefined)
      throw refuse('validation_failed', { field: 'amount', reason: 'not_beside_amountUSDC' });
    const asset =
      dto.network === undefined
        ? onlyUsdc(ports.assets, 'network')
        : usdcOn(ports.assets, dto.network, 'network');
    const amount = parseDecimal('USD6', String(given), field);
    const plan = await this.planOf(caller, agentId, { asset, amount });
    const subject = {
      agent_id: agentId,
      from: plan.from.address,
      to: plan.to.address,
      network: plan.network,
      asset: plan.token,
      amount: amount.toString(),
      digest: plan.digest,
    };
    const activity = await activities.prepare(signing, caller, { kind: 'fund_agent', subject });
    const shown = renderActivity(activity);
    const data = { fundRequestId: activity.activityId, activity: shown, unsignedActivity: shown };
    return success(placeOf(this.core, request), { message: 'To be signed by an approver', data });
  }

  @Post('agents/:id/fund/confirm')
  @HttpCode(200)
  @Roles('backend', 'admin')
  @ApiOperation({ summary: 'The signed funding is brought on chain, once however often it is confirmed' })
  @Answer(200, 'RelayerFunded')
  @Answer(202, 'RelayerPending')
  @Errors('RelayerError', 400, 401, 402, 403, 404, 409, 422, 502, 503)
  async confirm(
    @Caller() caller: Principal,
    @Param('id') id: string,
    @Body() { fundRequestId, ...stamps }: ConfirmFundDto,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const { ports, signing } = this.core;
    const { workspaceId } = caller;
    const { agentId } = await agentNamed(this.core, caller, id);
    const signed = signedOf({ ...stamps }, { field: 'fundRequestId', value: fundRequestId });
    const { subject } = await activities.find(signing, { workspaceId }, signed.activityId);
    const plan = await this.plannedIn(caller, agentId, subject as unknown as FundSubject);
    const { by, activity, late } = await confirmActivity(
      signing,
      { workspaceId },
      { ...signed, kind: 'fund_agent', evenLate: true },
    );
    const deadlineMs = ports.clock.nowMs() + WAIT_MS;
    const submitted = late
      ? await this.opened(plan, activity)
      : await topUp(ports, plan, {
          key: activity.activityId,
          // Whoever signed has ordered it; where the top-up waits for an approval, that is another person's to give (S10).
          by: { actor: { type: 'approver', id: by.approverKeyId }, person: by.person },
          note: null,
        });
    const view = await this.stopping.awaitAnswer(ports, submitted, deadlineMs);
    send(reply, renderFunding(placeOf(this.core, reply.request), view));
  }

  /** What was refused in its time, while everything was stopped say, is not opened by an old signature. */
  private async opened(plan: TopUpPlan, { activityId }: Activity): Promise<Submitted> {
    const { ports } = this.core;
    const ref = { workspaceId: plan.workspaceId, operationId: topUpId(ports, plan, activityId) };
    if (!(await ports.operations.load(ref))) throw refuse('activity_expired');
    return { ...ref, replayed: true };
  }

  private async planOf(
    { workspaceId }: Principal,
    agentId: AgentId,
    {
      asset,
      amount,
    }: { readonly asset: Pick<RegisteredAsset, 'network' | 'token'>; readonly amount: bigint },
  ): Promise<TopUpPlan> {
    const wallet = await ownWallet(this.core, workspaceId, agentId);
    if (wallet === null) throw refuse('not_found', { object: 'wallet' });
    return planTopUp(this.core.ports, { wallet, network: asset.network, token: asset.token, amount });
  }

  /** What was signed is what happens: another treasury or wallet meanwhile is another plan. */
  private async plannedIn(caller: Principal, agentId: AgentId, subject: FundSubject): Promise<TopUpPlan> {
    if (subject.agent_id !== agentId)
      throw refuse('validation_failed', { field: 'id', reason: 'another_agent_is_signed' });
    const asset = { network: parseCaip2(subject.network), token: parseEvmAddress(subject.asset) };
    const plan = await this.planOf(caller, agentId, { asset, amount: BigInt(subject.amount) });
    if (plan.digest !== subject.digest) throw refuse('approval_digest_mismatch');
    return plan;
  }
}

interface FundSubject {
  readonly agent_id: string;
  readonly network: string;
  readonly asset: string;
  readonly amount: string;
  readonly digest: string;
}
