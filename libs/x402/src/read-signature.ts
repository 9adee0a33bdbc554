// The signature of a payment, as its payer sent it.
import { unwrapErc6492 } from './erc6492.js';
import { Misread, PAYLOAD, type Part } from './request-part.js';

/** ERC-1271 wallets send whatever their contract understands. */
export const MAX_SIGNATURE_BYTES = 4 * 1024;

const HEX_BYTES = /^0x(?:[0-9a-fA-F]{2})+$/;

export function signatureIn(proof: Part) {
  const hex = proof.text('signature');
  const field = `${PAYLOAD}.payload.signature`;
  if (hex.length > 2 + 2 * MAX_SIGNATURE_BYTES || !HEX_BYTES.test(hex))
    throw new Misread('invalid_payload', field);
  const bytes = new Uint8Array(hex.length / 2 - 1);
  for (let i = 0; i < bytes.length; i += 1) bytes[i] = Number.parseInt(hex.slice(2 + 2 * i, 4 + 2 * i), 16);
  const unwrapped = unwrapErc6492(bytes);
  if (unwrapped === undefined || unwrapped.signature.length === 0)
    throw new Misread('invalid_exact_evm_failed_to_parse_signature', field);
  return unwrapped;
}
