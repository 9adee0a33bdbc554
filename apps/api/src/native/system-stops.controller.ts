import { Body, Controller, Get, HttpCode, Inject, Param, Post, Query } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { parseStopId } from '#domain';
import type { Principal } from '#engine';
import type { ApiCore } from '../core.js';
import { Caller, OperatorOnly } from '../http/access.js';
import { ListQuery, pageOf, renderPage } from '../http/lists.js';
import { Answer, Errors } from '../http/openapi-answers.js';
import { CORE } from '../tokens.js';
import { resumeBy, stopBy } from './stops.controller.js';
import { PauseDto, StopDto } from './stops.dto.js';
import { renderStop, scopeOf } from './stops.map.js';

/** What only the operator may stop: everything, or a payee or host in every workspace. */
@ApiTags('Stops')
@Controller('purser/v1/system')
export class SystemStopsController {
  constructor(@Inject(CORE) private readonly core: ApiCore) {}

  @Post('pause')
  @HttpCode(200)
  @OperatorOnly()
  @ApiOperation({ summary: "Stop the whole installation; the operator's only" })
  @Answer(200, 'Paused')
  @Errors('Error', 400, 401, 403)
  pause(@Caller() caller: Principal, @Body() dto: PauseDto): Promise<object> {
    return stopBy(this.core, caller, { kind: 'global' }, dto);
  }

  @Post('resume')
  @HttpCode(200)
  @OperatorOnly()
  @ApiOperation({ summary: "Resume the installation; the operator's only" })
  @Answer(200, 'Resumed')
  @Errors('Error', 401, 403, 409)
  resume(@Caller() caller: Principal): Promise<object> {
    return resumeBy(this.core, caller, { kind: 'global' });
  }

  @Get('stops')
  @OperatorOnly()
  @ApiOperation({ summary: "Stops of the whole installation, newest first; the operator's only" })
  @Answer(200, 'Stops')
  @Errors('Error', 400, 401, 403)
  async list(@Query() query: ListQuery): Promise<object> {
    const page = await this.core.admin.stops.list(null, pageOf(query));
    return renderPage(page, (stop) => renderStop(stop, true));
  }

  @Post('stops')
  @HttpCode(200)
  @OperatorOnly()
  @ApiOperation({ summary: "Stop a payee or a host in every workspace; the operator's only" })
  @Answer(200, 'Paused')
  @Errors('Error', 400, 401, 403)
  stop(@Caller() caller: Principal, @Body() dto: StopDto): Promise<object> {
    return stopBy(this.core, caller, scopeOf(null, dto), dto);
  }

  @Post('stops/:id/resume')
  @HttpCode(200)
  @OperatorOnly()
  @ApiOperation({ summary: "Lift one stop of the whole installation; the operator's only" })
  @Answer(200, 'Resumed')
  @Errors('Error', 400, 401, 403, 404, 409)
  async resumeOne(@Caller() caller: Principal, @Param('id') id: string): Promise<object> {
    const { scope } = await this.core.admin.stops.get(null, parseStopId(id));
    return resumeBy(this.core, caller, scope);
  }
}
