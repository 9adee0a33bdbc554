import { describe, expect, it } from 'vitest';
import { base64 } from '../../../test/support/encoded.js';
import { readReceipt } from './index.js';

const PAYEE = '0x209693Bc6afc0C5328bA36FaF03C514EF312287C';

describe('reading a receipt', () => {
  const hash = `0x${'Ab'.repeat(32)}`;

  it('takes either header', () => {
    const receipt = base64({
      success: true,
      transaction: hash,
      network: 'base',
      payer: PAYEE,
      errorReason: null,
    });
    const hint = { success: true, transaction: hash.toLowerCase(), network: 'base', payer: PAYEE };
    expect(readReceipt({ 'payment-response': receipt })).toEqual(hint);
    expect(readReceipt({ 'x-payment-response': receipt })).toEqual(hint);
  });

  it('is undefined for garbage and drops what is not a hash', () => {
    expect(readReceipt({})).toBeUndefined();
    expect(readReceipt({ 'payment-response': '!!' })).toBeUndefined();
    expect(readReceipt({ 'payment-response': base64([]) })).toBeUndefined();
    expect(
      readReceipt({ 'payment-response': base64({ success: false, transaction: '', errorReason: 'r' }) }),
    ).toEqual({
      success: false,
      reason: 'r',
    });
  });
});
