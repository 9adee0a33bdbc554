import { ACCESS_SCOPES, type AccessScope, type CredentialKind, type Role } from '#engine';
import { ROLES } from '../http/access.js';
import { Flag, Address, Amount, Integer, OneOf, Text, Texts, Uuid } from '../http/fields.js';

const CAIP2 = /^eip155:[1-9][0-9]{0,15}$/;
const NAME = /^[\p{L}\p{N}\p{P}\p{S} ]+$/u;
const named = (about: string) => ({ min: 1, max: 120, pattern: NAME, about });

export class NewWorkspaceDto {
  @Text(named('shown to people'))
  name!: string;

  @Text(named('the person who gets the first admin key'))
  admin_person!: string;

  @Flag({
    optional: true,
    about:
      'a second person decides what lets more pass than before: limits, policies, groups of approvers, resuming; for good; false when absent',
  })
  dual_control?: boolean;
}

export class ChangeWorkspaceDto {
  @Integer({
    min: 0,
    max: 3_600,
    about: 'for how long after its answer a request without an idempotency key is the same purchase',
  })
  keyless_window_sec!: number;
}

export class NewAgentDto {
  @Text(named('shown to people'))
  name!: string;
}

export class NewKeyDto {
  @OneOf(ROLES, { about: 'what the key may do' })
  role!: Role;

  @Uuid({ optional: true, about: 'whose key it is; for the role agent, and only there' })
  agent_id?: string;

  @Text(named('the person behind the key: nobody approves what they requested or operate'))
  person!: string;

  @Text({ optional: true, max: 120, about: 'to recognise it by' })
  label?: string;

  @Integer({ optional: true, min: 60, max: 315_360_000, about: 'life of the key; no end when absent' })
  expires_in_sec?: number;

  @OneOf(['key', 'hmac'], {
    optional: true,
    about: 'key, when absent: sent with every request. hmac: a secret that signs them, for agents alone',
  })
  kind?: CredentialKind;

  @Texts({
    optional: true,
    pattern: new RegExp(`^(${ACCESS_SCOPES.join('|')})$`),
    about: `all it may do, of ${ACCESS_SCOPES.join(', ')}; what the role may when absent. A backend pays only with agent:payments:write`,
  })
  scopes?: AccessScope[];

  @Texts({
    optional: true,
    pattern: /^[0-9a-fA-F:.]{2,45}(\/[0-9]{1,3})?$/,
    about: 'addresses and CIDR blocks it may be used from; anywhere when absent',
  })
  allowed_ips?: string[];
}

export class RotateKeyDto {
  @Integer({
    optional: true,
    min: 0,
    max: 2_592_000,
    about: 'how much longer the old key works; 0, at once, when absent',
  })
  overlap_sec?: number;
}

export class NewWalletDto {
  @Uuid({
    optional: true,
    about: 'the agent that pays from it; any agent without one of its own when absent',
  })
  agent_id?: string;

  @OneOf(['payments', 'treasury'], {
    optional: true,
    about: 'treasury: pays no seller, tops up the wallets of agents; one per workspace. payments when absent',
  })
  role?: 'payments' | 'treasury';

  @Text({ optional: true, max: 120, about: 'to recognise it by' })
  label?: string;
}

export class ImportWalletDto extends NewWalletDto {
  @Text({
    max: 66,
    pattern: /^0x[0-9a-fA-F]{64}$/,
    about: 'handed to the signer and nowhere else; never shown or logged',
  })
  private_key!: string;
}

export class BalancesQuery {
  @Uuid({ optional: true, about: "only this agent's; an agent sees its own in any case" })
  agent_id?: string;
}

class PlaceDto {
  @Text({ max: 32, pattern: CAIP2, about: 'CAIP-2 network', example: 'eip155:8453' })
  network!: string;

  @Address({ about: 'token contract' })
  asset!: string;
}

export class LowBalanceDto extends PlaceDto {
  @Amount({ nullable: true, about: 'tell when less than this is available, base units; null: not any more' })
  below!: string | null;
}

export class FloatDto extends PlaceDto {
  @Amount({ about: 'below this much available the wallet is topped up, base units' })
  min!: string;

  @Amount({ about: 'how much is available afterwards' })
  target!: string;

  @Amount({ about: 'the most that is sent per UTC day' })
  cap_per_day!: string;
}

export class StopFloatDto extends PlaceDto {}
