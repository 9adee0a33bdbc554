/** What a seller asks about a payment: metered ones are verified at their ceiling, and settled at what is charged. */
export type Question = 'verify' | 'settle';

/** A transfer needs this long to get into a block (x402.md 4.1). */
export const MIN_LEFT_SEC = 6;
