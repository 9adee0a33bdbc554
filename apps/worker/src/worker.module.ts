import { Module, type DynamicModule } from '@nestjs/common';
import { CORE, OPTIONS } from './tokens.js';
import type { WorkerCore, WorkerOptions } from './worker-core.js';
import { WorkerService } from './worker.service.js';

@Module({})
export class WorkerModule {
  static with(core: WorkerCore, options: WorkerOptions): DynamicModule {
    return {
      module: WorkerModule,
      providers: [{ provide: CORE, useValue: core }, { provide: OPTIONS, useValue: options }, WorkerService],
    };
  }
}
