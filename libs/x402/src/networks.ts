// Names of networks in protocol v1, and in sellers that mix the vocabularies (x402.md section 2).
import { parseCaip2, type Caip2 } from '#domain';

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

/** CAIP-2 id for a network as a seller or a caller spells it; undefined when it is not an EVM network we know the name of. */
export function networkOf(spelling: string): Caip2 | undefined {
  const chainId = V1_CHAIN_IDS.get(spelling.toLowerCase());
  try {
    return parseCaip2(chainId === undefined ? spelling : `eip155:${chainId}`);
  } catch {
    return undefined;
  }
}

const V1_NAMES: ReadonlyMap<string, string> = new Map(
  [...V1_CHAIN_IDS].map(([name, chainId]) => [`eip155:${chainId}`, name]),
);

/** CAIP-2 id of a network's v1 name, spelled exactly so; undefined for every other text. */
export function networkOfV1Name(name: string): Caip2 | undefined {
  const chainId = V1_CHAIN_IDS.get(name);
  return chainId === undefined ? undefined : parseCaip2(`eip155:${chainId}`);
}

/** What v1 calls a network, or undefined: no v1 payment can be made there. */
export function v1NameOf(network: Caip2): string | undefined {
  return V1_NAMES.get(network);
}
