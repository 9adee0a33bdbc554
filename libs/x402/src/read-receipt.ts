import { decodeBase64Text } from './base64.js';
import { isObject, textField } from './offer.js';
import { MAX_HEADER_BYTES, type HeaderMap } from './read-challenge.js';
import { parseStrictJson } from './strict-json.js';

/** What the seller claims about the payment. A hint about where to look, never a source of state (safety.md T27). */
export interface ReceiptHint {
  readonly success?: boolean;
  /** `0x` and 64 lower-case hex digits. */
  readonly transaction?: string;
  readonly network?: string;
  readonly payer?: string;
  readonly reason?: string;
}

/** Reads `PAYMENT-RESPONSE` (v2) or `X-PAYMENT-RESPONSE` (v1); undefined for anything that is not a receipt. Never throws. */
export function readReceipt(headers: HeaderMap): ReceiptHint | undefined {
  for (const name of ['payment-response', 'x-payment-response']) {
    const value = Object.hasOwn(headers, name) ? headers[name] : undefined;
    const text = typeof value === 'string' ? value : value?.[0];
    const hint = text === undefined ? undefined : hintIn(text);
    if (hint) return hint;
  }
  return undefined;
}

function hintIn(encoded: string): ReceiptHint | undefined {
  if (encoded.length > MAX_HEADER_BYTES) return undefined;
  try {
    const { value } = parseStrictJson(decodeBase64Text(encoded));
    if (!isObject(value)) return undefined;
    const transaction = textField(value, 'transaction')?.toLowerCase();
    const network = textField(value, 'network');
    const payer = textField(value, 'payer');
    const reason = textField(value, 'errorReason');
    return {
      ...(typeof value['success'] === 'boolean' ? { success: value['success'] } : {}),
      ...(transaction && /^0x[0-9a-f]{64}$/.test(transaction) ? { transaction } : {}),
      ...(network ? { network: network.slice(0, 100) } : {}),
      ...(payer ? { payer: payer.slice(0, 100) } : {}),
      ...(reason ? { reason: reason.slice(0, 200) } : {}),
    };
  } catch {
    return undefined;
  }
}
