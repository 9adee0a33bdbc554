import { expect, it } from 'vitest';
import { askForConsent, askForKey, explainError } from './page.js';

const hostile = `"><script>alert(1)</script>\u202egnp.exe`;
const request = {
  clientId: 'c',
  clientName: hostile,
  redirectUri: `https://shop.example/?${hostile}`,
  resource: 'https://purser.example/v1/agent',
  scopes: ['agent:read'],
} as const;

it('shows what strangers wrote as text, in the order it was written', () => {
  const pages = [
    askForKey(request, hostile),
    askForConsent(request, [{ agentId: 'a', name: hostile }]),
    explainError(hostile, hostile),
  ];
  for (const page of pages) {
    expect(page).not.toContain('<script');
    expect(page).not.toContain('\u202e');
    expect(page).toContain('&lt;script&gt;');
  }
});
