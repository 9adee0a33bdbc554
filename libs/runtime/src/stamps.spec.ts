import { sign } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { aStamper, encoded } from '../../../test/support/stamping.js';
import { stampVerifier } from './stamps.js';

const BODY = '{"type":"ACTIVITY_TYPE_FUND_AGENT","parameters":{"amount":"1","note":"é"}}';
const alice = aStamper();
const wrong = (part: string) => ({ ok: false, wrong: part });
const raw = (value: string) => ({ stampHeaderName: 'X-Stamp', stampHeaderValue: value });

describe('stamps', () => {
  it('say whose key signed exactly these bytes', () => {
    for (let round = 0; round < 50; round += 1) {
      const key = aStamper();
      expect(stampVerifier.verify(key.stamp(BODY), BODY)).toEqual({ ok: true, publicKey: key.publicKey });
    }
    const header = { ...alice.stamp(BODY), stampHeaderName: 'x-stamp' };
    expect(stampVerifier.verify(header, BODY)).toMatchObject({ ok: true });
  });

  it('of another text, or by another key than they name, are refused', () => {
    for (const text of [`${BODY} `, BODY.replace('"1"', '"10"'), BODY.normalize('NFD'), ''])
      expect(stampVerifier.verify(alice.stamp(BODY), text)).toEqual(wrong('signature'));
    const other = alice.stamp(BODY, { publicKey: aStamper().publicKey });
    expect(stampVerifier.verify(other, BODY)).toEqual(wrong('signature'));
  });

  it('have one form, and every other is refused with the part that is wrong', () => {
    const good = alice.stamp(BODY);
    const { publicKey } = alice;
    const signature = sign('sha256', Buffer.from(BODY), alice.privateKey).toString('hex');
    const scheme = 'SIGNATURE_SCHEME_TK_API_P256';
    const p1363 = sign('sha256', Buffer.from(BODY), {
      key: alice.privateKey,
      dsaEncoding: 'ieee-p1363',
    }).toString('hex');
    const offCurve = `02${'f'.repeat(64)}`;
    const cases: readonly (readonly [unknown, string])[] = [
      [{ ...good, stampHeaderName: 'X-Stamp-WebAuthn' }, 'header'],
      [raw(`${good.stampHeaderValue}=`), 'encoding'],
      [raw(good.stampHeaderValue.slice(0, -2)), 'encoding'],
      [raw('e30+'), 'encoding'],
      [raw(''), 'encoding'],
      [raw('A'.repeat(2_000)), 'encoding'],
      [encoded([publicKey, scheme, signature]), 'encoding'],
      [encoded(null), 'encoding'],
      [encoded({ publicKey, scheme }), 'encoding'],
      [encoded({ publicKey, scheme, signature, extra: '' }), 'encoding'],
      [encoded({ publicKey, scheme, signature: 1 }), 'encoding'],
      [encoded({ publicKey, scheme: 'SIGNATURE_SCHEME_TK_API_SECP256K1', signature }), 'scheme'],
      [encoded({ publicKey: publicKey.toUpperCase().replace(/^0/, '1'), scheme, signature }), 'public_key'],
      [encoded({ publicKey: offCurve, scheme, signature }), 'public_key'],
      [encoded({ publicKey, scheme, signature: signature.toUpperCase() }), 'signature'],
      [encoded({ publicKey, scheme, signature: `${signature}00` }), 'signature'],
      [encoded({ publicKey, scheme, signature: p1363 }), 'signature'],
      [encoded({ publicKey, scheme, signature: '' }), 'signature'],
    ];
    for (const [stamp, part] of cases)
      expect(stampVerifier.verify(stamp as typeof good, BODY), JSON.stringify(stamp)).toEqual(wrong(part));
  });

  it('know a point on the curve from any other text', () => {
    expect(stampVerifier.isPublicKey(alice.publicKey)).toBe(true);
    expect(stampVerifier.isPublicKey(`02${'f'.repeat(64)}`)).toBe(false);
    expect(stampVerifier.isPublicKey(alice.publicKey.slice(2))).toBe(false);
  });
});
