import type { Service } from './services/child.js';

/** The kinds of process the stack is made of. */
export type Role = 'postgres' | 'redis' | 'chain' | 'signer' | 'issuer' | 'api' | 'worker' | 'sellers';

interface Member {
  readonly role: Role;
  service: Service | undefined;
}

export interface SupervisorEvents {
  /** A process began or ended: `pids()` says something new. */
  readonly changed: () => void;
  readonly log: (line: string) => void;
}

const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 2_000;
/** A process that lived this long earns a quick restart again. */
const SETTLED_AFTER_MS = 10_000;

/**
 * Keeps processes running. One that ends, however it ends, is started again by the same function, which must bring it
 * back on the same port and data; one that keeps failing is tried again ever more slowly.
 */
export class Supervisor {
  private readonly members: Member[] = [];
  private readonly starting = new Set<Promise<Service>>();
  private stopping = false;

  constructor(private readonly events: SupervisorEvents) {}

  /** Starts a process and keeps it alive from then on. Throws if the very first start fails. */
  async run(role: Role, start: () => Promise<Service>): Promise<Service> {
    if (this.stopping) throw new Error('already stopped');
    const starting = start();
    this.starting.add(starting);
    const service = await starting.finally(() => this.starting.delete(starting));
    if (this.stopping) {
      await service.stop();
      throw new Error('stopped while starting');
    }
    const member: Member = { role, service };
    this.members.push(member);
    this.events.changed();
    void this.keepAlive(member, service, start);
    return service;
  }

  /** Process ids by role; a process that is just being restarted is missing. */
  pids(): Partial<Record<Role, number[]>> {
    const pids: Partial<Record<Role, number[]>> = {};
    for (const { role, service } of this.members) {
      if (service !== undefined && service.pid > 0) (pids[role] ??= []).push(service.pid);
    }
    return pids;
  }

  /** Stops everything in the reverse order of starting, each waiting for the ones that may still need it. */
  async stop(): Promise<void> {
    this.stopping = true;
    // What is just being started would otherwise be missed, and left behind.
    await Promise.allSettled(this.starting);
    for (const role of [...new Set(this.members.map((member) => member.role))].reverse()) {
      const services = this.members.filter((member) => member.role === role);
      await Promise.all(services.map((member) => member.service?.stop() ?? Promise.resolve()));
    }
  }

  private async keepAlive(member: Member, first: Service, start: () => Promise<Service>): Promise<void> {
    let service = first;
    let startedAt = performance.now();
    let pauseMs = FIRST_PAUSE_MS;
    while (!this.stopping) {
      await service.exited;
      if (this.stopping) return;
      member.service = undefined;
      this.events.changed();
      if (performance.now() - startedAt > SETTLED_AFTER_MS) pauseMs = FIRST_PAUSE_MS;
      this.events.log(`${member.role} (pid ${service.pid}) ended; starting it again in ${pauseMs} ms`);
      for (let started = false; !started && !this.stopping;) {
        await new Promise((resolve) => setTimeout(resolve, pauseMs));
        pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS);
        if (this.stopping) return;
        try {
          startedAt = performance.now();
          service = await start();
          started = true;
        } catch (error) {
          this.events.log(
            `${member.role} did not start: ${error instanceof Error ? error.message : 'unknown error'}`,
          );
        }
      }
      // Stopped while it was being started: nobody else knows of this process yet.
      if (this.stopping) return service.stop();
      member.service = service;
      this.events.changed();
    }
  }
}
