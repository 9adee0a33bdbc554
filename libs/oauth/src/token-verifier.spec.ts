import { Refusal, type WorkspaceId } from '#domain';
import {
  exportJWK,
  generateKeyPair,
  SignJWT,
  UnsecuredJWT,
  type CryptoKey,
  type JWK,
  type JWTPayload,
} from 'jose';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Algorithm } from './algorithms.js';
import { createTokenVerifier, type Issuer } from './token-verifier.js';

const ISSUER = 'https://id.example';
const JWKS_URL = 'https://id.example/jwks';
const AUDIENCE = 'https://purser.example/v1/agent';
const WORKSPACE = '11111111-1111-4111-8111-111111111111';
const AGENT = '22222222-2222-4222-8222-222222222222';
const START_MS = 1_760_000_000_000;

interface Key {
  readonly sign: CryptoKey;
  readonly jwk: JWK;
}
async function makeKey(alg: Algorithm, kid: string): Promise<Key> {
  const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true });
  return { sign: privateKey, jwk: { ...(await exportJWK(publicKey)), kid, alg, use: 'sig' } };
}
let es: Key, ed: Key, rs: Key, next: Key, stranger: Key;
beforeAll(async () => {
  [es, ed, rs, next, stranger] = await Promise.all([
    makeKey('ES256', 'es'),
    makeKey('EdDSA', 'ed'),
    makeKey('RS256', 'rs'),
    makeKey('ES256', 'next'),
    makeKey('ES256', 'es'),
  ]);
});

let nowMs: number;
let served: { keys: unknown } | Error;
let fetched: string[];
beforeEach(() => {
  nowMs = START_MS;
  served = { keys: [es.jwk, ed.jwk, rs.jwk] };
  fetched = [];
});

function verifierFor(issuer: Partial<Issuer> = {}, algorithms: readonly Algorithm[] = ['ES256']) {
  return createTokenVerifier({
    issuers: [{ issuer: ISSUER, jwksUrl: JWKS_URL, workspaces: null, grants: false, ...issuer }],
    algorithms,
    clock: { nowMs: () => nowMs },
    fetchKeys: (url) => {
      fetched.push(url);
      return served instanceof Error ? Promise.reject(served) : Promise.resolve(served);
    },
  });
}

const nowSec = () => Math.floor(nowMs / 1000);
const goodClaims = (): JWTPayload => ({
  iss: ISSUER,
  aud: AUDIENCE,
  sub: 'ann@example.test',
  client_id: 'app',
  scope: 'agent:read agent:payments:write',
  iat: nowSec(),
  exp: nowSec() + 600,
  workspace_id: WORKSPACE,
  agent_id: AGENT,
});
const HEADER = { alg: 'ES256', kid: 'es', typ: 'at+jwt' };
const token = (
  claims: Readonly<Record<string, unknown>> = {},
  header: object = {},
  key: Key = es,
): Promise<string> =>
  new SignJWT({ ...goodClaims(), ...claims }).setProtectedHeader({ ...HEADER, ...header }).sign(key.sign);
const faultOf = async (text: string, verifier = verifierFor()): Promise<string> => {
  const answer = await verifier.verify(text, AUDIENCE);
  return answer.ok ? 'none' : answer.fault;
};

const rotated = () => token({}, { kid: 'next' }, next);

