import { describe, expect, it } from 'vitest';
import { settleFacilitatorsOf } from './settle-facilitators.js';

const ONE = 'https://one.example/x402';
const read = (settings: Parameters<typeof settleFacilitatorsOf>[0], withTokens = true) => {
  const problems: string[] = [];
  return { endpoints: settleFacilitatorsOf(settings, { withTokens, problems }), problems };
};
const NETWORKS = { PURSER_NETWORKS: 'base,base-sepolia' };

describe('facilitators to settle through', () => {
  it('keep their order, network by network, and tokens go by host to whoever calls', () => {
    const settings = {
      ...NETWORKS,
      PURSER_SETTLE_FACILITATORS: `base=${ONE}/,https://two.example:8443;eip155:84532=${ONE}`,
      PURSER_SETTLE_FACILITATOR_TOKENS: 'one.example=abc==;two.example:8443=d',
    };
    const { endpoints, problems } = read(settings);
    expect(problems).toEqual([]);
    expect(endpoints).toEqual([
      { network: 'eip155:8453', url: ONE, bearerToken: 'abc==' },
      { network: 'eip155:8453', url: 'https://two.example:8443', bearerToken: 'd' },
      { network: 'eip155:84532', url: ONE, bearerToken: 'abc==' },
    ]);
    expect(read(settings, false).endpoints.map((it) => it.bearerToken)).toEqual([null, null, null]);
  });

  it.each([
    [{ PURSER_SETTLE_FACILITATORS: `polygon=${ONE}` }, '"polygon" is not in PURSER_NETWORKS'],
    [{ PURSER_SETTLE_FACILITATORS: 'base=http://one.example/canary' }, 'must be https'],
    [{ PURSER_SETTLE_FACILITATORS: 'base=https://u:canary@one.example' }, 'no credentials'],
    [{ PURSER_SETTLE_FACILITATORS: 'base=https://one.example/?key=canary' }, 'no query'],
    [{ PURSER_SETTLE_FACILITATORS: `base=${ONE},${ONE}/` }, 'stands there twice'],
    [
      { PURSER_SETTLE_FACILITATORS: `base=${ONE}`, PURSER_SETTLE_FACILITATOR_TOKENS: 'two.example=canary' },
      'names a host that is not in',
    ],
    [
      {
        PURSER_SETTLE_FACILITATORS: `base=${ONE}`,
        PURSER_SETTLE_FACILITATOR_TOKENS: 'one.example=a;one.example=b',
      },
      'names a host twice',
    ],
  ])('are refused by name, never by value: %j', (settings, says) => {
    const { problems } = read({ ...NETWORKS, ...settings });
    expect(problems.join('\n')).toContain(says);
    expect(problems.join('\n')).not.toContain('canary');
  });

  it('may be on this machine where the operator allows it', () => {
    const { endpoints, problems } = read({
      PURSER_SETTLE_FACILITATORS: 'local=http://127.0.0.1:4021/x',
      PURSER_EGRESS_ALLOW: '127.0.0.1:4021',
    });
    expect(problems).toEqual([]);
    expect(endpoints[0]?.url).toBe('http://127.0.0.1:4021/x');
  });
});
