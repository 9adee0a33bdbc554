// ERC-6492: a signature of a wallet that may not be deployed yet, wrapped with the call that would deploy it. The wrapper is
// abi.encode(address factory, bytes deployment, bytes signature) and 32 bytes of 0x6492.
const WORD = 32;
const MAGIC = 0x6492;
const ADDRESS_PADDING = 12;

export interface Unwrapped {
  /** The signature that the wallet's own contract understands. */
  readonly signature: Uint8Array;
  /** False where the wrapper names no factory: then it is no deployment, and the bytes are the wallet's own affair. */
  readonly wrapped: boolean;
}

/** The signature inside, or the bytes as they are without a wrapper; undefined: a wrapper that cannot be taken apart. */
export function unwrapErc6492(bytes: Uint8Array): Unwrapped | undefined {
  if (!endsWithMagic(bytes)) return { signature: bytes, wrapped: false };
  const body = bytes.subarray(0, -WORD);
  const factory = body.subarray(ADDRESS_PADDING, WORD);
  const signature = bytesAt(body, 2);
  if (body.length < 3 * WORD || bytesAt(body, 1) === undefined || signature === undefined) return undefined;
  return factory.every((byte) => byte === 0)
    ? { signature: bytes, wrapped: false }
    : { signature, wrapped: true };
}

function endsWithMagic(bytes: Uint8Array): boolean {
  if (bytes.length <= WORD) return false;
  const end = bytes.subarray(-WORD);
  return end.every((byte, index) => byte === (index % 2 === 0 ? MAGIC >> 8 : MAGIC & 0xff));
}

/** The dynamic value whose offset stands in that word of the head. */
function bytesAt(body: Uint8Array, word: number): Uint8Array | undefined {
  const offset = smallUint(body, word * WORD);
  const length = offset === undefined ? undefined : smallUint(body, offset);
  if (offset === undefined || length === undefined) return undefined;
  const start = offset + WORD;
  return start + length <= body.length ? body.slice(start, start + length) : undefined;
}

/** A word as a number, where it can be an offset or a length of a text that fits into a request. */
function smallUint(body: Uint8Array, at: number): number | undefined {
  if (at + WORD > body.length) return undefined;
  if (body.subarray(at, at + WORD - 3).some((byte) => byte !== 0)) return undefined;
  return body.subarray(at + WORD - 3, at + WORD).reduce((value, byte) => value * 256 + byte, 0);
}
