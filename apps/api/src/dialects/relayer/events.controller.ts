import { Body, Controller, HttpCode, Inject, Post, Req } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { parseDecimal, refuse, USAGE_UNIT, type Json, type UsageLayer } from '#domain';
import { recordUsage, type Principal, type UsageEvent } from '#engine';
import type { ApiCore } from '../../core.js';
import { Caller, Roles } from '../../http/access.js';
import { agentOf } from '../../http/agent.js';
import { Speaks } from '../../http/dialect.js';
import { Answer, Errors } from '../../http/openapi-answers.js';
import { CORE } from '../../tokens.js';
import { relayer } from './dialect.js';
import { placeOf, success } from './envelope.js';
import { EventsDto, type EventDto } from './events.dto.js';
import { plainDecimal } from './fields.js';

/** What an agent says it has used. It has happened, so no limit keeps it out; from then on the layer says so. */
@ApiTags('Relayer')
@Speaks(relayer)
@Controller('v1/agents/events')
export class RelayerEventsController {
  constructor(@Inject(CORE) private readonly core: ApiCore) {}

  @Post('batch')
  @HttpCode(200)
  @Roles('agent')
  @ApiOperation({
    summary: 'Up to 100 events, signed by the agent; usage is charged to the layers tokens and infra',
  })
  @Answer(200, 'RelayerEvents')
  @Errors('RelayerError', 400, 401, 403, 409, 413)
  async batch(
    @Caller() caller: Principal,
    @Body() { events }: EventsDto,
    @Req() request: FastifyRequest,
  ): Promise<object> {
    const { signed } = caller;
    if (signed === undefined) throw refuse('permission_denied', { needs: 'signature' });
    const outcomes = await recordUsage(
      this.core,
      agentOf(caller),
      events.map((event, at) => toUsage(event, `${signed.digest}:${at}`, `events.${at}`)),
    );
    const accepted = outcomes.filter((it) => it === 'recorded').length;
    const data = { accepted, repeated: outcomes.length - accepted };
    return success(placeOf(this.core, request), { message: 'Events recorded', data });
  }
}

const MOST_METADATA = 4096;
/** U+0000 and half surrogates, as JSON writes them. */
const UNSTORABLE = /\\u(0000|d[89a-f][0-9a-f]{2})/i;
const LAYER_OF: Readonly<Partial<Record<EventDto['type'], UsageLayer>>> = {
  token_usage: 'tokens',
  llm_call: 'tokens',
  api_call: 'infra',
};

/** The signature and the place in the batch are its id where the agent gives none. */
function toUsage(
  { id, type, amount, recipient, metadata }: EventDto,
  ownId: string,
  field: string,
): UsageEvent {
  const layer = LAYER_OF[type];
  const kept: Json = { ...metadata, ...(recipient === undefined ? {} : { recipient }) };
  const text = JSON.stringify(kept);
  if (text.length > MOST_METADATA)
    throw refuse('validation_failed', { field: `${field}.metadata`, reason: `more_than_${MOST_METADATA}` });
  if (UNSTORABLE.test(text))
    throw refuse('validation_failed', { field: `${field}.metadata`, reason: 'not_storable' });
  const spent = parseDecimal(USAGE_UNIT, plainDecimal(amount ?? 0), `${field}.amount`);
  // What is told of payments, checks and errors charges nothing; what was said of its amount is kept.
  return layer
    ? { id: id ?? ownId, layer, kind: type, amount: spent, metadata: kept }
    : {
        id: id ?? ownId,
        layer: 'infra',
        kind: type,
        amount: 0n,
        metadata: { ...kept, amount: plainDecimal(amount ?? 0) },
      };
}
