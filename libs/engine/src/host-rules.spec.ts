import { describe, expect, it } from 'vitest';
import { judgeTerms } from '#engine';
import { aPolicy, aRequest, someTerms, WORKSPACE } from '../../../test/support/builders.js';
import { ALICE, MemoryInstallation } from '../../../test/support/memory-installation.js';

describe('rules about hosts', () => {
  it.each([
    'https://evil.example/x',
    'https://EVIL.example/x',
    'https://evil.example./x',
    'https://evil.example.:443/x',
  ])('hold for every spelling of the host: %s', async (resourceUrl) => {
    const purser = new MemoryInstallation();
    purser.policies.policies.set(WORKSPACE, aPolicy({ deniedHosts: ['evil.example'] }));
    expect(
      await judgeTerms(
        purser.ports,
        { ...ALICE, request: aRequest(), body: () => Promise.resolve(null) },
        someTerms({ resourceUrl }),
      ),
    ).toMatchObject({
      ok: false,
      details: { rule: 'host_denied' },
    });
  });
});
