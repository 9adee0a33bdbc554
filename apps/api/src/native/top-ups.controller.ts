import { Body, Controller, HttpCode, Inject, Param, Post, Res } from '@nestjs/common';
import { ApiHeader, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import {
  parseAtomic,
  parseCaip2,
  parseEvmAddress,
  parseIdempotencyKey,
  parseWalletId,
  refuse,
} from '#domain';
import { planTopUp, topUp, type Principal, type TopUpPlan, type WalletBalanceView } from '#engine';
import type { ApiCore } from '../core.js';
import { Caller, Roles } from '../http/access.js';
import { Answer, Errors } from '../http/openapi-answers.js';
import { send } from '../http/send.js';
import type { Stopping } from '../http/stopping.js';
import { CORE, STOPPING } from '../tokens.js';
import { actorOf } from './actor.js';
import { answerOf } from './answer-operation.js';
import { ConfirmTopUpDto, PrepareTopUpDto } from './top-ups.dto.js';

/** From the treasury to an agent's wallet: prepared, which shows and does nothing, then confirmed, which makes an operation of kind `top_up`. */
@ApiTags('Wallets')
@Controller('purser/v1/wallets/:id/top-ups')
export class TopUpsController {
  constructor(
    @Inject(CORE) private readonly core: ApiCore,
    @Inject(STOPPING) private readonly stopping: Stopping,
  ) {}

  @Post('prepare')
  @HttpCode(200)
  @Roles('admin', 'backend')
  @ApiOperation({ summary: 'What a top-up would move, from where and to where; nothing is signed or stored' })
  @Answer(200, 'PreparedTopUp')
  @Errors('Error', 400, 401, 403, 404, 422)
  async prepare(
    @Caller() caller: Principal,
    @Param('id') id: string,
    @Body() dto: PrepareTopUpDto,
  ): Promise<object> {
    const plan = await this.planOf(caller, id, dto);
    const { wallets } = await this.core.reads.balances(caller.workspaceId);
    return renderPlan(plan, wallets);
  }

  @Post()
  @Roles('admin')
  @ApiHeader({ name: 'Idempotency-Key', required: true, description: '1 to 200 printable characters' })
  @ApiOperation({ summary: 'Top up as prepared; the same key is the same top-up, for ever' })
  @Answer(201, 'Operation')
  @Answer(200, 'Operation')
  @Answer(202, 'PendingOperation')
  @Errors('Error', 400, 401, 403, 404, 422, 502, 503)
  async confirm(
    @Caller() caller: Principal,
    @Param('id') id: string,
    @Body() dto: ConfirmTopUpDto,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const { ports } = this.core;
    const { request } = reply;
    const key = parseIdempotencyKey(request.headers['idempotency-key']);
    const plan = await this.planOf(caller, id, dto);
    if (dto.digest !== plan.digest)
      throw refuse('validation_failed', { field: 'digest', reason: 'not_what_was_prepared' });
    const deadlineMs = ports.clock.nowMs() + (dto.wait_ms ?? 0);
    const by = { actor: actorOf(caller), person: caller.person };
    const submitted = await topUp(ports, plan, { key, by, note: dto.note ?? null });
    const view = await this.stopping.awaitAnswer(ports, submitted, deadlineMs);
    send(reply, answerOf(view, submitted, { found: {}, correlationId: request.id }));
  }

  private async planOf({ workspaceId }: Principal, id: string, dto: PrepareTopUpDto): Promise<TopUpPlan> {
    const { ports, admin } = this.core;
    const wallet = await admin.wallets.get(workspaceId, parseWalletId(id));
    const network = parseCaip2(dto.network, 'network');
    const token = parseEvmAddress(dto.asset, 'asset');
    return planTopUp(ports, { wallet, network, token, amount: parseAtomic(dto.amount, 'amount') });
  }
}

function renderPlan(plan: TopUpPlan, balances: readonly WalletBalanceView[]): object {
  const { network, token, amount, digest } = plan;
  const side = ({ walletId, address }: TopUpPlan['from'], sign: 1n | -1n): object => {
    const at = balances.find(
      (it) => it.walletId === walletId && it.network === network && it.token === token,
    );
    const available = at?.available ?? 0n;
    const after = available + sign * amount;
    return {
      wallet_id: walletId,
      address,
      on_chain: (at?.onChain ?? 0n).toString(),
      live: (at?.committed ?? 0n).toString(),
      available: available.toString(),
      available_after: (after < 0n ? 0n : after).toString(),
      block: at?.block ?? -1,
    };
  };
  const from = side(plan.from, -1n);
  return {
    from,
    to: side(plan.to, 1n),
    network,
    asset: token,
    amount: amount.toString(),
    covered: BigInt((from as { available: string }).available) >= amount,
    digest,
  };
}
