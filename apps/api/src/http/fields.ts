// One decorator per kind of field: it validates, gives the refusal its code, and describes the field in OpenAPI, so that the three cannot differ.
import { applyDecorators } from '@nestjs/common';
import { ApiProperty, type ApiPropertyOptions } from '@nestjs/swagger';
import {
  IsArray,
  IsBoolean,
  IsIn,
  IsInt,
  IsObject,
  IsString,
  Matches,
  Max,
  MaxLength,
  Min,
  MinLength,
  ValidateBy,
  ValidateIf,
  ValidateNested,
  ArrayMaxSize,
  ArrayMinSize,
} from 'class-validator';
import type { ErrorCode } from '#domain';

export interface Common {
  readonly about: string;
  readonly optional?: boolean;
  readonly nullable?: boolean;
  /** The `kind` whose requests go without it. */
  readonly notFor?: string;
  readonly example?: unknown;
}

interface Rule {
  readonly context: { readonly code: ErrorCode; readonly reason: string };
}
export const rule = (reason: string, code: ErrorCode = 'validation_failed'): Rule => ({
  context: { code, reason },
});

/** A check of our own. class-validator drops the context of a rule without a message. */
export const check = (validate: (value: unknown) => boolean, found: Rule): PropertyDecorator =>
  ValidateBy({ name: 'check', validator: { validate, defaultMessage: () => found.context.reason } }, found);

export function field(
  { about, optional = false, nullable = false, notFor, example }: Common,
  schema: ApiPropertyOptions,
  ...rules: readonly PropertyDecorator[]
): PropertyDecorator {
  const skips: PropertyDecorator[] = [];
  if (optional || nullable) {
    skips.push(
      ValidateIf(
        (_: unknown, value: unknown) => !(optional && value === undefined) && !(nullable && value === null),
      ),
    );
  }
  if (notFor !== undefined)
    skips.push(
      ValidateIf(
        (dto: { readonly kind?: unknown }, value: unknown) => value !== undefined || dto.kind !== notFor,
      ),
    );
  const described = {
    ...schema,
    // A list of types would be read as the type of a list; openapi.ts puts it in the words of OpenAPI 3.1.
    ...(nullable ? { nullable: true } : {}),
    description: about,
    required: !optional && notFor === undefined,
    ...(example === undefined ? {} : { example }),
  };
  return applyDecorators(...skips, ...rules, ApiProperty(described as ApiPropertyOptions));
}

export interface TextOptions extends Common {
  readonly min?: number;
  readonly max: number;
  readonly pattern?: RegExp;
}

export function Text({ min = 0, max, pattern, ...common }: TextOptions): PropertyDecorator {
  const rules = [
    IsString(rule('not_a_string')),
    MaxLength(max, rule(`longer_than_${max}`)),
    check(isStorable, rule('not_unicode_text')),
    ...(min > 0 ? [MinLength(min, rule(`shorter_than_${min}`))] : []),
    ...(pattern ? [Matches(pattern, rule('malformed'))] : []),
  ];
  const shape = {
    type: 'string',
    maxLength: max,
    ...(min > 0 ? { minLength: min } : {}),
    ...(pattern ? { pattern: pattern.source } : {}),
  } as ApiPropertyOptions;
  return field(common, shape, ...rules);
}

/** U+0000 and half surrogates are text to JavaScript and none to the database. Another rule says what is no text at all. */
const isStorable = (value: unknown): boolean =>
  typeof value !== 'string' || (!value.includes('\u0000') && !/\p{Surrogate}/u.test(value));

const ATOMIC = /^(0|[1-9][0-9]{0,77})$/;
/** Base units as decimal text: digits only, no sign, no leading zero (safety.md T7). */
export const Amount = (common: Common): PropertyDecorator =>
  field(
    { example: '10000', ...common },
    { type: 'string', pattern: ATOMIC.source },
    Matches(ATOMIC, rule('not_canonical_base_units', 'invalid_amount')),
  );

/** Absolute http(s) URL without credentials; plain http only for loopback, and only where the operator allows it. */
export const Url = (common: Common): PropertyDecorator =>
  field(
    { example: 'https://shop.example/report', ...common },
    { type: 'string', format: 'uri', maxLength: 4096 },
    check(isPayableUrl, rule('not_an_https_url', 'invalid_url')),
  );

