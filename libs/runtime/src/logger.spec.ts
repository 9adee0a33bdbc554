import { describe, expect, it } from 'vitest';
import { createLogger } from './logger.js';

const SIGNATURE = `0x${'ab'.repeat(65)}`;
const PRIVATE_KEY = `0x${'cd'.repeat(32)}`;
const HEADER = Buffer.from(JSON.stringify({ payload: 'x'.repeat(200) })).toString('base64');

function logged(write: (log: ReturnType<typeof createLogger>) => void): string {
  const lines: string[] = [];
  write(createLogger({ name: 'test', destination: { write: (line) => void lines.push(line) } }));
  return lines.join('');
}

describe('logger', () => {
  it('writes one JSON line with level and name, and the operation it is about as correlation id', () => {
    const lines: string[] = [];
    const log = createLogger({ name: 'api', destination: { write: (line) => void lines.push(line) } });
    log.info({ operationId: 'o-1', amount: 5n }, 'accepted');
    log.error({ correlation_id: 'req-1', operationId: 'o-1' }, 'request failed');
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({
      level: 'info',
      name: 'api',
      correlation_id: 'o-1',
      operationId: 'o-1',
      amount: '5',
      msg: 'accepted',
    });
    expect(JSON.parse(lines[1] ?? '')).toMatchObject({ correlation_id: 'req-1', operationId: 'o-1' });
  });

  it('never writes keys, signatures, headers, passwords or URL secrets, wherever they hide', () => {
    const secrets: Record<string, unknown> = {
      signature: SIGNATURE,
      privateKey: PRIVATE_KEY,
      headers: { Authorization: 'Bearer canary-token', 'PAYMENT-SIGNATURE': HEADER, Cookie: 'canary-cookie' },
      nested: [{ deep: { passphrase: 'canary-passphrase' } }],
      url: 'https://user:canary-user@rpc.example/v2/canary-path?key=canary-query',
      database: 'postgres://purser:canary-db@db:5432/purser',
      note: `signed ${SIGNATURE} as ${HEADER}`,
      mistaken: `prs_live_g0123456789ab_canary${'k'.repeat(37)}`,
      sealed: Buffer.from('canary-buffer'),
    };
    const text = logged((log) => log.error(secrets, 'failed with Bearer canary-message'));
    expect(text).not.toMatch(/canary/);
    expect(text).not.toContain('ab'.repeat(64));
    expect(text).not.toContain('cd'.repeat(32));
    expect(text).not.toContain(HEADER.slice(0, 100));
    expect(text).toContain('https://rpc.example');
  });

  it('keeps of an error its name, code and message without the secrets that libraries put there', () => {
    const request = { method: 'eth_sendRawTransaction', params: [SIGNATURE] };
    const cause = Object.assign(new Error('connect postgres://purser:canary-db@db/purser'), {
      code: '23505',
      detail: 'Key (secret)=(canary-detail) already exists.',
    });
    const error = Object.assign(
      new Error(
        `HTTP request failed.\nURL: https://rpc.example/v2/canary-key\nRequest body: ${JSON.stringify(request)}`,
        {
          cause,
        },
      ),
      { request, headers: { authorization: 'canary-header' } },
    );
    error.name = 'HttpRequestError';
    const text = logged((log) => log.error({ error }, 'rpc failed'));
    expect(text).not.toMatch(/canary/);
    expect(text).not.toContain('ab'.repeat(64));
    expect(text).toContain('HttpRequestError');
    expect(text).toContain('23505');
  });

  it('leaves hashes, addresses and ids readable', () => {
    const txHash = `0x${'12'.repeat(32)}`;
    const text = logged((log) => log.info({ txHash, signatureHash: 'ff00', workspaceId: 'w' }, 'seen'));
    expect(text).toContain(txHash);
    expect(text).toContain('ff00');
  });
});
