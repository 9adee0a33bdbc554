import {
  Inject,
  Injectable,
  type BeforeApplicationShutdown,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import { MetricsServer } from './metrics-server.js';
import { DriveRole } from './roles/drive-role.js';
import { projectRole, sweepRole, watchRole } from './roles/loop-roles.js';
import type { Role } from './roles/role.js';
import { CORE, OPTIONS } from './tokens.js';
import type { RoleName, WorkerCore, WorkerOptions } from './worker-core.js';

const ROLES: { readonly [N in RoleName]: (core: WorkerCore, options: WorkerOptions) => Role } = {
  drive: (core, options) => new DriveRole(core, options),
  sweep: sweepRole,
  watch: watchRole,
  project: projectRole,
};

/** Starts the configured roles and ends them in time. */
@Injectable()
export class WorkerService implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly roles: readonly Role[];

  constructor(
    @Inject(CORE) private readonly core: WorkerCore,
    @Inject(OPTIONS) options: WorkerOptions,
  ) {
    const metrics = options.metricsPort === null ? [] : [new MetricsServer(core, options.metricsPort)];
    this.roles = [...metrics, ...options.roles.map((name) => ROLES[name](core, options))];
  }

  async onApplicationBootstrap(): Promise<void> {
    for (const role of this.roles) await role.start();
    this.core.ports.logger.info({ roles: this.roles.map((role) => role.name) }, 'worker runs');
  }

  async beforeApplicationShutdown(): Promise<void> {
    // All at once: the 25 s are for the whole process. The core last, since every role needs it to the end.
    await Promise.all(this.roles.map((role) => role.stop()));
    await this.core.close();
  }
}
