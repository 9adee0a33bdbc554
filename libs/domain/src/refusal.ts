import type { ErrorCode } from './errors.js';

export type ErrorDetails = Readonly<Record<string, string | number | boolean | null | readonly string[]>>;

/**
 * The one error the domain and the engine throw on purpose: a code from the catalogue with details that are safe to show.
 * It never carries keys, signatures or another workspace's data.
 */
export class Refusal extends Error {
  readonly code: ErrorCode;
  readonly details: ErrorDetails;

  constructor(code: ErrorCode, details: ErrorDetails = {}) {
    super(code);
    this.name = 'Refusal';
    this.code = code;
    this.details = details;
  }
}

export function refuse(code: ErrorCode, details: ErrorDetails = {}): Refusal {
  return new Refusal(code, details);
}

/** A history that does not make sense: an event of a newer version, a changed row. Until it is mended its operation can be moved by nobody. */
export class UnreadableHistory extends Error {
  constructor(cause: unknown) {
    super(cause instanceof Error ? cause.message : 'unreadable history', { cause });
    this.name = 'UnreadableHistory';
  }
}
