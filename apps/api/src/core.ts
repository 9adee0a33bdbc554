import type {
  ActivityPorts,
  Administration,
  Authenticator,
  FacilitatorPorts,
  Logger,
  Ports,
  ReadStore,
  UsageLedger,
  WalletKeys,
} from '#engine';
import type { OAuth } from '#runtime';
import type { Limits } from './http/limits.js';

/** What the readiness probe reports. Only `required` parts decide: Redis may be away, money does not wait for it. */
export interface Health {
  readonly ready: boolean;
  readonly parts: Readonly<Record<string, { readonly ok: boolean; readonly required: boolean }>>;
}

export interface HttpMetrics {
  readonly contentType: string;
  httpTook(route: string, method: string, status: number, ms: number): void;
  scrape(): Promise<string>;
}

export interface Facilitator {
  /** `keys`: for keys of the role `seller`, and admins. `open`: for everybody, without credentials. */
  readonly access: 'keys' | 'open';
  readonly ports: FacilitatorPorts;
  /** How long a settle request waits for the chain before it is answered with `settlement_pending`. */
  readonly settleWithinMs: number;
}

/** Everything the API process needs from outside. Composed in the runtime; tests pass fakes. */
export interface ApiCore {
  readonly ports: Ports;
  readonly admin: Administration;
  /** Keys that people sign with, and what they are asked to sign. */
  readonly signing: ActivityPorts;
  /** Tells a waiting request that some approval of the workspace may have changed. */
  readonly approvalNews: { changed(workspaceId: string, deadlineMs: number): Promise<void> };
  readonly reads: ReadStore;
  readonly usage: UsageLedger;
  readonly authenticator: Authenticator;
  readonly walletKeys: WalletKeys;
  readonly logger: Logger;
  readonly metrics: HttpMetrics;
  /** Who may read `/metrics`; its figures are sums over all workspaces (S12). */
  readonly metricsFor: 'on' | 'loopback' | 'off';
  readonly limits: Limits;
  /** Addresses and blocks whose `X-Forwarded-For` is believed. */
  readonly trustedProxies: readonly string[];
  /** Names of the vendors' APIs that are served beside the native one. */
  readonly dialects: readonly string[];
  /** Null: no access token is good here. */
  readonly oauth: OAuth | null;
  /** Host names that AgnicPay's clients reach us by: there some paths mean something else. */
  readonly agnicHosts: readonly string[];
  /** Null: this installation serves no facilitator. */
  readonly facilitator: Facilitator | null;
  health(): Promise<Health>;
}
