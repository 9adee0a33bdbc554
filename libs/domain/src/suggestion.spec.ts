import { expect, it } from 'vitest';
import { ERRORS, type ErrorCode } from './errors.js';
import { suggestionFor, usualSuggestion } from './suggestion.js';

it.each<[ErrorCode, Parameters<typeof suggestionFor>[1], object]>([
  ['idempotency_key_reused', {}, { action: 'use_new_key' }],
  [
    'validation_failed',
    { field: 'url', reason: 'missing' },
    { action: 'fix_request', field: 'url', reason: 'missing' },
  ],
  ['price_above_maximum', { amount: '10001' }, { action: 'raise_max_amount', to: '10001' }],
  [
    'budget_exhausted',
    {
      node: 'agent',
      layer: 'payments',
      unit: 'USD6',
      window: 'day',
      measure: 'amount',
      limit: '100',
      held: '40',
      spent: '50',
      needed: '11',
      resets_at_ms: Date.parse('2026-11-22T00:00:00Z'),
    },
    {
      action: 'raise_limit',
      scope: 'agent',
      layer: 'payments',
      unit: 'USD6',
      window: 'day',
      measure: 'amount',
      by: '1',
      or_wait_until: '2026-11-22T00:00:00.000Z',
    },
  ],
  [
    'budget_exhausted',
    {
      node: 'agent',
      layer: 'payments',
      unit: 'USD6',
      window: 'per_payment',
      measure: 'amount',
      limit: '10',
      held: '40',
      spent: '50',
      needed: '11',
    },
    {
      action: 'raise_limit',
      scope: 'agent',
      layer: 'payments',
      unit: 'USD6',
      window: 'per_payment',
      measure: 'amount',
      by: '1',
      or_wait_until: null,
    },
  ],
  [
    'budget_exhausted',
    {
      node: 'workspace',
      layer: 'payments',
      unit: 'USD6',
      window: 'rolling_24h',
      measure: 'count',
      limit: '3',
      held: '1',
      spent: '2',
      needed: '1',
      resets_at_ms: null,
      earliest_release_ms: Date.parse('2026-11-22T07:31:00Z'),
    },
    {
      action: 'raise_limit',
      scope: 'workspace',
      layer: 'payments',
      unit: 'USD6',
      window: 'rolling_24h',
      measure: 'count',
      by: '1',
      or_wait_until: '2026-11-22T07:31:00.000Z',
    },
  ],
  [
    'insufficient_wallet_balance',
    { balance: '100', live: '30', needed: '71', wallet_id: 'wal_1', network: 'eip155:1', asset: '0xa' },
    { action: 'top_up', wallet: 'wal_1', network: 'eip155:1', asset: '0xa', amount: '1' },
  ],
  [
    'policy_refused',
    { rule: 'host_denied', host: 'a.example' },
    { action: 'ask_admin_to_allow', rule: 'denied_hosts', value: 'a.example' },
  ],
  [
    'policy_refused',
    { rule: 'outside_hours', opens_at: '2026-11-23T07:00:00.000Z' },
    { action: 'wait_until', at: '2026-11-23T07:00:00.000Z' },
  ],
  ['policy_refused', { rule: 'of a later version' }, { action: 'contact_operator', reason: null }],
  [
    'policy_refused',
    { rule: 'tag_missing', field: 'category' },
    { action: 'fix_request', field: 'category', reason: null },
  ],
  ['agent_paused', {}, { action: 'ask_admin_to_resume', scope: 'agent' }],
  ['outcome_unknown', { operation_id: 'op' }, { action: 'poll_operation', operation_id: 'op' }],
])('%s %j', (code, details, suggestion) => {
  expect(suggestionFor(code, details)).toEqual(suggestion);
});

it.each(Object.keys(ERRORS) as ErrorCode[])('%s suggests something, however little is known', (code) => {
  expect(suggestionFor(code, {}).action).toEqual(expect.any(String));
  expect(usualSuggestion(code).length).toBeGreaterThan(0);
});
