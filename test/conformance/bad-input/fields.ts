// The fields of a request: their text, depth, names, headers and times.
import { GOOD, purchase, submit, type Row } from './row.js';

function tower(levels: number): unknown[] {
  let value: unknown[] = [];
  for (let level = 0; level < levels; level += 1) value = [value];
  return value;
}

/** Every term that `settle` needs, as nobody else is asked. */
const NAMED = {
  pay_to: `0x${'5e'.repeat(20)}`,
  amount: '10000',
  network: 'eip155:84532',
  asset: '0x036cbd53842c5426634e7929541ec2318f3dcf7e',
};

export const FIELDS: readonly Row[] = [
  ...(['pay_to', 'amount', 'network', 'asset'] as const).map((name) => ({
    bad: `settle without ${name}`,
    call: submit({ kind: 'settle', ...GOOD, expect: { ...NAMED, [name]: undefined } }),
    status: 400,
    code: 'validation_failed',
    field: `expect.${name}`,
  })),
  {
    bad: 'settle with the payee alone',
    call: submit({ kind: 'settle', url: GOOD.url, expect: { pay_to: NAMED.pay_to } }),
    status: 400,
    code: 'validation_failed',
    field: 'expect.amount',
  },
  {
    bad: 'settle without any term',
    call: submit({ kind: 'settle', ...GOOD }),
    status: 400,
    code: 'validation_failed',
    field: 'expect.pay_to',
  },
  {
    bad: 'a challenge for a purchase, which asks the seller itself',
    call: submit({ kind: 'purchase', ...GOOD, challenge: {} }),
    status: 400,
    code: 'validation_failed',
    field: 'challenge',
  },
  {
    bad: 'a kind of operation that there is not',
    call: submit({ kind: 'refund', ...GOOD }),
    status: 400,
    code: 'validation_failed',
    field: 'kind',
  },
  ...['note\u0000', 'half \ud800 a pair'].map((note) => ({
    bad: `text that no database holds: ${JSON.stringify(note)}`,
    call: submit({ kind: 'purchase', ...GOOD, note }),
    status: 400,
    code: 'validation_failed',
    field: 'note',
  })),
  {
    bad: 'a body too deep to walk',
    call: submit({ kind: 'purchase', ...GOOD, method: 'POST', body: tower(100) }),
    status: 400,
    code: 'validation_failed',
    field: 'body',
  },
  {
    bad: 'a challenge too deep to walk',
    call: submit({ kind: 'authorize', ...GOOD, challenge: { a: tower(100) } }),
    status: 400,
    code: 'validation_failed',
    field: 'challenge',
  },
  {
    bad: 'unknown field',
    call: purchase({ ...GOOD, amount: '1' }),
    status: 400,
    code: 'validation_failed',
    field: 'amount',
  },
  {
    bad: 'unknown field inside',
    call: submit({ kind: 'purchase', ...GOOD, expect: { payTo: '0x0' } }),
    status: 400,
    code: 'validation_failed',
    field: 'expect.payTo',
  },
  {
    bad: 'bad field inside',
    call: submit({ kind: 'purchase', ...GOOD, expect: { pay_to: '0x0' } }),
    status: 400,
    code: 'validation_failed',
    field: 'expect.pay_to',
  },
  {
    bad: 'workspace from the body',
    call: submit({ kind: 'purchase', ...GOOD, workspace_id: 'x' }),
    status: 400,
    code: 'validation_failed',
    field: 'workspace_id',
  },
  {
    bad: 'unknown method',
    call: purchase({ ...GOOD, method: 'TRACE' }),
    status: 400,
    code: 'validation_failed',
    field: 'method',
  },
  {
    bad: 'body of a GET',
    call: purchase({ ...GOOD, body: 'x' }),
    status: 400,
    code: 'validation_failed',
    field: 'body',
  },
  {
    bad: 'two bodies',
    call: purchase({ ...GOOD, method: 'POST', body: 'x', body_base64: 'eA==' }),
    status: 400,
    code: 'validation_failed',
    field: 'body_base64',
  },
  {
    bad: 'not base64',
    call: purchase({ ...GOOD, method: 'POST', body_base64: '***' }),
    status: 400,
    code: 'validation_failed',
    field: 'body_base64',
  },
  {
    bad: 'a header that is not forwarded',
    call: purchase({ ...GOOD, headers: { cookie: 'a=b' } }),
    status: 400,
    code: 'validation_failed',
    field: 'headers',
  },
  {
    bad: 'a header with a line break',
    call: purchase({ ...GOOD, headers: { 'x-a': 'b\r\nc: d' } }),
    status: 400,
    code: 'validation_failed',
    field: 'headers',
  },
  {
    bad: 'our own key in a header',
    call: purchase({ ...GOOD, headers: { 'x-a': 'prs_live_secret' } }),
    status: 400,
    code: 'validation_failed',
    field: 'headers',
  },
  {
    bad: 'too long timeout',
    call: purchase({ ...GOOD, timeout_ms: 60_001 }),
    status: 400,
    code: 'validation_failed',
    field: 'timeout_ms',
  },
  {
    bad: 'too long wait',
    call: submit({ kind: 'purchase', ...GOOD, wait_ms: 60_001 }),
    status: 400,
    code: 'validation_failed',
    field: 'wait_ms',
  },
];
