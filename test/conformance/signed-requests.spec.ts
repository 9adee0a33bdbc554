// The published vectors of signed requests, and that nothing but what they say is accepted.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { signatureMatches, signRequest } from '#postgres';

interface Vectors {
  readonly secret: string;
  readonly agentId: string;
  readonly cases: readonly {
    readonly about: string;
    readonly method: string;
    readonly path: string;
    readonly timestamp: string;
    readonly body: string;
    readonly signature: string;
    readonly stringToSign: string;
  }[];
}
const { secret, cases } = JSON.parse(
  readFileSync('test/conformance/vectors/signed-requests.json', 'utf8'),
) as Vectors;

const arrived = ({ body, ...rest }: Vectors['cases'][number]) => ({
  ...rest,
  body: Buffer.from(body),
  parsed: body === '' ? undefined : (JSON.parse(body) as unknown),
});

describe('signed requests', () => {
  it.each(cases)('$about', (vector) => {
    const request = arrived(vector);
    expect(signatureMatches(secret, request)).toBe(true);
    expect(signatureMatches(`${secret}x`, request)).toBe(false);
    for (const over of [
      { method: 'PUT' },
      { path: `${request.path}/` },
      { timestamp: `${request.timestamp}0` },
      { body: Buffer.from('{"other":1}'), parsed: { other: 1 } },
      { signature: `${request.signature.slice(0, -1)}${request.signature.endsWith('0') ? '1' : '0'}` },
    ])
      expect(signatureMatches(secret, { ...request, ...over })).toBe(false);
    if (!vector.about.startsWith('an older client'))
      expect(signRequest(secret, vector)).toBe(vector.signature);
  });

  it('the page that publishes them shows the first one', () => {
    const page = readFileSync('docs/dialects/relayer.md', 'utf8');
    const [first] = cases;
    for (const text of [secret, first?.path, first?.timestamp, first?.body, first?.signature])
      expect(page).toContain(text);
  });
});
