import type { EvmAddress } from '#domain';
import type { Ports } from '../ports.js';
import type { FloatStore } from './floats.js';
import type { ChainSource, WatchStore } from './ports.js';

export interface WatcherDeps {
  readonly ports: Ports;
  readonly source: ChainSource;
  readonly store: WatchStore;
  readonly owner: string;
  /** Where wallets are kept filled, by `fillFloats`; absent: nowhere. */
  readonly floats?: FloatStore;
  /** Tokens whose balances are followed on this network. */
  readonly tokens: readonly EvmAddress[];
}
