// The asset registry: what is not listed here is refused before anything is signed (safety.md T3-T5). The EIP-712 name
// and version are ours, never the seller's; the domain separator is the one the deployed token reports, and a test
// derives it from name, version, chain and address, so a typing mistake in a row cannot survive.
import {
  parseCaip2,
  parseEvmAddress,
  parseHex32,
  type Authorization,
  type Caip2,
  type EvmAddress,
  type Hex32,
} from '#domain';
import type { AssetRegistry, RegisteredAsset } from '#engine';
import { createAllowanceHasher, type AllowanceHasher } from './eip2612.js';
import { createEip3009Hasher, type Eip3009Hasher, type TransferTuple } from './eip3009.js';
import { toHex } from './keccak.js';
import { createPermitHasher, type PermitHasher, type PermitTuple } from './permit2.js';
import { InvalidAuthorizationError } from './words.js';

/**
 * How the token keeps a used authorization from being used again. `eip3009_fiat_token`: reverts on a used nonce and
 * emits AuthorizationUsed directly followed by Transfer. Tokens that merely emit on a repeat need a model of their own.
 */
export type NonceModel = 'eip3009_fiat_token';

/** A registry row. `name` and `version` are those of the EIP-712 domain. */
export interface EvmAsset extends RegisteredAsset {
  readonly domainSeparator: Hex32;
  readonly nonceModel: NonceModel;
}

interface TokenRow {
  readonly chainId: number;
  readonly token: string;
  /** Of the domain: what the contract's name was when it was deployed, which is not its symbol everywhere. */
  readonly name: string;
  readonly domainSeparator: string;
}

const USDC_ROWS: readonly TokenRow[] = [
  {
    chainId: 8453,
    token: '0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913',
    name: 'USD Coin',
    domainSeparator: '0x02fa7265e7c5d81118673727957699e4d68f74cd74b7db77da710fe8a2c7834f',
  },
  {
    chainId: 84532,
    token: '0x036CbD53842c5426634e7929541eC2318f3dCF7e',
    name: 'USDC',
    domainSeparator: '0x71f17a3b2ff373b803d70a5a07c046c1a2bc8e89c09ef722fcb047abe94c9818',
  },
  {
    chainId: 1,
    token: '0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48',
    name: 'USD Coin',
    domainSeparator: '0x06c37168a7db5138defc7866392bb87a741f9b3d104deb5094588ce041cae335',
  },
  {
    chainId: 11155111,
    token: '0x1c7D4B196Cb0C7B01d743Fbc6116a902379C7238',
    name: 'USDC',
    domainSeparator: '0xb90e5057db141a932946e64d09ccb7ffc9b00bd79fec26f698d29af0c83320a6',
  },
  {
    chainId: 137,
    token: '0x3c499c542cEF5E3811e1192ce70d8cC03d5c3359',
    name: 'USD Coin',
    domainSeparator: '0xcaa2ce1a5703ccbe253a34eb3166df60a705c561b44b192061e28f2a985be2ca',
  },
  {
    chainId: 42161,
    token: '0xaf88d065e77c8cC2239327C5EDb3A432268e5831',
    name: 'USD Coin',
    domainSeparator: '0x08d11903f8419e68b1b8721bcbe2e9fc68569122a77ef18c216f10b3b5112c78',
  },
  {
    chainId: 43114,
    token: '0xB97EF9Ef8734C71904D8002F8b6Bc66Dd9c48a6E',
    name: 'USD Coin',
    domainSeparator: '0xbbea200329a938bc3438984a49cb0732e66d66d7bd59c127abacc1710e77f7b3',
  },
];

/** Where Circle has deployed it. Those of the two test networks are held against the contract at start only. */
const EURC_ROWS: readonly TokenRow[] = [
  {
    chainId: 8453,
    token: '0x60a3E35Cc302bFA44Cb288Bc5a4F316Fdb1adb42',
    name: 'EURC',
    domainSeparator: '0xec4dcbded0afd42599589b79220899bbe000bb5ea66d6f1bc176e78d094203bb',
  },
  {
    chainId: 84532,
    token: '0x808456652fdb597867f38412077A9182bf77359F',
    name: 'EURC',
    domainSeparator: '0x0f014fc929bd4eb3577a01319a281f49da27c70057520f1e1debc8272d1ac57e',
  },
  {
    chainId: 1,
    token: '0x1aBaEA1f7C830bD89Acc67eC4af516284b1bC33c',
    name: 'Euro Coin',
    domainSeparator: '0x99f188f447f0c6eaf68589359cd2ead8c2faaaaee984ab926fdb734d0040073b',
  },
  {
    chainId: 11155111,
    token: '0x08210F9170F89Ab7658F0B5E3fF39b0E03C594D4',
    name: 'EURC',
    domainSeparator: '0x94cfe799c9cae17cac3300418a4fc1764866b921f66f762b61d5e523fef9e5b6',
  },
  {
    chainId: 43114,
    token: '0xC891EB4cbdEFf6e073e859e987815Ed1505c2ACD',
    name: 'Euro Coin',
    domainSeparator: '0x094e957ad84a5711a2d13ea2ddcfe3947fe1704472f07bf8a49718f55a65f4b1',
  },
];

