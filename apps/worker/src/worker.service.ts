import {
  Inject,
  Injectable,
  type BeforeApplicationShutdown,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import { MetricsServer } from './metrics-server.js';
import { broadcastRole } from './roles/broadcast-role.js';
import { DriveRole } from './roles/drive-role.js';
import { projectRole, sweepRole, watchRole } from './roles/loop-roles.js';
import type { Role } from './roles/role.js';
import { CORE, OPTIONS } from './tokens.js';
import type { RoleName, WorkerCore, WorkerOptions } from './worker-core.js';

const ROLES: {
  readonly [N in RoleName]: ((core: WorkerCore, options: WorkerOptions) => Role) | null;
} = {
  drive: (core, options) => new DriveRole(core, options),
  sweep: sweepRole,
  watch: watchRole,
  broadcast: broadcastRole,
  project: projectRole,
  webhooks: null,
};

/** Starts the configured roles and ends them in time. */
@Injectable()
export class WorkerService implements OnApplicationBootstrap, BeforeApplicationShutdown {
  /** Of /metrics and /health, once it runs. */
  port = 0;
  private readonly roles: readonly Role[];
  private readonly server: MetricsServer;
  private ready = false;

  constructor(
    @Inject(CORE) private readonly core: WorkerCore,
    @Inject(OPTIONS) private readonly options: WorkerOptions,
  ) {
    this.server = new MetricsServer(core, () => this.ready);
    this.roles = options.roles.flatMap((name) => ROLES[name]?.(core, options) ?? []);
  }

  async onApplicationBootstrap(): Promise<void> {
    this.port = await this.server.start(this.options.port);
    for (const role of this.roles) await role.start();
    this.ready = true;
    const { port } = this;
    this.core.ports.logger.info({ port, roles: this.roles.map((role) => role.name) }, 'worker runs');
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.ready = false;
    // All at once: the 25 s are for the whole process. The core last, since every role needs it to the end.
    await Promise.all(this.roles.map((role) => role.stop()));
    this.server.stop();
    await this.core.close();
  }
}
