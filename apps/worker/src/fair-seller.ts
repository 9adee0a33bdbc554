// One slow seller gets its share of a worker and no more (L7). Asking a price is where an operation begins to occupy its host, so the
// bound is there; a payment that is signed is always presented, or its operation would have to wait for the authorization to expire.
import { refuse } from '#domain';
import type { Seller, SellerRequest } from '#engine';

export interface FairSellerOptions {
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

export function fairSeller(seller: Seller, options: FairSellerOptions = {}): Seller {
  const hosts = new Hosts(options);
  return {
    readChallenge: (challenge, resource, limits) => seller.readChallenge(challenge, resource, limits),
    askPrice: (request, limits) => hosts.within(request, true, () => seller.askPrice(request, limits)),
    present: (request, header) => hosts.within(request, false, () => seller.present(request, header)),
  };
}

class Hosts {
  private readonly hosts = new Map<string, Host>();
  private readonly perHost: number;
  private readonly waitingPerHost: number;
  private readonly waitMs: number;

  constructor({ perHost = 64, waitingPerHost = 256, waitMs = 2_000 }: FairSellerOptions) {
    this.perHost = perHost;
    this.waitingPerHost = waitingPerHost;
    this.waitMs = waitMs;
  }

  async within<T>(request: SellerRequest, mayWait: boolean, work: () => Promise<T>): Promise<T> {
    const name = hostOf(request.url);
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
      return Promise.reject(refuse('rate_limited', { reason: 'seller_busy' }));
    return new Promise((resolve, reject) => {
      const admit = (): void => {
        clearTimeout(timer);
        host.active += 1;
        resolve();
      };
      const timer = setTimeout(() => {
        host.waiting.splice(host.waiting.indexOf(admit), 1);
        reject(refuse('rate_limited', { reason: 'seller_busy' }));
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
