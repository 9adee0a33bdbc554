// What the vendor has and Purser does not. It is told by a code of its own, so that nobody looks for a mistake in their request.
const ID = '/v1/agents/[^/]+';

/** Path, and what comes closest; empty where nothing does. */
const UNSERVED: readonly (readonly [RegExp, string])[] = [
  // Nothing is signed whose meaning the signer cannot check.
  [new RegExp(`^${ID}/sign-transaction$`), '/v1/agents/{id}/x402-pay'],
  [/^\/v1\/agents\/wallets$/, '/v1/agents/confirm-user'],
  // Purser pays; it runs nothing.
  [new RegExp(`^${ID}/tools(/[^/]+)?$`), ''],
  [/^\/v1\/action(\/|$)/, ''],
  // Hosts are rules of a policy.
  [new RegExp(`^${ID}/x402/(origins|blocked-origins)(/|$)`), '/purser/v1/agents/{id}/policy'],
];

/** Undefined: the vendor has no such thing either. */
export function insteadOf(path: string): string | undefined {
  return UNSERVED.find(([pattern]) => pattern.test(path))?.[1];
}
