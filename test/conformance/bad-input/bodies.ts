// Bodies as such: not a JSON object, a field twice, too large.
import { GOOD, purchase, submit, type Row } from './row.js';

export const BODIES: readonly Row[] = [
  { bad: 'a list as body', call: purchase([GOOD]), status: 400, code: 'validation_failed', field: 'body' },
  { bad: 'no body', call: purchase(undefined), status: 400, code: 'validation_failed', field: 'url' },
  { bad: 'not JSON', call: purchase('{"url":'), status: 400, code: 'validation_failed', field: 'body' },
  {
    bad: 'prototype pollution',
    call: purchase('{"__proto__":{"a":1}}'),
    status: 400,
    code: 'validation_failed',
    field: 'body',
  },
  {
    bad: 'not declared as JSON',
    call: purchase('a=b', { headers: { 'content-type': 'application/x-www-form-urlencoded' } }),
    status: 400,
    code: 'validation_failed',
    field: 'content-type',
  },
  {
    bad: 'the same field twice',
    call: purchase('{"url":"https://shop.example/item","max_amount":"1","max_amount":"20000"}'),
    status: 400,
    code: 'validation_failed',
    field: 'max_amount',
  },
  {
    bad: 'native: the same field twice, written in two ways and deeper down',
    call: submit(
      String.raw`{"kind":"purchase","url":"https://shop.example/item","expect":{"amount":"1","amount":"2"}}`,
    ),
    status: 400,
    code: 'validation_failed',
    field: 'amount',
  },
  {
    bad: 'no body where JSON is declared',
    call: purchase(''),
    status: 400,
    code: 'validation_failed',
    field: 'url',
  },
  {
    bad: 'over-size body',
    call: purchase({ ...GOOD, method: 'POST', body: 'x'.repeat(65_536) }),
    status: 413,
    code: 'body_too_large',
  },
  {
    bad: 'native: over-size body',
    call: submit({ kind: 'purchase', ...GOOD, method: 'POST', body: 'x'.repeat(65_536) }),
    status: 413,
    code: 'body_too_large',
  },
];
