import { parseCaip2 } from '#domain';
import { describe, expect, it } from 'vitest';
import { BASE_SEPOLIA_USDC, BASE_USDC, VECTOR } from '../../../test/support/eip3009-vector.js';
import { createAssetRegistry, findAsset, REGISTERED_ASSETS } from './assets.js';
import { createEip3009Hasher } from './eip3009.js';
import { InvalidAuthorizationError } from './words.js';

describe('the asset registry', () => {
  const BASE = parseCaip2('eip155:8453');
  const BASE_SEPOLIA = parseCaip2('eip155:84532');

  it.each(REGISTERED_ASSETS.map((asset) => [asset.network, asset] as const))(
    'derives the domain separator that the token on %s reports',
    (_network, asset) => {
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
    expect(registry.all().map((asset) => asset.network)).toEqual([BASE_SEPOLIA]);
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
