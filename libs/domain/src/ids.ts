// Branded identifiers. A value of one of these types has passed its parser; nothing else may build one.
import { refuse } from './refusal.js';

declare const brand: unique symbol;
type Brand<Base, Name extends string> = Base & { readonly [brand]: Name };

export type WorkspaceId = Brand<string, 'WorkspaceId'>;
export type AgentId = Brand<string, 'AgentId'>;
export type TeamId = Brand<string, 'TeamId'>;
export type OperationId = Brand<string, 'OperationId'>;
export type ApprovalId = Brand<`apr_${string}`, 'ApprovalId'>;
export type WalletId = Brand<`wal_${string}`, 'WalletId'>;
export type KeyId = Brand<`key_${string}`, 'KeyId'>;
/** A public key that a person signs decisions with. */
export type ApproverKeyId = Brand<`apk_${string}`, 'ApproverKeyId'>;
/** One person decides in the place of another. */
export type DelegationId = Brand<`dlg_${string}`, 'DelegationId'>;
/** Something prepared for a person to sign. */
export type ActivityId = Brand<`act_${string}`, 'ActivityId'>;
/** What lets an OAuth client act for an agent. */
export type GrantId = Brand<`grt_${string}`, 'GrantId'>;
export type StopId = Brand<`stp_${string}`, 'StopId'>;
export type IdempotencyKey = Brand<string, 'IdempotencyKey'>;
/** 20-byte address as `0x` and 40 lower-case hex digits; checksums are read and written at the edges. */
export type EvmAddress = Brand<`0x${string}`, 'EvmAddress'>;
/** 32 bytes as `0x` and 64 lower-case hex digits: hashes, authorization nonces. */
export type Hex32 = Brand<`0x${string}`, 'Hex32'>;
/** CAIP-2 network id of an EVM chain, `eip155:8453`. */
export type Caip2 = Brand<`eip155:${number}`, 'Caip2'>;

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const PREFIXED = /^[a-z]{3}_[0-9a-hjkmnp-tv-z]{26}$/;

function parseUuid<Name extends string>(field: string): (text: unknown) => Brand<string, Name> {
  return (text) => {
    if (typeof text === 'string' && UUID.test(text.toLowerCase()))
      return text.toLowerCase() as Brand<string, Name>;
    throw refuse('validation_failed', { field, reason: 'not_a_uuid' });
  };
}

function parsePrefixed<Id extends string>(prefix: string, field: string): (text: unknown) => Id {
  return (text) => {
    if (typeof text === 'string' && PREFIXED.test(text) && text.startsWith(`${prefix}_`)) return text as Id;
    throw refuse('validation_failed', { field, reason: `not_a_${prefix}_id` });
  };
}

export const parseWorkspaceId = parseUuid<'WorkspaceId'>('workspace_id');
export const parseAgentId = parseUuid<'AgentId'>('agent_id');
export const parseTeamId = parseUuid<'TeamId'>('team_id');
export const parseOperationId = parseUuid<'OperationId'>('operation_id');
export const parseApprovalId = parsePrefixed<ApprovalId>('apr', 'approval_id');
export const parseWalletId = parsePrefixed<WalletId>('wal', 'wallet_id');
export const parseStopId = parsePrefixed<StopId>('stp', 'stop_id');
export const parseKeyId = parsePrefixed<KeyId>('key', 'key_id');
export const parseGrantId = parsePrefixed<GrantId>('grt', 'grant_id');
export const parseApproverKeyId = parsePrefixed<ApproverKeyId>('apk', 'approver_key_id');
export const parseDelegationId = parsePrefixed<DelegationId>('dlg', 'delegation_id');
export const parseActivityId = parsePrefixed<ActivityId>('act', 'activity_id');

/** 1 to 200 printable ASCII characters, not blank (Hightop allows 200; see apis.md C3). */
export function parseIdempotencyKey(text: unknown): IdempotencyKey {
  const field = 'idempotency_key';
  if (typeof text !== 'string' || text.trim() === '') throw refuse('idempotency_key_missing', { field });
  if (text.length > 200) throw refuse('idempotency_key_invalid', { field, reason: 'longer_than_200' });
  if (!/^[\x20-\x7e]+$/.test(text))
    throw refuse('idempotency_key_invalid', { field, reason: 'not_printable_ascii' });
  return text as IdempotencyKey;
}

export function parseEvmAddress(text: unknown, field = 'address'): EvmAddress {
  if (typeof text === 'string' && /^0x[0-9a-fA-F]{40}$/.test(text)) return text.toLowerCase() as EvmAddress;
  throw refuse('validation_failed', { field, reason: 'not_an_evm_address' });
}

export function parseHex32(text: unknown, field = 'hex'): Hex32 {
  if (typeof text === 'string' && /^0x[0-9a-fA-F]{64}$/.test(text)) return text.toLowerCase() as Hex32;
  throw refuse('validation_failed', { field, reason: 'not_32_bytes_of_hex' });
}

export function parseCaip2(text: unknown, field = 'network'): Caip2 {
  if (typeof text === 'string' && /^eip155:[1-9][0-9]{0,15}$/.test(text)) return text as Caip2;
  throw refuse('validation_failed', { field, reason: 'not_a_caip2_evm_network' });
}

export function chainIdOf(network: Caip2): number {
  return Number(network.slice('eip155:'.length));
}