describe('an access token', () => {
  it('says whose money it may move, for whom and how far', async () => {
    expect(await verifierFor().verify(await token(), AUDIENCE)).toEqual({
      ok: true,
      token: {
        issuer: ISSUER,
        subject: 'ann@example.test',
        clientId: 'app',
        workspaceId: WORKSPACE,
        agentId: AGENT,
        grantId: null,
        scopes: new Set(['agent:read', 'agent:payments:write']),
      },
    });
    expect(fetched).toEqual([JWKS_URL]);
  });

  it.each(['ES256', 'EdDSA', 'RS256'] as const)(
    'may be signed with %s where that is configured',
    async (alg) => {
      const key = { ES256: es, EdDSA: ed, RS256: rs }[alg];
      const text = await token({}, { alg, kid: key.jwk.kid }, key);
      expect(await faultOf(text, verifierFor({}, [alg]))).toBe('none');
      const others = (['ES256', 'EdDSA', 'RS256'] as const).filter((it) => it !== alg);
      expect(await faultOf(text, verifierFor({}, others))).toBe('not_acceptable');
    },
  );

  it('is not good without a signature, nor signed with the text of a public key', async () => {
    const bare = new UnsecuredJWT(goodClaims()).encode();
    expect(await faultOf(bare)).toBe('not_acceptable');
    const publicText = new TextEncoder().encode(JSON.stringify(es.jwk));
    const confused = await new SignJWT(goodClaims())
      .setProtectedHeader({ ...HEADER, alg: 'HS256' })
      .sign(publicText);
    expect(await faultOf(confused)).toBe('not_acceptable');
    served = { keys: [{ kty: 'oct', kid: 'es', k: Buffer.from(publicText).toString('base64url') }] };
    expect(await faultOf(confused)).toBe('not_acceptable');
  });

  it('is not good when another key signed it, when it is cut, changed or no token at all', async () => {
    const text = await token();
    const [head = '', body = '', signature = ''] = text.split('.');
    const changed = Buffer.from(JSON.stringify({ ...goodClaims(), scope: 'all' })).toString('base64url');
    for (const bad of [
      await token({}, {}, stranger),
      `${head}.${changed}.${signature}`,
      `${head}.${body}.`,
      `${head}.${body}`,
      'prs_test_gxxxxxxxxxxxx_secret',
      '',
      '..',
      'a.b.c',
    ])
      expect(await faultOf(bad), bad).toBe('not_acceptable');
  });

  it('takes neither key nor address of one from its own header, and no extension it does not know', async () => {
    const header = { jwk: stranger.jwk, jku: 'https://evil.example/jwks', x5u: 'https://evil.example/x' };
    expect(await faultOf(await token({}, header, stranger))).toBe('not_acceptable');
    expect(await faultOf(await token({}, { kid: '../../etc/passwd' }))).toBe('not_acceptable');
    const crit = await new SignJWT(goodClaims())
      .setProtectedHeader({ ...HEADER, crit: ['x'], x: 1 })
      .sign(es.sign, { crit: { x: true } });
    expect(await faultOf(crit)).toBe('not_acceptable');
    expect(new Set(fetched)).toEqual(new Set([JWKS_URL]));
  });

  it('is good for its audience alone', async () => {
    for (const aud of ['https://purser.example/purser/v1', `${AUDIENCE}/`, 'https://evil.example/v1/agent'])
      expect(await faultOf(await token({ aud }))).toBe('wrong_audience');
    expect(await faultOf(await token({ aud: ['https://other.example', AUDIENCE] }))).toBe('none');
    expect(await faultOf(await token({ aud: undefined }))).toBe('wrong_audience');
  });

  it('is of a configured issuer, to the letter', async () => {
    for (const iss of [`${ISSUER}/`, 'https://evil.example', 'HTTPS://id.example', undefined])
      expect(await faultOf(await token({ iss }))).toBe('not_acceptable');
    expect(fetched).toEqual([]);
  });

  it("cannot be one issuer's name over another one's signature", async () => {
    const verifier = createTokenVerifier({
      issuers: [
        { issuer: ISSUER, jwksUrl: JWKS_URL, workspaces: null, grants: false },
        { issuer: 'https://b.example', jwksUrl: 'https://b.example/jwks', workspaces: null, grants: false },
      ],
      algorithms: ['ES256'],
      clock: { nowMs: () => nowMs },
      fetchKeys: (url) => Promise.resolve({ keys: url === JWKS_URL ? [es.jwk] : [next.jwk] }),
    });
    expect(await faultOf(await token({ iss: 'https://b.example' }), verifier)).toBe('not_acceptable');
    const own = await token({ iss: 'https://b.example' }, { kid: 'next' }, next);
    expect(await faultOf(own, verifier)).toBe('none');
  });

  it('ends at its time, begins at its time, and allows clocks to differ by 30 seconds', async () => {
    expect(await faultOf(await token({ exp: nowSec() - 31 }))).toBe('expired');
    expect(await faultOf(await token({ exp: nowSec() - 29 }))).toBe('none');
    expect(await faultOf(await token({ nbf: nowSec() + 31 }))).toBe('not_yet_valid');
    expect(await faultOf(await token({ nbf: nowSec() + 29 }))).toBe('none');
    expect(await faultOf(await token({ exp: undefined }))).toBe('claims_missing');
    expect(await faultOf(await token({ iat: undefined }))).toBe('claims_missing');
    expect(await faultOf(await token({ exp: nowSec() + 86_401 }))).toBe('lives_too_long');
    expect(await faultOf(await token({ exp: 'soon' }))).toBe('not_acceptable');
  });

  it('is an access token: an ID token of the same issuer opens nothing', async () => {
    expect(await faultOf(await token({}, { typ: 'JWT' }))).toBe('wrong_type');
    expect(await faultOf(await token({}, { typ: undefined }))).toBe('wrong_type');
    expect(await faultOf(await token({}, { typ: 'application/at+jwt' }))).toBe('none');
  });

  it('names workspace, agent, client and subject', async () => {
    for (const claim of ['workspace_id', 'agent_id', 'sub', 'client_id'])
      expect(await faultOf(await token({ [claim]: undefined })), claim).toBe('claims_missing');
    for (const claims of [{ agent_id: 'x' }, { workspace_id: 7 }, { scope: ['agent:read'] }, { sub: '' }])
      expect(await faultOf(await token(claims)), JSON.stringify(claims)).toBe('claims_missing');
  });

  it('without a scope is good for nothing, and is no other fault than that', async () => {
    const answer = await verifierFor().verify(await token({ scope: undefined }), AUDIENCE);
    expect(answer).toMatchObject({ ok: true, token: { scopes: new Set() } });
  });

  it('speaks only for the workspaces that its issuer may speak for', async () => {
    const other = '33333333-3333-4333-8333-333333333333';
    const verifier = verifierFor({ workspaces: [WORKSPACE as WorkspaceId] });
    expect(await faultOf(await token(), verifier)).toBe('none');
    expect(await faultOf(await token({ workspace_id: other }), verifier)).toBe('workspace_not_allowed');
  });

  it('names its grant where grants are rows of ours, and its word on a grant counts nowhere else', async () => {
    const verifier = verifierFor({ grants: true });
    expect(await faultOf(await token(), verifier)).toBe('claims_missing');
    const withGrant = await token({ grant_id: 'g1' });
    expect(await verifier.verify(withGrant, AUDIENCE)).toMatchObject({ token: { grantId: 'g1' } });
    expect(await verifierFor().verify(withGrant, AUDIENCE)).toMatchObject({ token: { grantId: null } });
  });

  it('of absurd length is not looked at', async () => {
    expect(await faultOf(await token({ padding: 'x'.repeat(8_192) }))).toBe('not_acceptable');
    expect(fetched).toEqual([]);
  });
});

