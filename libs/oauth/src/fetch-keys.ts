// Fetches a key set. The address is the operator's own, as an RPC's is, so it may be on a private network; https, or loopback, is for the
// configuration to see to. It answers by itself or not at all: a redirect would be another's choice of address.
import type { FetchKeys } from './issuer-keys.js';

const WITHIN_MS = 3_000;
const LARGEST = 64 * 1024;

/** @throws when there is no answer in three seconds, or one that is no JSON of at most 64 KiB. */
export const fetchKeys: FetchKeys = async (url) => {
  const response = await fetch(url, {
    headers: { accept: 'application/json' },
    redirect: 'error',
    signal: AbortSignal.timeout(WITHIN_MS),
  });
  if (!response.ok || response.body === null) {
    await response.body?.cancel();
    throw new Error(`the key set's address answers ${response.status}`);
  }
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of response.body) {
    size += part.byteLength;
    // Leaving the loop closes the connection.
    if (size > LARGEST) throw new Error('the key set is too large');
    parts.push(part);
  }
  return JSON.parse(new TextDecoder().decode(joined(parts, size)));
};

function joined(parts: readonly Uint8Array[], size: number): Uint8Array {
  const whole = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.byteLength;
  }
  return whole;
}
