// The baseline of bench `accept`: what one would write first. A Nest-Fastify route with a validated DTO and one INSERT, committed
// before the answer, over a connection pool. No authentication, no idempotency, no hash chain, no queue.
import 'reflect-metadata';
import { randomUUID } from 'node:crypto';
import { Body, Controller, Headers, HttpCode, Module, Post, ValidationPipe } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { IsIn, IsInt, IsOptional, IsUrl, Matches, Max, Min } from 'class-validator';
import { Pool } from 'pg';

const pool = new Pool({ connectionString: process.env['DATABASE_URL'], max: 16 });

class PlainDto {
  @IsIn(['purchase', 'authorize'])
  kind!: string;

  @IsUrl({ require_tld: false })
  url!: string;

  @Matches(/^(0|[1-9][0-9]{0,77})$/)
  max_amount!: string;

  @IsOptional()
  @IsInt()
  @Min(0)
  @Max(60_000)
  wait_ms?: number;
}

@Controller('operations')
class PlainController {
  @Post()
  @HttpCode(202)
  async submit(@Headers('idempotency-key') key: string, @Body() dto: PlainDto): Promise<object> {
    const id = randomUUID();
    await pool.query({
      name: 'accept',
      text: 'INSERT INTO accepted (id, key, request) VALUES ($1, $2, $3)',
      values: [id, key, JSON.stringify(dto)],
    });
    return { operation_id: id, kind: dto.kind, status: 'opened', answerable: false };
  }
}

@Module({ controllers: [PlainController] })
class PlainModule {}

await pool.query(
  'CREATE TABLE IF NOT EXISTS accepted (id uuid PRIMARY KEY, key text NOT NULL, request jsonb NOT NULL, at timestamptz NOT NULL DEFAULT now())',
);
const app = await NestFactory.create<NestFastifyApplication>(PlainModule, new FastifyAdapter(), {
  logger: false,
});
app.useGlobalPipes(new ValidationPipe({ whitelist: true, forbidNonWhitelisted: true }));
await app.listen(Number(process.env['PORT']), '127.0.0.1');
process.once('SIGTERM', () => {
  void app
    .close()
    .then(() => pool.end())
    .then(() => process.exit(0));
});
