// A payment by Permit2 (x402.md 4.2 and 5). Its nonce is a decimal number, its times stand in the permit and in the witness.
import { parseHex32, type Caip2, type Hex32 } from '#domain';
import { signatureIn } from './read-signature.js';
import { Misread, PAYLOAD, type Part } from './request-part.js';

export interface Metered {
  readonly network: Caip2;
  readonly method: 'permit2' | 'upto';
  /** Base units that the seller asks for. */
  readonly amount: bigint;
}

/** @throws Misread */
export function permit2In(proof: Part, { network, method, amount }: Metered) {
  const field = `${PAYLOAD}.payload`;
  if (proof.value('permit2Authorization') === undefined && proof.value('authorization') !== undefined)
    throw new Misread('unsupported_payload_type', `${field}.authorization`);
  const authorization = proof.part('permit2Authorization');
  const permitted = authorization.part('permitted');
  const witness = authorization.part('witness');
  // The SDK tells the schemes' payloads apart by this.
  if (method === 'upto' && witness.value('facilitator') === undefined)
    throw new Misread('unsupported_payload_type', `${field}.permit2Authorization.witness.facilitator`);
  const { signature, wrapped } = signatureIn(proof);
  const signed = permitted.amount('amount');
  const common = {
    network,
    token: permitted.address('token'),
    from: authorization.address('from'),
    to: witness.address('to'),
    validAfterSec: witness.seconds('validAfter'),
    validBeforeSec: authorization.seconds('deadline'),
    nonce: authorization.parsed('nonce', parseNonce),
    signature,
  };
  const transfer =
    method === 'permit2'
      ? ({ ...common, method, value: signed } as const)
      : ({
          ...common,
          method,
          value: amount,
          ceiling: signed,
          facilitator: witness.address('facilitator'),
        } as const);
  return { transfer, wrapped, payer: authorization.text('from'), spender: authorization.address('spender') };
}

/** A number of 256 bits. */
function parseNonce(text: unknown): Hex32 {
  if (typeof text !== 'string' || !/^(?:0|[1-9][0-9]{0,77})$/.test(text)) throw new TypeError('not a number');
  return parseHex32(`0x${BigInt(text).toString(16).padStart(64, '0')}`);
}