const LOOPBACK = /^(localhost|127(\.[0-9]{1,3}){3}|\[::1\])$/;
// oxlint-disable-next-line no-control-regex -- control characters are what it looks for
const UNSAFE_IN_URL = /[\u0000-\u0020\u007f\\]/;

function isPayableUrl(value: unknown): boolean {
  if (typeof value !== 'string' || value.length > 4096 || UNSAFE_IN_URL.test(value)) return false;
  if (!/^https?:\/\/[^/@]/i.test(value) || !URL.canParse(value)) return false;
  const url = new URL(value);
  if (url.username !== '' || url.password !== '') return false;
  return url.protocol === 'https:' || LOOPBACK.test(url.hostname);
}

export const Address = (common: Common): PropertyDecorator => {
  const pattern = /^0x[0-9a-fA-F]{40}$/;
  return field(
    { example: '0x209693bc6afc0c5328ba36faf03c514ef312287c', ...common },
    { type: 'string', pattern: pattern.source },
    Matches(pattern, rule('not_an_evm_address')),
  );
};

const UUID = /^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$/;
export const Uuid = (common: Common): PropertyDecorator =>
  field(common, { type: 'string', format: 'uuid' }, Matches(UUID, rule('not_a_uuid')));

/** `true`, or the id of one. */
export const TrueOrUuid = (common: Common): PropertyDecorator =>
  field(
    common,
    {
      oneOf: [
        { type: 'boolean', enum: [true] },
        { type: 'string', format: 'uuid' },
      ],
    },
    check(
      (value) => value === true || (typeof value === 'string' && UUID.test(value)),
      rule('not_true_and_not_a_uuid'),
    ),
  );

/** ISO 8601 with its offset. */
export const Time = (common: Common): PropertyDecorator => {
  const pattern = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)$/;
  return field(
    { example: '2026-12-24T18:00:00Z', ...common },
    { type: 'string', format: 'date-time' },
    Matches(pattern, rule('not_a_time')),
  );
};

export const OneOf = (values: readonly string[], common: Common): PropertyDecorator =>
  field(
    common,
    { type: 'string', enum: common.nullable ? [...values, null] : [...values] },
    IsIn(values, rule('not_one_of_the_allowed_values')),
  );

export interface IntegerOptions extends Common {
  readonly min: number;
  readonly max: number;
}

export const Integer = ({ min, max, ...common }: IntegerOptions): PropertyDecorator =>
  field(
    common,
    { type: 'integer', minimum: min, maximum: max },
    IsInt(rule('not_an_integer')),
    Min(min, rule(`below_${min}`)),
    Max(max, rule(`above_${max}`)),
  );

/** A JSON number that is an exact decimal of at most six places. */
export const Decimal = (common: Common): PropertyDecorator =>
  field(
    common,
    { type: 'number', minimum: 0, maximum: 1_000_000_000 },
    check(isSixPlaces, rule('not_a_decimal_of_six_places', 'invalid_amount')),
  );

const isSixPlaces = (value: unknown): boolean =>
  typeof value === 'number' && value <= 1e9 && /^(0|[1-9][0-9]*)(\.[0-9]{1,6})?$/.test(String(value));

export const Flag = (common: Common): PropertyDecorator =>
  field(common, { type: 'boolean' }, IsBoolean(rule('not_a_boolean')));

const MAX_DEPTH = 64;

/** Deeper values overflow the stack of whatever walks them later. Level by level, so that this does not. */
function isShallow(value: unknown): boolean {
  let level = [value];
  for (let depth = 0; depth <= MAX_DEPTH; depth += 1) {
    level = level.flatMap((it) => (typeof it === 'object' && it !== null ? Object.values(it) : []));
    if (level.length === 0) return true;
  }
  return false;
}

/** Any JSON object, kept to the letter. */
export const JsonObject = (common: Common): PropertyDecorator =>
  field(
    common,
    { type: 'object', additionalProperties: true },
    IsObject(rule('not_an_object')),
    check(isShallow, rule(`deeper_than_${MAX_DEPTH}`)),
  );

