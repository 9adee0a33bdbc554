import { Amount, Flag, Integer, Nested, NestedList, OneOf, Text, Texts } from '../http/fields.js';

/** What is no host at all; how hosts are spelt, the policy knows. */
export const HOST = /^[^\s/?#@\\]{1,260}$/;
const ADDRESS = /^0x[0-9a-fA-F]{40}$/;
const CAIP2 = /^eip155:[1-9][0-9]{0,15}$/;
const CAIP19 = /^eip155:[1-9][0-9]{0,15}\/erc20:0x[0-9a-fA-F]{40}$/;
const TIME = /^([01][0-9]|2[0-4]):[0-5][0-9]$/;
const GROUP = /^[a-z0-9][a-z0-9_-]{0,39}$/;

export class HostPriceCapDto {
  @Text({ max: 260, pattern: HOST, about: 'host name or *. pattern' })
  host!: string;

  @Amount({ about: 'most per payment, base units, inclusive' })
  max_amount!: string;
}

export class HoursWindowDto {
  @Texts({ pattern: /^(mon|tue|wed|thu|fri|sat|sun)$/, about: 'days on which it opens' })
  days!: string[];

  @Text({ max: 5, pattern: TIME, about: 'time of day from which it is open', example: '08:00' })
  from!: string;

  @Text({
    max: 5,
    pattern: TIME,
    about: 'time of day at which it closes; before `from`: on the next day',
    example: '18:00',
  })
  to!: string;
}

export class HoursDto {
  @Text({ max: 64, about: 'IANA time zone', example: 'Europe/Berlin' })
  zone!: string;

  @NestedList(HoursWindowDto, { max: 50, about: 'it is open while one of them is' })
  windows!: HoursWindowDto[];
}

/** Replaces the whole policy; what is absent has its default. */
export class PutPolicyDto {
  @Amount({
    optional: true,
    nullable: true,
    about: 'at or above this a person must approve; null: never by amount',
  })
  approval_threshold?: string | null;

  @Texts({ optional: true, nullable: true, pattern: HOST, about: 'hosts that may be paid; null: any' })
  allowed_hosts?: string[] | null;

  @Texts({ optional: true, pattern: HOST, about: 'hosts that may not be paid' })
  denied_hosts?: string[];

  @NestedList(HostPriceCapDto, {
    optional: true,
    max: 1_000,
    about: 'most per payment by host; the lowest that matches holds',
  })
  host_price_caps?: HostPriceCapDto[];

  @Texts({ optional: true, nullable: true, pattern: ADDRESS, about: 'payees that may be paid; null: any' })
  allowed_payees?: string[] | null;

  @Texts({ optional: true, pattern: ADDRESS, about: 'payees that may not be paid' })
  denied_payees?: string[];

  @Texts({
    optional: true,
    nullable: true,
    pattern: CAIP2,
    about: 'networks to pay on; null: all registered',
  })
  allowed_networks?: string[] | null;

  @Texts({
    optional: true,
    nullable: true,
    pattern: CAIP19,
    about: 'assets to pay in, CAIP-19: eip155:8453/erc20:0x...; null: all registered',
  })
  allowed_assets?: string[] | null;

  @Nested(HoursDto, { optional: true, nullable: true, about: 'when payments may be made; null: at any time' })
  hours?: HoursDto | null;

  @Texts({
    optional: true,
    pattern: /^(category|cost_centre)$/,
    about: 'what a payment must be booked under: category, cost_centre',
  })
  required_tags?: string[];

  @OneOf(['approve', 'allow'], {
    optional: true,
    about: 'when this scope has not paid the payee before, finally or with an approval; allow when absent',
  })
  new_payee?: 'approve' | 'allow';

  @Integer({
    optional: true,
    min: 0,
    max: 86_400,
    about:
      'seconds within which the same purchase under another key is refused; 0, the default: never. Same: agent, method, URL, body, price',
  })
  duplicate_window_sec?: number;

  @Integer({
    optional: true,
    nullable: true,
    min: 1,
    max: 100,
    about: 'a person must approve what brings a budget window above so many percent; null: never',
  })
  budget_approval_percent?: number | null;

  @Integer({ optional: true, min: 30, max: 600, about: 'longest life of an authorization; 300 when absent' })
  max_validity_sec?: number;

  @OneOf(['approve', 'refuse', 'allow'], {
    optional: true,
    about: 'when the payee is a contract; approve when absent',
  })
  contract_payee?: 'approve' | 'refuse' | 'allow';

  @Flag({
    optional: true,
    about: 'may a seller be paid before it delivers (x402 paymentFlow upfront); false when absent',
  })
  allow_upfront?: boolean;

  @Flag({
    optional: true,
    about: 'may a seller charge what was used, up to a ceiling (x402 scheme upto); false when absent',
  })
  allow_upto?: boolean;

  @Texts({
    optional: true,
    pattern: HOST,
    about: 'hosts that are paid on chain by us before they are asked for the goods',
  })
  prepaid_hosts?: string[];

  @Amount({
    optional: true,
    nullable: true,
    about: 'at or above this a person must approve a top-up from the treasury; null: never',
  })
  top_up_approval_threshold?: string | null;

  @Integer({
    optional: true,
    min: 30,
    max: 604_800,
    about: 'how long a person has to decide; 3600 when absent',
  })
  decide_within_sec?: number;

  @Integer({
    optional: true,
    min: 1,
    max: 10,
    about: 'how many distinct people must approve what needs an approval; 1 when absent',
  })
  approval_quorum?: number;

  @Texts({
    optional: true,
    pattern: GROUP,
    about: 'groups whose members may approve; any approver when empty or absent',
  })
  approver_groups?: string[];
}
