import { NestFactory } from '@nestjs/core';
import type { INestApplicationContext } from '@nestjs/common';
import type { WorkerCore, WorkerOptions } from './worker-core.js';
import { WorkerModule } from './worker.module.js';

/** Starts a worker on a composed core; `close` of what it returns stops it in order, and the core with it. */
export async function runWorker(core: WorkerCore, options: WorkerOptions): Promise<INestApplicationContext> {
  const app = await NestFactory.createApplicationContext(WorkerModule.with(core, options), {
    logger: ['error', 'warn'],
    abortOnError: false,
  });
  return app;
}
