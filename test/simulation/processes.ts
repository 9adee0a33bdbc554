// The processes of an installation: workers with their sweeper and lease keeper, API processes, chain watchers. Each is the real engine on
// the world's ports, and is started again some time after it died.
import { ChainWatcher, drive, LeaseKeeper, sweep, type Ports } from '#engine';
import type { OperationId } from '#domain';
import { TOKEN } from '../support/builders.js';
import { Process } from './faults.js';
import type { World } from './world.js';

const WORKERS = 3;
const APIS = 2;
const WATCHERS = 2;
const MAX_CLOCK_ERROR_MS = 300_000;
const ignore = (): void => {};

interface Running {
  readonly process: Process;
  readonly ports: Ports;
}
interface Worker extends Running {
  readonly keeper: LeaseKeeper;
}

export class Installation {
  private readonly workers = new Map<number, Worker>();
  private readonly apis = new Map<number, Running>();
  private generation = 0;

  constructor(private readonly world: World) {
    world.deliver = (operationId) => this.job(operationId);
    for (let slot = 0; slot < WORKERS; slot += 1) this.startWorker(slot);
    for (let slot = 0; slot < APIS; slot += 1) this.startApi(slot);
    for (let slot = 0; slot < WATCHERS; slot += 1) this.startWatcher(slot);
  }

  /** Some API process that is up; undefined when none is. */
  api(): Ports | undefined {
    const up = [...this.apis.values()];
    return up.length > 0 ? this.world.random.pick(up).ports : undefined;
  }

  private start(role: string, restart: () => void): Running {
    const { world } = this;
    const clock = { skewMs: 0 };
    const process = new Process(`${role}-${(this.generation += 1)}`, world.scheduler, world.plan, () => {
      world.counters.add(`died:${role}`);
      world.scheduler.after(world.random.between(1_000, 8_000), restart);
    });
    process.every(15_000, () => {
      if (!world.plan.on) clock.skewMs = 0;
      else if (world.happens(0.1, 'fault:clock_jump'))
        clock.skewMs = world.random.between(-MAX_CLOCK_ERROR_MS, MAX_CLOCK_ERROR_MS);
    });
    return { process, ports: world.portsFor(process, clock) };
  }

  private startWorker(slot: number): void {
    const running = this.start('worker', () => this.startWorker(slot));
    const worker: Worker = { ...running, keeper: new LeaseKeeper(running.ports) };
    this.workers.set(slot, worker);
    worker.process.every(5_000, () => void sweep(worker.ports).catch(ignore));
    worker.process.every(10_000, () => void worker.keeper.tick().catch(ignore));
  }

  private startApi(slot: number): void {
    this.apis.set(
      slot,
      this.start('api', () => this.startApi(slot)),
    );
  }

  private startWatcher(slot: number): void {
    const { process, ports } = this.start('watcher', () => this.startWatcher(slot));
    const owner = process.name;
    const watcher = new ChainWatcher({ ports, ...this.world.watcherParts(process), owner, tokens: [TOKEN] });
    const look = (): void => {
      watcher
        .tick()
        .catch(ignore)
        .then(() => process.soon(1_000, look), ignore);
    };
    process.soon(slot * 500, look);
  }

  private job(operationId: OperationId): void {
    const { process, ports, keeper } = this.world.random.pick([...this.workers.values()]);
    if (!process.alive) return; // A job taken by a process that dies is gone; the sweeper finds the operation again.
    const abort = new AbortController();
    let claimed = false;
    const ended = (): void => {
      if (claimed) keeper.drop(operationId);
    };
    drive(ports, operationId, {
      owner: process.name,
      signal: abort.signal,
      onClaimed: ({ leaseEpoch }) => {
        claimed = true;
        keeper.hold(operationId, leaseEpoch, abort);
      },
    }).then(ended, ended);
  }
}
