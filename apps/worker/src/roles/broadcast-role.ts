import { Loop } from '../loop.js';
import type { WorkerCore } from '../worker-core.js';
import type { Role } from './role.js';

/** Brings claimed transfers on chain; of all workers only the holder of a network's lease row does. */
export function broadcastRole(core: WorkerCore): Role {
  const { logger } = core.ports;
  const loops = new Map(
    core.broadcasters.map((broadcaster) => [
      broadcaster.network,
      new Loop({
        name: `broadcast:${broadcaster.network}`,
        everyMs: 0,
        logger,
        turn: async () => {
          try {
            return await broadcaster.turn();
          } catch (error) {
            broadcaster.forget();
            throw error;
          }
        },
      }),
    ]),
  );
  let listening: { close(): Promise<void> } | undefined;
  let endHeads: (() => void) | undefined;
  return {
    name: 'broadcast',
    start() {
      for (const loop of loops.values()) loop.start();
      if (loops.size > 0) {
        listening = core.onWaitingTransfers((network) => {
          for (const [served, loop] of loops) if (network === null || network === served) loop.wake();
        });
        endHeads = core.onNewHead((network) => loops.get(network)?.wake());
      }
      return Promise.resolve();
    },
    async stop() {
      endHeads?.();
      await listening?.close();
      await Promise.all([...loops.values()].map((loop) => loop.stop()));
    },
  };
}
