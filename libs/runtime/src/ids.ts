// Sortable ids: a three-letter prefix and a UUIDv7 (RFC 9562) in 26 characters of Crockford base32, lower case.
import { randomBytes } from 'node:crypto';
import {
  parseApprovalId,
  parseKeyId,
  parseWalletId,
  type ApprovalId,
  type KeyId,
  type WalletId,
} from '#domain';
import type { Clock, Ids } from '#engine';
import { systemClock } from './clock.js';

const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';
const LENGTH = 26;

export interface RuntimeIds extends Ids {
  approvalId(): ApprovalId;
  walletId(): WalletId;
  keyId(): KeyId;
  /** `evt_`: names one webhook event or delivery. */
  eventId(): string;
  /** A UUIDv7 as text, for agents and workspaces. */
  uuid(): string;
}

export function createIds(clock: Clock = systemClock): RuntimeIds {
  const prefixed = (prefix: string): string => `${prefix}_${base32(uuidV7(clock.nowMs()))}`;
  return {
    approvalId: () => parseApprovalId(prefixed('apr')),
    walletId: () => parseWalletId(prefixed('wal')),
    keyId: () => parseKeyId(prefixed('key')),
    eventId: () => prefixed('evt'),
    uuid: () => formatUuid(uuidV7(clock.nowMs())),
  };
}

/** 48 bits of unix milliseconds, then 74 random bits around version and variant. */
function uuidV7(nowMs: number): Buffer {
  const bytes = randomBytes(16);
  bytes.writeUIntBE(nowMs, 0, 6);
  bytes[6] = (bytes.readUInt8(6) & 0x0f) | 0x70;
  bytes[8] = (bytes.readUInt8(8) & 0x3f) | 0x80;
  return bytes;
}

/** 16 bytes as `8-4-4-4-12` lower-case hex. */
export function formatUuid(bytes: Uint8Array): string {
  const hex = Buffer.from(bytes).toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20, 32)}`;
}

function base32(bytes: Buffer): string {
  let value = BigInt(`0x${bytes.toString('hex')}`);
  let text = '';
  for (let i = 0; i < LENGTH; i += 1) {
    text = ALPHABET.charAt(Number(value & 31n)) + text;
    value >>= 5n;
  }
  return text;
}
