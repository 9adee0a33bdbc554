import { describe, expect, it } from 'vitest';
import { parseOperationId, type Terms } from '#domain';
import { approvalDigest, termsDigest } from '#engine';
import { address, someTerms } from '../../../test/support/builders.js';
import { memoryHashing } from '../../../test/support/memory-basics.js';

const ports = { hashing: memoryHashing };
const OPERATION = parseOperationId('00000000-0000-4000-8000-000000000001');
const digests = (over: Partial<Terms>): readonly string[] => [
  termsDigest(ports, someTerms(over)),
  approvalDigest(ports, OPERATION, someTerms(over), 1),
];

describe('what is judged, approved and signed', () => {
  it.each<[string, Partial<Terms>]>([
    ['when the seller is paid', { paymentFlow: 'upfront' }],
    ['how it is paid', { transferMethod: 'permit2' }],
    ['who may charge', { facilitator: address(0xfac1) }],
  ])('includes %s', (_what, over) => {
    const usual = digests({});
    digests(over).forEach((digest, index) => expect(digest).not.toBe(usual[index]));
  });

  it('is the same for terms from before there was a choice', () => {
    expect(digests({ paymentFlow: 'authorization', transferMethod: 'eip3009' })).toEqual(digests({}));
  });
});
