/** What a person may agree to, in the words of the page that asks them. */
export const SCOPE_TEXT = {
  'agent:read': 'see its payments, budgets and balances',
  'agent:simulate': 'ask for prices and what policy would say',
  'agent:payments:write': 'pay, within its budgets and policy',
  'agent:webhooks:manage': 'manage its webhooks',
} as const;
export type Scope = keyof typeof SCOPE_TEXT;
export const SCOPES = Object.keys(SCOPE_TEXT) as readonly Scope[];
