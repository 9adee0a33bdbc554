// A person's key outside of Purser, as a client of a hosted signer uses it.
import { generateKeyPairSync, sign, type KeyObject } from 'node:crypto';
import type { Stamp } from '#engine';

export interface Stamper {
  readonly publicKey: string;
  readonly privateKey: KeyObject;
  stamp(body: string, over?: Readonly<Record<string, unknown>>): Stamp;
}

export function aStamper(): Stamper {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const { x = '', y = '' } = privateKey.export({ format: 'jwk' });
  const odd = (Buffer.from(y, 'base64url').at(-1) ?? 0) % 2 === 1;
  const publicKey = `${odd ? '03' : '02'}${Buffer.from(x, 'base64url').toString('hex')}`;
  return {
    publicKey,
    privateKey,
    stamp(body, over = {}) {
      const signature = sign('sha256', Buffer.from(body), privateKey).toString('hex');
      return encoded({ publicKey, scheme: 'SIGNATURE_SCHEME_TK_API_P256', signature, ...over });
    },
  };
}

export const encoded = (stamp: unknown): Stamp => ({
  stampHeaderName: 'X-Stamp',
  stampHeaderValue: Buffer.from(JSON.stringify(stamp)).toString('base64url'),
});
