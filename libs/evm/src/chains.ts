// Networks as data. A profile says which chain this is (id and genesis hash, so that a node of another chain is
// refused at start), when a block is final there, and how many independent RPCs a release of money needs (design.md ruling 23).
import { parseCaip2, parseHex32, type Caip2, type Hex32 } from '#domain';

/** When a block counts as final: the node's own `finalized` tag, or a number of blocks on top of it. */
export type FinalityRule = { readonly kind: 'tag' } | { readonly kind: 'depth'; readonly blocks: number };

export interface NetworkProfile {
  readonly name: ProfileName;
  readonly chainId: number;
  readonly network: Caip2;
  /** Undefined where every installation has its own genesis, such as a local node. */
  readonly genesisHash: Hex32 | undefined;
  readonly finality: FinalityRule;
  /** Fewer configured RPC URLs than this is a refusal at start. */
  readonly minRpcUrls: number;
  readonly testnet: boolean;
  /** Symbols of the registered tokens that live there; undefined: all that are registered for the chain. */
  readonly tokens: readonly string[] | undefined;
}

export const PROFILE_NAMES = [
  'base',
  'base-sepolia',
  'ethereum',
  'sepolia',
  'polygon',
  'arbitrum',
  'avalanche',
  'local',
] as const;
export type ProfileName = (typeof PROFILE_NAMES)[number];

interface ProfileRow {
  readonly chainId: number;
  readonly genesis?: string;
  readonly finality?: FinalityRule;
  readonly minRpcUrls?: number;
  readonly testnet?: true;
  readonly tokens?: readonly string[];
}

const ROWS: Readonly<Record<ProfileName, ProfileRow>> = {
  base: { chainId: 8453, genesis: '0xf712aa9241cc24369b143cf6dce85f0902a9731e70d66818a3a5845b296c73dd' },
  'base-sepolia': {
    chainId: 84532,
    genesis: '0x0dcc9e089e30b90ddfc55be9a37dd15bc551aeee999d2e2b51414c54eaf934e4',
    testnet: true,
  },
  ethereum: { chainId: 1, genesis: '0xd4e56740f876aef8c010b86a40d5f56745a118d0906a34e69aec8c0db1cb8fa3' },
  sepolia: {
    chainId: 11155111,
    genesis: '0x25a5cc106eea7138acab33231d7160d69cb777ee0c2c553fcddf5138993e6dd9',
    testnet: true,
  },
  polygon: { chainId: 137, genesis: '0xa9c28ce2141b56c474f1dc504bee9b01eb1bd7d1a507580d5519d4437a97de1b' },
  arbitrum: { chainId: 42161, genesis: '0x7ee576b35482195fc49205cec9af72ce14f003b9ae69f6ba0faef4514be8b442' },
  avalanche: {
    chainId: 43114,
    genesis: '0x31ced5b9beb7f8782b014660da0cb18cc409f121f408186886e1ca3e8eeca96b',
  },
  // Base Sepolia's id, because both x402 versions and every SDK know it (x402.md section 2); one node, so one RPC.
  local: {
    chainId: 84532,
    finality: { kind: 'depth', blocks: 2 },
    minRpcUrls: 1,
    testnet: true,
    tokens: ['USDC'],
  },
};

function profileOf(name: ProfileName): NetworkProfile {
  const row = ROWS[name];
  return Object.freeze<NetworkProfile>({
    name,
    chainId: row.chainId,
    network: parseCaip2(`eip155:${row.chainId}`),
    genesisHash: row.genesis === undefined ? undefined : parseHex32(row.genesis),
    finality: row.finality ?? { kind: 'tag' },
    minRpcUrls: row.minRpcUrls ?? 2,
    testnet: row.testnet ?? false,
    tokens: row.tokens,
  });
}

const PROFILES: ReadonlyMap<string, NetworkProfile> = new Map(
  PROFILE_NAMES.map((name) => [name, profileOf(name)]),
);

/** The profile of that name as used in configuration, or undefined. */
export function networkProfile(name: string): NetworkProfile | undefined {
  return PROFILES.get(name);
}

/** x402 v1 short network names and their chain ids (x402.md section 2). */
const V1_CHAIN_IDS: ReadonlyMap<string, number> = new Map([
  ['ethereum', 1],
  ['base', 8453],
  ['base-sepolia', 84532],
  ['sepolia', 11155111],
  ['avalanche', 43114],
  ['avalanche-fuji', 43113],
  ['polygon', 137],
  ['polygon-amoy', 80002],
  ['iotex', 4689],
  ['sei', 1329],
  ['sei-testnet', 1328],
  ['abstract', 2741],
  ['abstract-testnet', 11124],
  ['peaq', 3338],
  ['story', 1514],
  ['educhain', 41923],
  ['skale-base-sepolia', 324705682],
  ['megaeth', 4326],
  ['monad', 143],
  ['stable', 988],
  ['stable-testnet', 2201],
  ['celo', 42220],
  ['flare', 14],
]);
const V1_NAMES: ReadonlyMap<number, string> = new Map([...V1_CHAIN_IDS].map(([name, id]) => [id, name]));

/** CAIP-2 id of a v1 network name, or undefined for a name outside the v1 list. */
export function caip2OfV1Name(name: string): Caip2 | undefined {
  const chainId = V1_CHAIN_IDS.get(name);
  return chainId === undefined ? undefined : parseCaip2(`eip155:${chainId}`);
}

/** v1 name of a chain, or undefined: such a chain cannot be paid in v1. */
export function v1NameOfChain(chainId: number): string | undefined {
  return V1_NAMES.get(chainId);
}
