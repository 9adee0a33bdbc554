import { describe, expect, it } from 'vitest';
import { parseAssetName, parseHostPattern, parseHours, writeHours } from './policy-input.js';
import { hostMatches } from './policy.js';
import { Refusal } from './refusal.js';

const wrong = (run: () => unknown): unknown => {
  try {
    return run();
  } catch (error) {
    return error instanceof Refusal ? [error.code, error.details['field'], error.details['reason']] : error;
  }
};

describe('a host in a rule', () => {
  it.each([
    ['shop.example', 'shop.example'],
    ['Shop.EXAMPLE', 'shop.example'],
    ['shop.example.', 'shop.example'],
    ['*.Shop.Example.', '*.shop.example'],
    ['bücher.example', 'xn--bcher-kva.example'],
    ['*.BÜCHER.example', '*.xn--bcher-kva.example'],
    ['xn--bcher-kva.example', 'xn--bcher-kva.example'],
    ['127.0.0.1', '127.0.0.1'],
    ['2130706433', '127.0.0.1'],
    ['[2001:DB8::1]', '[2001:db8::1]'],
    ['localhost', 'localhost'],
  ])('%s is %s, the way URLs spell it', (written, host) => {
    expect(parseHostPattern(written, 'f')).toBe(host);
  });

  it.each([
    ['shop.example:8443', 'names_a_port'],
    ['*.shop.example:443', 'names_a_port'],
    ['[::1]:80', 'names_a_port'],
    ['https://shop.example', 'not_a_host_pattern'],
    ['shop.example/path', 'not_a_host_pattern'],
    ['user@shop.example', 'not_a_host_pattern'],
    ['shop.*.example', 'not_a_host_pattern'],
    ['*', 'not_a_host_pattern'],
    ['*.', 'not_a_host_pattern'],
    ['*.*.example', 'not_a_host_pattern'],
    ['*.[2001:db8::1]', 'not_a_host_pattern'],
    ['', 'not_a_host_pattern'],
    ['.', 'not_a_host_pattern'],
    ['shop..example', 'not_a_host_pattern'],
    ['shop example', 'not_a_host_pattern'],
    ['sh%6fp.example', 'not_a_host_pattern'],
    ['a'.repeat(300), 'not_a_host_pattern'],
  ])('%j is refused: %s', (written, reason) => {
    expect(wrong(() => parseHostPattern(written, 'denied_hosts'))).toEqual([
      'validation_failed',
      'denied_hosts',
      reason,
    ]);
  });

  it.each([
    ['SHOP.example', 'https://shop.EXAMPLE:8443/x', true],
    ['shop.example', 'https://shop.example./x', true],
    ['bücher.example', 'https://BÜCHER.example/x', true],
    ['*.bücher.example', 'https://www.xn--bcher-kva.example/x', true],
    ['*.shop.example', 'https://shop.example/x', false],
    ['shop.example', 'https://shop.example.evil.example/x', false],
  ])('%s meets %s: %s', (written, url, meets) => {
    expect(hostMatches(parseHostPattern(written, 'f'), new URL(url).hostname)).toBe(meets);
  });
});

describe('an asset in a rule', () => {
  it('is compared in lower case', () => {
    const written = 'eip155:8453/erc20:0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913';
    expect(parseAssetName(written, 'f')).toBe(written.toLowerCase());
  });

  it.each([
    'USDC',
    'eip155:8453',
    'eip155:0/erc20:0x833589fcd6edb6e08f4c7c32d4f71b54bda02913',
    'solana:x/token:y',
  ])('%s is refused', (written) => {
    expect(wrong(() => parseAssetName(written, 'allowed_assets'))).toEqual([
      'validation_failed',
      'allowed_assets',
      expect.any(String),
    ]);
  });
});

describe('paying hours', () => {
  const window = { days: ['mon'], from: '08:00', to: '18:00' };

  it('are written as they were read', () => {
    const written = {
      zone: 'Europe/Berlin',
      windows: [window, { days: ['sat', 'sun'], from: '22:30', to: '24:00' }],
    };
    expect(writeHours(parseHours(written, 'hours'))).toEqual(written);
  });

  it.each([
    [{ zone: 'Europe/Nowhere', windows: [window] }, 'hours.zone'],
    [{ zone: 'UTC', windows: [] }, 'hours.windows'],
    [{ zone: 'UTC', windows: Array.from({ length: 51 }, () => window) }, 'hours.windows'],
    [{ zone: 'UTC', windows: [window, { ...window, days: [] }] }, 'hours.windows.1.days'],
    [{ zone: 'UTC', windows: [{ ...window, days: ['mon', 'mon'] }] }, 'hours.windows.0.days'],
    [{ zone: 'UTC', windows: [{ ...window, days: ['monday'] }] }, 'hours.windows.0.days'],
    [{ zone: 'UTC', windows: [{ ...window, from: '24:00' }] }, 'hours.windows.0.from'],
    [{ zone: 'UTC', windows: [{ ...window, from: '8:00' }] }, 'hours.windows.0.from'],
    [{ zone: 'UTC', windows: [{ ...window, to: '24:01' }] }, 'hours.windows.0.to'],
    [{ zone: 'UTC', windows: [{ ...window, to: '00:00' }] }, 'hours.windows.0.to'],
    [{ zone: 'UTC', windows: [{ ...window, to: '08:00' }] }, 'hours.windows.0.to'],
  ])('that nobody could mean are refused by their field: %j', (written, field) => {
    expect(wrong(() => parseHours(written, 'hours'))).toEqual([
      'validation_failed',
      field,
      expect.any(String),
    ]);
  });
});
