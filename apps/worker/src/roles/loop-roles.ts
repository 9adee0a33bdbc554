import type { Caip2 } from '#domain';
import { carryOutStops, sweep } from '#engine';
import { Loop } from '../loop.js';
import type { WorkerCore, WorkerOptions } from '../worker-core.js';
import type { Role } from './role.js';

const PURGE_EVERY_MS = 60_000;
const STOPS_EVERY_MS = 1_000;
/** Between two sweeps while there is a backlog, as after the loss of all of Redis: time for what was woken to be claimed. */
const BACKLOG_EVERY_MS = 1_000;
const FULL_SWEEP = 500;

class LoopRole implements Role {
  constructor(
    readonly name: string,
    private readonly loops: readonly Loop[],
  ) {}

  start(): Promise<void> {
    for (const loop of this.loops) loop.start();
    return Promise.resolve();
  }

  async stop(): Promise<void> {
    await Promise.all(this.loops.map((loop) => loop.stop()));
  }
}

/** Finds in Postgres whatever is due, what is past its time to live, and what a stop has left to be released. */
export function sweepRole(core: WorkerCore, { sweepEveryMs }: WorkerOptions): Role {
  const { logger } = core.ports;
  let lastAtMs = 0;
  let full = false;
  const sweeper = new Loop({
    name: 'sweep',
    everyMs: Math.min(sweepEveryMs, BACKLOG_EVERY_MS),
    logger,
    turn: async () => {
      const nowMs = core.ports.clock.nowMs();
      if (!full && nowMs - lastAtMs < sweepEveryMs) return false;
      lastAtMs = nowMs;
      const woken = await sweep(core.ports);
      full = woken >= FULL_SWEEP;
      if (woken > 0) logger.info({ woken }, 'woke operations that were due');
      return false;
    },
  });
  const purge = new Loop({
    name: 'purge',
    everyMs: PURGE_EVERY_MS,
    logger,
    turn: async () => {
      await core.purgeExpiredBlobs();
      return false;
    },
  });
  const stops = new Loop({
    name: 'stops',
    everyMs: STOPS_EVERY_MS,
    logger,
    turn: () => carryOutStops(core.ports, core.admin.stops),
  });
  return new LoopRole('sweep', [sweeper, purge, stops]);
}

/** Follows the chains; of all workers only the holder of a network's lease row looks at it. */
export function watchRole(core: WorkerCore, { watchEveryMs }: WorkerOptions): Role {
  const { logger } = core.ports;
  const looks = new Map<Caip2, Loop>();
  const floats: Loop[] = [];
  for (const watcher of core.watchers) {
    const { network } = watcher;
    const look = new Loop({
      name: `watch:${network}`,
      everyMs: watchEveryMs,
      logger,
      turn: async () => {
        await watcher.tick();
        return false; // The next block is a block time away, also while there is news.
      },
    });
    looks.set(network, look);
    floats.push(
      new Loop({
        name: `floats:${network}`,
        everyMs: watchEveryMs,
        logger,
        turn: () => watcher.fillFloats(),
      }),
    );
  }
  const role = new LoopRole('watch', [...looks.values(), ...floats]);
  let endHeads: (() => void) | undefined;
  return {
    name: role.name,
    start() {
      endHeads = core.onNewHead((network) => looks.get(network)?.wake());
      return role.start();
    },
    stop() {
      endHeads?.();
      return role.stop();
    },
  };
}

export function projectRole(core: WorkerCore): Role {
  return {
    name: 'project',
    start: () => Promise.resolve(core.projections.start()),
    stop: () => core.projections.stop(),
  };
}
