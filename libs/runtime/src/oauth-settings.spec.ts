import { expect, it } from 'vitest';
import { oauthOf } from './oauth-settings.js';

const ONE = 'https://id.example/realms/x';
const KEYS = 'https://id.example/realms/x/jwks?v=1';
const WORKSPACE = '11111111-1111-4111-8111-111111111111';
const BASE = { PURSER_PUBLIC_URL: 'https://purser.example/', PURSER_OAUTH_ISSUERS: `${ONE}=${KEYS}` };

function read(settings: Parameters<typeof oauthOf>[0]) {
  const problems: string[] = [];
  return { oauth: oauthOf(settings, problems), problems };
}

it('trusts nobody unless told to', () => {
  expect(read({})).toEqual({ oauth: null, problems: [] });
  expect(read({ PURSER_PUBLIC_URL: 'https://purser.example' })).toEqual({ oauth: null, problems: [] });
});

it('reads issuers, the workspaces they may speak for, and the algorithms', () => {
  const two = 'http://127.0.0.1:9000';
  const settings = {
    ...BASE,
    PURSER_OAUTH_ISSUERS: `${ONE}=${KEYS};${two}=${two}/jwks`,
    PURSER_OAUTH_WORKSPACES: `${ONE}=${WORKSPACE}`,
    PURSER_OAUTH_ALGORITHMS: 'EdDSA,ES256',
  };
  expect(read(settings)).toEqual({
    problems: [],
    oauth: {
      publicUrl: 'https://purser.example',
      algorithms: ['EdDSA', 'ES256'],
      embedded: null,
      issuers: [
        { issuer: ONE, jwksUrl: KEYS, workspaces: [WORKSPACE], grants: false },
        { issuer: two, jwksUrl: `${two}/jwks`, workspaces: null, grants: false },
      ],
    },
  });
  expect(read(BASE).oauth?.algorithms).toEqual(['ES256', 'EdDSA', 'RS256']);
});

it('adds the issuer that belongs to the installation, under its own address', () => {
  const settings = {
    PURSER_PUBLIC_URL: 'https://purser.example',
    PURSER_OAUTH_EMBEDDED: 'http://127.0.0.1:9',
    PURSER_OAUTH_EMBEDDED_SECRET: 'sixteen characters',
  };
  const { oauth, problems } = read(settings);
  expect(problems).toEqual([]);
  expect(oauth).toMatchObject({
    embedded: { url: 'http://127.0.0.1:9', secret: 'sixteen characters' },
    issuers: [
      {
        issuer: 'https://purser.example',
        jwksUrl: 'http://127.0.0.1:9/oauth/jwks',
        workspaces: null,
        grants: true,
      },
    ],
  });
  expect(read({ ...settings, PURSER_OAUTH_EMBEDDED: 'http://10.0.0.1:9' }).problems).toEqual([
    'PURSER_OAUTH_EMBEDDED: must be http on loopback: the API is its way to the world',
  ]);
  const { PURSER_OAUTH_EMBEDDED_SECRET: _secret, ...open } = settings;
  expect(read(open).problems).toEqual([
    'PURSER_OAUTH_EMBEDDED_SECRET: is missing, and PURSER_OAUTH_EMBEDDED needs it',
  ]);
});

it.each([
  [{ PURSER_OAUTH_ISSUERS: `http://id.example=${KEYS}` }, 'the issuer of entry 1 must be https'],
  [{ PURSER_OAUTH_ISSUERS: `${ONE}=http://10.0.0.1/canary` }, 'the key set of entry 1 must be https'],
  [{ PURSER_OAUTH_ISSUERS: `${ONE}=https://u:canary@id.example/` }, 'no credentials'],
  [{ PURSER_OAUTH_ISSUERS: `${ONE}=${KEYS};${ONE}=${KEYS}` }, 'names an issuer twice'],
  [{ PURSER_OAUTH_WORKSPACES: `https://other.example=${WORKSPACE}` }, 'names an issuer that is not in'],
  [{ PURSER_OAUTH_WORKSPACES: `${ONE}=${'-'.repeat(36)}` }, 'no workspace id'],
  [{ PURSER_PUBLIC_URL: undefined }, 'PURSER_PUBLIC_URL: is missing'],
])('says what is wrong and shows no value: %j', (settings, problem) => {
  const { problems } = read({ ...BASE, ...settings } as Parameters<typeof oauthOf>[0]);
  expect(problems.join('\n')).toContain(problem);
  expect(problems.join('\n')).not.toContain('canary');
});
