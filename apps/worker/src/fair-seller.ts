// One slow seller, or one slow facilitator, gets its share of a worker and no more (L7). The bound is where an operation begins to occupy the host; a
// payment that is signed is always presented, or its operation would have to wait for the authorization to expire.
import type { RemoteFacilitators, Seller } from '#engine';
import { FairHosts, type FairHostsOptions } from './fair-hosts.js';

export function fairSeller(seller: Seller, options: FairHostsOptions = {}): Seller {
  const hosts = new FairHosts(options);
  return {
    readChallenge: (challenge, resource, limits) => seller.readChallenge(challenge, resource, limits),
    askPrice: (request, limits) => hosts.within(request.url, true, () => seller.askPrice(request, limits)),
    present: (request, header) => hosts.within(request.url, false, () => seller.present(request, header)),
  };
}

/** What waits too long for a busy one comes again; its payment stays on record for that facilitator. */
export function fairFacilitators(
  facilitators: RemoteFacilitators,
  options: FairHostsOptions = {},
): RemoteFacilitators {
  const hosts = new FairHosts(options);
  return {
    namesFor: (network) => facilitators.namesFor(network),
    verify: (call) => hosts.within(call.facilitator, true, () => facilitators.verify(call)),
    settle: (call) => hosts.within(call.facilitator, false, () => facilitators.settle(call)),
  };
}
