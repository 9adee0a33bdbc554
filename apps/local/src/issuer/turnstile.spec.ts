import { expect, it } from 'vitest';
import { Turnstile } from './turnstile.js';

const ONE = '203.0.113.7';

it('lets so many through per caller and minute', () => {
  let nowMs = 0;
  const turnstile = new Turnstile(2, () => nowMs);
  expect([ONE, ONE, ONE, '203.0.113.8'].map((ip) => turnstile.lets(ip))).toEqual([true, true, false, true]);
  nowMs = 60_000;
  expect(turnstile.lets(ONE)).toBe(true);
});

it('takes the addresses of one IPv6 network for one caller', () => {
  const turnstile = new Turnstile(2, () => 0);
  const ips = ['2001:db8:1:2::1', '2001:db8:1:2::2', '2001:db8:1:2:ffff::3', '2001:db8:1:3::1'];
  expect(ips.map((ip) => turnstile.lets(ip))).toEqual([true, true, false, true]);
});
