import { describe, expect, it } from 'vitest';
import { Refusal } from '#domain';
import type { ApiCore } from '../core.js';
import { HealthController } from './health.controller.js';

type Args = Parameters<HealthController['metrics']>;

function scrape(
  metricsFor: ApiCore['metricsFor'],
  remoteAddress: string,
  headers: Record<string, string> = {},
): Promise<void> {
  const core = {
    metricsFor,
    metrics: { contentType: 'text/plain', scrape: () => Promise.resolve('up 1\n') },
  } as unknown as ApiCore;
  const reply = {
    code: () => reply,
    status: () => reply,
    header: () => reply,
    headers: () => reply,
    send: () => reply,
  };
  return new HealthController(core).metrics(
    { socket: { remoteAddress }, headers } as unknown as Args[0],
    reply as unknown as Args[1],
  );
}

describe('/metrics', () => {
  it('is for callers on the machine itself unless it is opened, and for nobody when it is off', async () => {
    await scrape('loopback', '127.0.0.1');
    await scrape('on', '203.0.113.9');
    await expect(scrape('loopback', '203.0.113.9')).rejects.toBeInstanceOf(Refusal);
    await expect(
      scrape('loopback', '127.0.0.1', { 'x-forwarded-for': '203.0.113.9' }),
    ).rejects.toBeInstanceOf(Refusal);
    await expect(scrape('off', '127.0.0.1')).rejects.toBeInstanceOf(Refusal);
  });
});
