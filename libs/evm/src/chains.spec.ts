import { parseCaip2 } from '#domain';
import { describe, expect, it } from 'vitest';
import { REGISTERED_ASSETS } from './assets.js';
import { caip2OfV1Name, networkProfile, PROFILE_NAMES, v1NameOfChain } from './chains.js';

describe('network profiles', () => {
  it('ask for two RPCs and a genesis hash everywhere but on the local node', () => {
    for (const name of PROFILE_NAMES) {
      const profile = networkProfile(name);
      expect(profile?.minRpcUrls).toBe(name === 'local' ? 1 : 2);
      expect(profile?.genesisHash === undefined).toBe(name === 'local');
    }
  });

  it('count two blocks as final on the local node and trust the finalized tag elsewhere', () => {
    expect(networkProfile('local')?.finality).toEqual({ kind: 'depth', blocks: 2 });
    expect(networkProfile('base')?.finality).toEqual({ kind: 'tag' });
  });

  it('do not exist for other names', () => {
    expect(networkProfile('solana')).toBeUndefined();
    expect(networkProfile('__proto__')).toBeUndefined();
  });

  it('cover every chain that has a registered asset', () => {
    const covered = new Set(PROFILE_NAMES.map((name) => networkProfile(name)?.chainId));
    expect(REGISTERED_ASSETS.filter((asset) => !covered.has(asset.chainId))).toEqual([]);
  });
});

describe('v1 network names', () => {
  it.each([
    ['base', 'eip155:8453'],
    ['base-sepolia', 'eip155:84532'],
    ['ethereum', 'eip155:1'],
    ['flare', 'eip155:14'],
  ])('%s is %s and back', (name, network) => {
    expect(caip2OfV1Name(name)).toBe(parseCaip2(network));
    expect(v1NameOfChain(Number(network.slice(7)))).toBe(name);
  });

  it('do not include CAIP-2 ids, other cases or chain 31337', () => {
    expect(caip2OfV1Name('eip155:8453')).toBeUndefined();
    expect(caip2OfV1Name('Base')).toBeUndefined();
    expect(v1NameOfChain(31337)).toBeUndefined();
  });
});
