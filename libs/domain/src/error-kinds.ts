/** `invalid`: the request is wrong. `refused`: the request is fine, the answer is no. `failed`: tried, provably not paid. `unknown`: not known yet. */
export type ErrorKind =
  | 'invalid'
  | 'unauthenticated'
  | 'forbidden'
  | 'missing'
  | 'conflict'
  | 'refused'
  | 'failed'
  | 'unknown'
  | 'unavailable'
  | 'internal';
/** What the caller should do: the same key again, a new key after fixing the cause, nothing, or poll the operation. */
export type RetryAdvice = 'same_key' | 'new_key' | 'after_change' | 'poll' | 'no';

export interface ErrorEntry {
  readonly kind: ErrorKind;
  readonly retry: RetryAdvice;
  readonly says: string;
}