describe('the keys of an issuer', () => {
  it('are fetched again for a key not seen before, but not for every such token', async () => {
    const verifier = verifierFor();
    expect(await faultOf(await token(), verifier)).toBe('none');
    served = { keys: [next.jwk] };
    expect(await faultOf(await rotated(), verifier)).toBe('not_acceptable');
    expect(fetched).toHaveLength(1);
    nowMs += 10_000;
    expect(await faultOf(await rotated(), verifier)).toBe('none');
    expect(fetched).toHaveLength(2);
    expect(await faultOf(await token(), verifier)).toBe('not_acceptable');
    expect(fetched).toHaveLength(2);
  });

  it('are fetched once for many requests at the same time', async () => {
    const verifier = verifierFor();
    const text = await token();
    expect(await Promise.all(Array.from({ length: 50 }, () => faultOf(text, verifier)))).toEqual(
      Array.from({ length: 50 }, () => 'none'),
    );
    expect(fetched).toHaveLength(1);
  });

  it('go on for an hour while their address is away, and then no token is good', async () => {
    const verifier = verifierFor();
    expect(await faultOf(await token(), verifier)).toBe('none');
    served = new Error('away');
    nowMs += 59 * 60_000;
    expect(await faultOf(await token(), verifier)).toBe('none');
    nowMs += 2 * 60_000;
    const late = await token();
    await expect(verifier.verify(late, AUDIENCE)).rejects.toMatchObject({ code: 'issuer_unavailable' });
    served = { keys: [es.jwk] };
    nowMs += 10_000;
    expect(await faultOf(late, verifier)).toBe('none');
  });

  it('are refreshed beside the requests, and a withdrawn key stops working then', async () => {
    const verifier = verifierFor();
    expect(await faultOf(await token(), verifier)).toBe('none');
    served = { keys: [next.jwk] };
    nowMs += 10 * 60_000 + 1;
    expect(await faultOf(await token(), verifier)).toBe('none');
    await new Promise((resolve) => setImmediate(resolve));
    expect(await faultOf(await token(), verifier)).toBe('not_acceptable');
  });

  it('are none once the issuer shows none', async () => {
    const verifier = verifierFor();
    expect(await faultOf(await token(), verifier)).toBe('none');
    served = { keys: [] };
    nowMs += 60 * 60_000 + 1;
    expect(await faultOf(await token(), verifier)).toBe('not_acceptable');
  });

  it('that were never had make nothing good, and the address is asked once per pause', async () => {
    const verifier = verifierFor();
    const text = await token();
    for (const bad of [new Error('away'), { keys: 'none' }, { keys: Array(65).fill(es.jwk) }]) {
      served = bad;
      fetched = [];
      nowMs += 10_000;
      const before = fetched.length;
      for (let time = 0; time < 3; time += 1) {
        const outcome = await verifier.verify(text, AUDIENCE).catch((error: unknown) => error);
        expect(outcome instanceof Refusal ? outcome.code : outcome).toBe('issuer_unavailable');
      }
      expect(fetched.length - before).toBe(1);
    }
  });
});
