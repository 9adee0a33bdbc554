import { Body, Controller, Headers, HttpCode, Inject, Post, Res } from '@nestjs/common';
import { ApiHeader, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { parseAtomic, parseEvmAddress, refuse } from '#domain';
import type { AssetRegistry, OperationView, PaymentHeader, Principal, RegisteredAsset } from '#engine';
import { v1NameOf } from '#x402';
import type { ApiCore } from '../../core.js';
import { Caller, Roles, Scope } from '../../http/access.js';
import { agentOf } from '../../http/agent.js';
import { Speaks, type Rendered } from '../../http/dialect.js';
import { Answer, Errors } from '../../http/openapi-answers.js';
import { livePayment } from '../../http/payment.js';
import { send } from '../../http/send.js';
import { stockChallenge } from '../../http/stock-offer.js';
import { Stopping } from '../../http/stopping.js';
import { keyFrom, submitAgainAndWait, submitAndWait, type Command } from '../../http/submitting.js';
import { CORE, STOPPING } from '../../tokens.js';
import { hightopBeforeV1 } from './dialect.js';
import { LegacySignDto } from './hightop.dto.js';
import { renderFailed } from './render-error.js';

/** Stands where the caller names no resource: rules about hosts see this name, which no host can have (RFC 2606). */
const UNNAMED = 'https://unnamed.invalid/';
const WAIT_MS = 30_000;
const TIMEOUT_SEC = 300;
/** Where the route always paid, and its test network. */
const BASES = ['eip155:8453', 'eip155:84532'];

@ApiTags('Hightop before v1')
@Speaks(hightopBeforeV1)
@Controller('api/actions/x402')
export class HightopLegacyController {
  constructor(
    @Inject(CORE) readonly core: ApiCore,
    @Inject(STOPPING) readonly stopping: Stopping,
  ) {}

  @Post('sign')
  @HttpCode(200)
  @Roles('agent')
  @Scope('agent:payments:write')
  @ApiHeader({ name: 'Idempotency-Key', required: false, description: 'the same as idempotencyKey' })
  @ApiOperation({ summary: 'Sign a payment of terms that the caller brings; x402 v1, USDC on Base' })
  @Answer(200, 'HightopLegacySignature')
  @Answer(202, 'HightopLegacyPending')
  @Errors('HightopError', 400, 401, 403, 409, 413, 422, 502, 503)
  async sign(
    @Caller() caller: Principal,
    @Headers('idempotency-key') header: string | undefined,
    @Body() dto: LegacySignDto,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const key = keyFrom(header, { field: 'idempotencyKey', key: dto.idempotencyKey });
    const command = toLegacy(dto, this.core.ports.assets);
    const agent = agentOf(caller);
    const { view } =
      key === null
        ? await submitAgainAndWait(this, agent, key, command)
        : await submitAndWait(this, agent, key, command);
    // The answer has no room for it, and whoever waits for a person needs it.
    reply.header('x-operation-id', view.operationId);
    send(reply, render(view, await livePayment(this.core.ports, caller, view)));
  }
}

function toLegacy(dto: LegacySignDto, assets: Pick<AssetRegistry, 'all'>): Command {
  const asset = baseUsdc(assets);
  const amount = parseAtomic(dto.amount, 'amount');
  if (amount === 0n) throw refuse('invalid_amount', { field: 'amount', reason: 'nothing_to_pay' });
  const payTo = parseEvmAddress(dto.payTo, 'payTo');
  const url = new URL(dto.targetUrl ?? UNNAMED);
  url.hash = '';
  const challenge = stockChallenge({
    asset,
    version: 1,
    network: v1NameOf(asset.network) ?? asset.network,
    payTo,
    amount,
    resource: url.href,
    timeoutSec: dto.maxTimeoutSeconds ?? TIMEOUT_SEC,
  });
  return {
    body: null,
    waitMs: WAIT_MS,
    request: {
      kind: 'authorize',
      url: url.href,
      method: 'GET',
      headers: {},
      maxAmount: amount,
      expect: { payTo, amount, network: asset.network, asset: asset.token },
      challenge,
      allowReplay: false,
      timeoutMs: WAIT_MS,
      note: null,
    },
  };
}

function baseUsdc(assets: Pick<AssetRegistry, 'all'>): RegisteredAsset {
  const usdc = assets.all().filter((asset) => asset.unit === 'USD6');
  const found = BASES.map((network) => usdc.find((asset) => asset.network === network)).find(Boolean);
  if (found) return found;
  throw refuse('unknown_network', { network: BASES[0] ?? '', reason: 'not_registered' });
}

function render(view: OperationView, payment: PaymentHeader | null): Rendered {
  const { authorization, approval, error } = view;
  if (view.status === 'awaiting_approval' || !view.answerable) {
    const waits =
      approval === null || view.status !== 'awaiting_approval'
        ? {}
        : { approvalId: approval.approvalId, expiresAt: new Date(approval.decideByMs).toISOString() };
    return { status: 202, body: { pending: true, ...waits } };
  }
  if (authorization === null || view.status === 'failed')
    return renderFailed(view, error?.code ?? 'internal', error?.details);
  if (payment === null) return renderFailed(view, 'outcome_unknown');
  return {
    status: 200,
    body: {
      paymentHeader: payment.value,
      nonce: authorization.nonce,
      amount: authorization.value.toString(),
      payTo: authorization.to,
      validBefore: String(authorization.validBeforeSec),
    },
  };
}
