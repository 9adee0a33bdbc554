// The two derivations that make a retry land on the same payment (design.md section 4, decisions 1 and 2). Their output is stored for ever:
// changing a byte of what is hashed here would let a retry pay twice. Test vectors pin it.
import { createHmac } from 'node:crypto';
import { parseHex32, parseOperationId } from '#domain';
import type { Derivation } from '#engine';
import { formatUuid } from './ids.js';
import type { DerivationKeys } from './keystore/derivation-keys.js';

/** The only epoch there is (ruling 7). */
const EPOCH = '0';

export function createDerivation(keys: Pick<DerivationKeys, 'operation' | 'nonce'>): Derivation {
  const { operation, nonce } = keys;
  return {
    operationId(workspaceId, agentId, key) {
      const fields = ['purser/operation-id', workspaceId, agentId, key];
      const bytes = mac(operation.key, operation.version, fields).subarray(0, 16);
      // RFC 9562 version 8: a UUID whose bits are our own.
      bytes[6] = (bytes.readUInt8(6) & 0x0f) | 0x80;
      bytes[8] = (bytes.readUInt8(8) & 0x3f) | 0x80;
      return parseOperationId(formatUuid(bytes));
    },
    authorizationNonce(workspaceId, operationId) {
      const fields = ['purser/authorization-nonce', workspaceId, operationId, EPOCH];
      return parseHex32(`0x${mac(nonce.key, nonce.version, fields).toString('hex')}`);
    },
  };
}

/** Every field carries its length, so that no two lists of fields hash alike. */
function mac(key: Uint8Array, version: number, fields: readonly string[]): Buffer {
  const bytes = Buffer.allocUnsafe(fields.reduce((sum, field) => sum + 4 + Buffer.byteLength(field), 1));
  let at = bytes.writeUInt8(version);
  for (const field of fields) {
    const length = bytes.write(field, at + 4, 'utf8');
    bytes.writeUInt32BE(length, at);
    at += 4 + length;
  }
  return createHmac('sha256', key).update(bytes).digest();
}
