import { parseCaip2 } from '#domain';
import { describe, expect, it } from 'vitest';
import { BASE_SEPOLIA_USDC, BASE_USDC, VECTOR } from '../../../test/support/eip3009-vector.js';
import { createAssetRegistry, findAsset, REGISTERED_ASSETS } from './assets.js';
import { createEip3009Hasher } from './eip3009.js';
import { InvalidAuthorizationError } from './words.js';

const chains = (symbol: string): readonly number[] =>
  REGISTERED_ASSETS.filter((it) => it.symbol === symbol)
    .map((it) => it.chainId)
    .toSorted((a, b) => a - b);

describe('the asset registry', () => {
  const BASE = parseCaip2('eip155:8453');
  const BASE_SEPOLIA = parseCaip2('eip155:84532');

  it.each(REGISTERED_ASSETS.map((asset) => [asset.symbol, asset.network, asset] as const))(
    'derives the domain separator that %s on %s reports',
    (_symbol, _network, asset) => {
      expect(createEip3009Hasher(asset).domainSeparator).toBe(asset.domainSeparator);
    },
  );

  it('knows a token only on its own chain', () => {
    expect(findAsset(BASE_SEPOLIA, BASE_SEPOLIA_USDC)?.name).toBe('USDC');
    expect(findAsset(BASE, BASE_USDC)?.name).toBe('USD Coin');
    expect(findAsset(BASE, BASE_SEPOLIA_USDC)).toBeUndefined();
  });

  it('offers only the networks that are configured', () => {
    const registry = createAssetRegistry([BASE_SEPOLIA]);
    expect(registry.find(BASE, BASE_USDC)).toBeUndefined();
    expect(registry.all().map((asset) => `${asset.symbol} ${asset.unit}`)).toEqual([
      'USDC USD6',
      'EURC EUR6',
    ]);
  });

  it('offers only the tokens that are served', () => {
    const registry = createAssetRegistry([BASE_SEPOLIA], ({ symbol }) => symbol === 'USDC');
    expect(registry.all().map((asset) => asset.symbol)).toEqual(['USDC']);
    const eurc = REGISTERED_ASSETS.find((it) => it.symbol === 'EURC' && it.network === BASE_SEPOLIA);
    expect(registry.find(BASE_SEPOLIA, eurc?.token ?? expect.fail())).toBeUndefined();
  });

  it('has USDC on every chain of a profile, and EURC where Circle deployed it', () => {
    expect(chains('USDC')).toEqual([1, 137, 8453, 42161, 43114, 84532, 11155111]);
    expect(chains('EURC')).toEqual([1, 8453, 43114, 84532, 11155111]);
  });

  it('gives the digest that is signed, and none for a tuple of another token or chain', () => {
    const registry = createAssetRegistry([BASE, BASE_SEPOLIA]);
    const asset = registry.find(BASE_SEPOLIA, BASE_SEPOLIA_USDC) ?? expect.fail('not registered');
    const tuple = { ...VECTOR, method: 'eip3009', network: BASE_SEPOLIA, token: BASE_SEPOLIA_USDC } as const;
    expect(registry.digest(asset, tuple)).toBe(
      '0xbb97f4b133abea49d591e0714f9cdb5e2bb6ea679183268ce972c63a7609f6d3',
    );
    expect(() => registry.digest(asset, { ...tuple, network: BASE })).toThrow(InvalidAuthorizationError);
    expect(() => registry.digest(asset, { ...tuple, token: BASE_USDC })).toThrow(InvalidAuthorizationError);
  });
});
