import { Body, Controller, Get, HttpCode, Inject, Post, Req, Res } from '@nestjs/common';
import { ApiBody, ApiHeader, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { parseIdempotencyKey } from '#domain';
import {
  settlePayment,
  supportedNetworks,
  supportsNetwork,
  verifyPayment,
  type FacilitatorCaller,
} from '#engine';
import { readFacilitatorRequest, type FacilitatorRequest } from '#x402';
import type { ApiCore, Facilitator } from '../core.js';
import { ForSellers, type AuthenticatedRequest } from '../http/access.js';
import type { Rendered } from '../http/dialect.js';
import { Answer, Errors } from '../http/openapi-answers.js';
import { send } from '../http/send.js';
import { Stopping } from '../http/stopping.js';
import { CORE, STOPPING } from '../tokens.js';
import {
  renderSettled,
  renderSupported,
  renderUnsettleable,
  renderUnverifiable,
  renderVerified,
  unreadableOf,
  type Unreadable,
} from './render.js';

const REQUEST = { schema: { $ref: '#/components/schemas/FacilitatorRequest' } };

@ApiTags('Facilitator')
@Controller('facilitator')
export class FacilitatorController {
  constructor(
    @Inject(CORE) private readonly core: ApiCore,
    @Inject(STOPPING) private readonly stopping: Stopping,
  ) {}

  @Post('verify')
  @HttpCode(200)
  @ForSellers()
  @ApiBody(REQUEST)
  @ApiOperation({ summary: 'Whether a payment would settle now; claims nothing' })
  @Answer(200, 'FacilitatorVerdict')
  @Errors('FacilitatorVerdict', 400, 401, 403, 404, 503)
  async verify(
    @Body() body: unknown,
    @Req() request: AuthenticatedRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const { ports } = this.facilitator();
    const asked = this.read(body);
    if ('reason' in asked) return send(reply, renderUnverifiable(asked, supportedNetworks(ports)));
    send(reply, renderVerified(asked, await verifyPayment(ports, callerOf(request), asked)));
  }

  @Post('settle')
  @HttpCode(200)
  @ForSellers()
  @ApiBody(REQUEST)
  @ApiHeader({ name: 'Idempotency-Key', required: false, description: '1 to 200 printable characters' })
  @ApiOperation({
    summary: 'Bring a payment on chain, once; the same key or payment-identifier gets the first answer',
  })
  @Answer(200, 'FacilitatorSettlement')
  @Errors('FacilitatorSettlement', 400, 401, 403, 404, 503)
  async settle(
    @Body() body: unknown,
    @Req() request: AuthenticatedRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    send(reply, await this.settled(body, request));
  }

  @Get('supported')
  @ForSellers()
  @ApiOperation({
    summary: 'Versions, schemes and networks that settle here, and who signs the transactions',
  })
  @Answer(200, 'FacilitatorSupported')
  @Errors('Error', 401, 403, 404, 503)
  async supported(): Promise<object> {
    const { ports } = this.facilitator();
    const networks = supportedNetworks(ports);
    const accounts = await Promise.all(networks.map((network) => ports.accounts(network)));
    return renderSupported(new Map(networks.map((network, index) => [network, accounts[index] ?? []])));
  }

  @Get('health')
  @ForSellers()
  @ApiOperation({ summary: 'Whether the facilitator can do its work; 503 when a required part is away' })
  @Answer(200, 'FacilitatorHealth')
  @Answer(503, 'FacilitatorHealth')
  @Errors('Error', 401, 403, 404)
  async health(@Res() reply: FastifyReply): Promise<void> {
    const { ready } = await this.core.health();
    const body = { status: ready ? 'ok' : 'unavailable' };
    send(reply, { status: ready ? 200 : 503, body });
  }

  private async settled(body: unknown, request: AuthenticatedRequest): Promise<Rendered> {
    const { ports, settleWithinMs } = this.facilitator();
    const asked = this.read(body);
    if ('reason' in asked) return renderUnsettleable(asked, supportedNetworks(ports));
    const deadlineMs = ports.clock.nowMs() + settleWithinMs;
    const caller = callerOf(request);
    return this.stopping.leaving(async (stopped) =>
      renderSettled(asked, await settlePayment(ports, caller, asked, { deadlineMs, stopped })),
    );
  }

  private facilitator(): Facilitator {
    const { facilitator } = this.core;
    if (facilitator === null) throw new Error('the guard lets nobody through where there is no facilitator');
    return facilitator;
  }

  private read(body: unknown): FacilitatorRequest | Unreadable {
    const read = readFacilitatorRequest(body);
    if (!read.ok) return unreadableOf(read, body);
    const { request } = read;
    return supportsNetwork(this.facilitator().ports, request.network)
      ? request
      : { reason: 'invalid_network', field: 'paymentRequirements.network', networkName: request.networkName };
  }
}

function callerOf({ principal, headers }: AuthenticatedRequest): FacilitatorCaller {
  const key = headers['idempotency-key'];
  return {
    workspaceId: principal?.workspaceId ?? null,
    askedBy: principal?.keyId ?? 'open',
    idempotencyKey: key === undefined ? null : parseIdempotencyKey(key),
  };
}