const assetOf =
  (symbol: string, unit: RegisteredAsset['unit']) =>
  (row: TokenRow): EvmAsset =>
    Object.freeze<EvmAsset>({
      network: parseCaip2(`eip155:${row.chainId}`),
      chainId: row.chainId,
      token: parseEvmAddress(row.token),
      checksummed: row.token,
      symbol,
      name: row.name,
      version: '2',
      decimals: 6,
      unit,
      domainSeparator: parseHex32(row.domainSeparator),
      nonceModel: 'eip3009_fiat_token',
    });

/** Every registered asset. The `local` profile shares chain id, address and domain with Base Sepolia's USDC on purpose. */
export const REGISTERED_ASSETS: readonly EvmAsset[] = [
  ...USDC_ROWS.map(assetOf('USDC', 'USD6')),
  ...EURC_ROWS.map(assetOf('EURC', 'EUR6')),
];

const keyOf = (network: Caip2, token: EvmAddress): string => `${network}/${token}`;

interface Known {
  readonly asset: EvmAsset;
  readonly hasher: Eip3009Hasher;
  readonly allowances: AllowanceHasher;
}

const BY_KEY: ReadonlyMap<string, Known> = new Map(
  REGISTERED_ASSETS.map((asset) => {
    const hasher = createEip3009Hasher(asset);
    const allowances = createAllowanceHasher(Buffer.from(hasher.domainSeparator.slice(2), 'hex'));
    return [keyOf(asset.network, asset.token), { asset, hasher, allowances }];
  }),
);

/** The registered asset at that address of that chain, or undefined: then nothing may be signed for it. */
export function findAsset(network: Caip2, token: EvmAddress): EvmAsset | undefined {
  return BY_KEY.get(keyOf(network, token))?.asset;
}

/** The digests of a registered asset, made once; undefined when it is not registered. */
export function hasherOf(network: Caip2, token: EvmAddress): Eip3009Hasher | undefined {
  return BY_KEY.get(keyOf(network, token))?.hasher;
}

const PERMITS = new Map<number, PermitHasher>(
  REGISTERED_ASSETS.map(({ chainId }) => [chainId, createPermitHasher(chainId)]),
);

/** What it takes to compute the digest of an authorization, whatever its method. */
export type SignableTuple = TransferTuple & PermitTuple;

export interface AuthorizationHasher {
  /** @throws InvalidAuthorizationError */
  transferDigest(authorization: SignableTuple): Uint8Array;
}

/** The digests of the authorization's token and method; undefined when the token is not registered. */
export function hasherFor({
  network,
  token,
  method,
}: Pick<Authorization, 'network' | 'token' | 'method'>): AuthorizationHasher | undefined {
  const known = BY_KEY.get(keyOf(network, token));
  switch (method) {
    case 'eip3009':
      return known?.hasher;
    case 'permit2':
    case 'upto':
      return known && PERMITS.get(known.asset.chainId);
    case 'allowance':
      return known?.allowances;
  }
}

/** The engine's registry, narrowed to the networks this installation is configured for, and to the tokens that are served there. */
export function createAssetRegistry(
  networks: readonly Caip2[],
  isServed: (asset: EvmAsset) => boolean = () => true,
): AssetRegistry {
  const allowed = new Set<Caip2>(networks);
  const assets = REGISTERED_ASSETS.filter((asset) => allowed.has(asset.network) && isServed(asset));
  const served = new Set(assets);
  return {
    find(network, token) {
      const asset = findAsset(network, token);
      return asset !== undefined && served.has(asset) ? asset : undefined;
    },
    all: () => assets,
    digest(asset, tuple) {
      if (tuple.network !== asset.network) throw new InvalidAuthorizationError('network');
      const hasher = hasherFor(tuple);
      if (hasher === undefined || tuple.token !== asset.token) throw new InvalidAuthorizationError('token');
      return parseHex32(toHex(hasher.transferDigest(tuple)));
    },
  };
}