/** Header names and values to forward to the seller. */
export const Headers = (common: Common): PropertyDecorator =>
  field(
    common,
    { type: 'object', additionalProperties: { type: 'string' } },
    check(areForwardable, rule('not_forwardable')),
  );

const FORWARDABLE =
  /^(accept|accept-language|content-type|user-agent|x-(?!payment|purser|forwarded|real-ip|api-key|auth|agent-)[a-z0-9-]{1,60})$/;
const HEADER_VALUE = /^[\t\x20-\x7e\x80-\xff]{0,4096}$/;
/** A caller's credential for Purser must never reach a seller, whatever header it is put in. */
const OUR_KEY = /\bprs_[a-z]{1,16}_/;

function areForwardable(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const entries = Object.entries(value as Record<string, unknown>);
  return (
    entries.length <= MOST_FORWARDED &&
    entries.every(([name, text]) => isForwardable(name.toLowerCase(), text))
  );
}

export const MOST_FORWARDED = 32;

/** Whether a caller's header may go to a seller. `name` in lower case. */
export function isForwardable(name: string, value: unknown): value is string {
  return (
    FORWARDABLE.test(name) && typeof value === 'string' && HEADER_VALUE.test(value) && !OUR_KEY.test(value)
  );
}

const isTextOrJson = (value: unknown): boolean =>
  typeof value === 'string' || (typeof value === 'object' && value !== null);

/** Text sent as it is, or a JSON value that is sent as JSON. */
export const RequestBody = (common: Common): PropertyDecorator =>
  field(
    common,
    { oneOf: [{ type: 'string' }, { type: 'object' }, { type: 'array', items: {} }] },
    check(isTextOrJson, rule('not_text_or_json')),
    check(isShallow, rule(`deeper_than_${MAX_DEPTH}`)),
  );

export const Base64 = (common: Common): PropertyDecorator => {
  const pattern = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
  return field(
    common,
    { type: 'string', contentEncoding: 'base64' } as ApiPropertyOptions,
    Matches(pattern, rule('not_base64')),
  );
};

const nested = new Map<unknown, Map<string, new () => object>>();

/** An object with fields of its own, checked like the outer one. */
export const Nested =
  (type: new () => object, common: Common): PropertyDecorator =>
  (target, name) => {
    remember(target.constructor, String(name), type);
    field(
      common,
      { type: () => type },
      IsObject(rule('not_an_object')),
      ValidateNested(rule('malformed')),
    )(target, name);
  };

/** A list of such objects. */
export const NestedList =
  (type: new () => object, { max, ...common }: Common & { readonly max: number }): PropertyDecorator =>
  (target, name) => {
    remember(target.constructor, String(name), type);
    field(
      common,
      { type: () => type, isArray: true, maxItems: max },
      IsArray(rule('not_a_list')),
      ArrayMaxSize(max, rule(`more_than_${max}`)),
      ValidateNested({ each: true, ...rule('malformed') }),
    )(target, name);
  };

function remember(owner: unknown, name: string, type: new () => object): void {
  const own = nested.get(owner) ?? new Map<string, new () => object>();
  own.set(name, type);
  nested.set(owner, own);
}

/** Its own, and those of what it extends. */
export function nestedIn(type: unknown): readonly (readonly [string, new () => object])[] {
  if (typeof type !== 'function') return [];
  return [...nestedIn(Object.getPrototypeOf(type)), ...(nested.get(type) ?? [])];
}

/** A list of short texts. */
export const Texts = ({
  pattern,
  min = 0,
  ...common
}: Common & { readonly pattern: RegExp; readonly min?: number }): PropertyDecorator =>
  field(
    common,
    {
      type: 'array',
      items: { type: 'string', pattern: pattern.source },
      ...(min > 0 ? { minItems: min } : {}),
    },
    IsArray(rule('not_a_list')),
    ArrayMinSize(min, rule(`less_than_${min}`)),
    ArrayMaxSize(1_000, rule('more_than_1000')),
    Matches(pattern, { each: true, ...rule('malformed') }),
  );
