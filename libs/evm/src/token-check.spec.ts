import { describe, expect, it } from 'vitest';
import { REGISTERED_ASSETS, type EvmAsset } from './assets.js';
import type { EvmRpc } from './rpc.js';
import { TokenMismatchError, verifyTokens } from './token-check.js';

const SIX = `0x${'6'.padStart(64, '0')}` as const;

/** A node on which each token says what the registry says of it, but for the changes. */
function node(changes: Partial<Record<'separator' | 'decimals', `0x${string}` | undefined>> = {}): EvmRpc {
  const call: EvmRpc['call'] = ({ to, data }) => {
    const told = {
      separator: REGISTERED_ASSETS.find((it) => it.token === to)?.domainSeparator,
      decimals: SIX,
      ...changes,
    };
    return Promise.resolve(data === '0x313ce567' ? told.decimals : told.separator);
  };
  return { call } as EvmRpc;
}

const [usdc] = REGISTERED_ASSETS as readonly [EvmAsset];

describe('the tokens of a chain', () => {
  it('pass when they are the registered ones', async () => {
    await expect(verifyTokens(node(), REGISTERED_ASSETS)).resolves.toBeUndefined();
  });

  it.each([
    ['another domain', { separator: `0x${'ab'.repeat(32)}` as const }],
    ['other decimals', { decimals: `0x${'12'.padStart(64, '0')}` as const }],
    ['no answer to it', { separator: undefined }],
    ['no code', { separator: '0x' as const, decimals: '0x' as const }],
  ])('are refused with %s, by name and address', async (_, changes) => {
    const refused = verifyTokens(node(changes), [usdc]);
    await expect(refused).rejects.toThrow(TokenMismatchError);
    await expect(refused).rejects.toThrow(`USDC (${usdc.token}) on ${usdc.network}`);
  });
});
