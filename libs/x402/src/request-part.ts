// Places of a facilitator request, each read by its form or named as the place at fault.
import { parseAtomic, parseEvmAddress, type EvmAddress } from '#domain';

/** Reason strings of x402.md 6. `unsupported_*` and `invalid_network`: well-formed, and nothing that is served here. */
export type FacilitatorFault =
  | 'invalid_x402_version'
  | 'invalid_payload'
  | 'invalid_payment_requirements'
  | 'invalid_exact_evm_failed_to_parse_signature'
  | 'unsupported_scheme'
  | 'unsupported_payload_type'
  | 'invalid_network';

export class Misread extends Error {
  constructor(
    readonly reason: FacilitatorFault,
    readonly field: string,
  ) {
    super(reason);
  }
}

export const PAYLOAD = 'paymentPayload';
export const REQUIREMENTS = 'paymentRequirements';

/** An object of the request together with its place in it. */
export class Part {
  constructor(
    private readonly place: string,
    private readonly object: Readonly<Record<string, unknown>>,
    private readonly reason: FacilitatorFault,
  ) {}

  /** Undefined where the field is absent or null; inherited names are absent. */
  value(name: string): unknown {
    return Object.hasOwn(this.object, name) ? (this.object[name] ?? undefined) : undefined;
  }

  part(name: string, reason: FacilitatorFault = this.reason): Part {
    const field = this.fieldOf(name);
    return new Part(`${field}.`, objectOf(this.value(name), reason, field), reason);
  }

  maybePart(name: string): Part | undefined {
    return this.value(name) === undefined ? undefined : this.part(name);
  }

  text(name: string): string {
    const value = this.value(name);
    if (typeof value !== 'string' || value === '') throw new Misread(this.reason, this.fieldOf(name));
    return value;
  }

  /** Empty text says as little as none. */
  maybeText(name: string): string | undefined {
    const value = this.value(name);
    return value === undefined || value === '' ? undefined : this.text(name);
  }

  address(name: string): EvmAddress {
    return this.parsed(name, parseEvmAddress);
  }

  amount(name: string): bigint {
    return this.parsed(name, parseAtomic);
  }

  /** Seconds travel as decimal text too. A time that no clock can reach is none. */
  seconds(name: string): number {
    const seconds = this.amount(name);
    if (seconds > BigInt(Number.MAX_SAFE_INTEGER)) throw new Misread(this.reason, this.fieldOf(name));
    return Number(seconds);
  }

  parsed<T>(name: string, parse: (text: unknown) => T): T {
    const value = orUndefined(() => parse(this.value(name)));
    if (value === undefined) throw new Misread(this.reason, this.fieldOf(name));
    return value;
  }

  private fieldOf(name: string): string {
    return `${this.place}${name}`;
  }
}

export function objectOf(
  value: unknown,
  reason: FacilitatorFault,
  field: string,
): Readonly<Record<string, unknown>> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    return value as Readonly<Record<string, unknown>>;
  throw new Misread(reason, field);
}

/** The domain's parsers throw in the caller's language; here the place is known better. */
export function orUndefined<T>(parse: () => T): T | undefined {
  try {
    return parse();
  } catch {
    return undefined;
  }
}
