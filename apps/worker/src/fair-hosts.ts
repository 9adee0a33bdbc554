// So much at one host at a time, and no more: a slow host holds up its own operations only (L7).
import { refuse } from '#domain';

export interface FairHostsOptions {
  /** Requests at one host at once; default 64. */
  readonly perHost?: number;
  /** Operations that may wait for one host at once; default 256. */
  readonly waitingPerHost?: number;
  /** After this long a waiting operation gives its place back and comes again; default 2,000 ms. */
  readonly waitMs?: number;
}

interface Host {
  active: number;
  /** First come, first served. */
  readonly waiting: (() => void)[];
}

export class FairHosts {
  private readonly hosts = new Map<string, Host>();
  private readonly perHost: number;
  private readonly waitingPerHost: number;
  private readonly waitMs: number;

  constructor({ perHost = 64, waitingPerHost = 256, waitMs = 2_000 }: FairHostsOptions) {
    this.perHost = perHost;
    this.waitingPerHost = waitingPerHost;
    this.waitMs = waitMs;
  }

  /** `mayWait`: takes a place only when one is free, or gives up; otherwise it goes ahead and is counted. */
  async within<T>(url: string, mayWait: boolean, work: () => Promise<T>): Promise<T> {
    const name = hostOf(url);
    const host = this.hosts.get(name) ?? { active: 0, waiting: [] };
    this.hosts.set(name, host);
    if (mayWait && host.active >= this.perHost) await this.place(host);
    else host.active += 1;
    try {
      return await work();
    } finally {
      this.leave(name, host);
    }
  }

  /** Refuses with `rate_limited`, of the kind that passes: the drive gives back its lease and comes again a second later. */
  private place(host: Host): Promise<void> {
    if (host.waiting.length >= this.waitingPerHost)
      return Promise.reject(refuse('rate_limited', { reason: 'host_busy' }));
    return new Promise((resolve, reject) => {
      const admit = (): void => {
        clearTimeout(timer);
        host.active += 1;
        resolve();
      };
      const timer = setTimeout(() => {
        host.waiting.splice(host.waiting.indexOf(admit), 1);
        reject(refuse('rate_limited', { reason: 'host_busy' }));
      }, this.waitMs);
      host.waiting.push(admit);
    });
  }

  private leave(name: string, host: Host): void {
    host.active -= 1;
    if (host.active < this.perHost) host.waiting.shift()?.();
    if (host.active === 0 && host.waiting.length === 0) this.hosts.delete(name);
  }
}

function hostOf(url: string): string {
  return URL.canParse(url) ? new URL(url).host : '';
}
