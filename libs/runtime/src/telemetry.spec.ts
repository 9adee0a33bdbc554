import { describe, expect, it } from 'vitest';
import { createMetrics } from './metrics.js';
import { createTracer } from './tracing.js';

describe('metrics', () => {
  it('answer a scrape with what was counted here and what the database holds now', async () => {
    let held = 5n;
    const metrics = createMetrics({
      process: 'worker',
      readStored: () =>
        Promise.resolve({ operationsByStatus: { authorized: 3 }, heldBudget: { USD6: held } }),
    });
    metrics.stepTook('sign', 12);
    metrics.ended('settled');
    held = 7n;
    const text = await metrics.scrape();
    expect(text).toContain('purser_operations_ended_total{status="settled",process="worker"} 1');
    expect(text).toContain('purser_operations{status="authorized",process="worker"} 3');
    expect(text).toContain('purser_budget_held{unit="USD6",process="worker"} 7');
    expect(text).toContain('purser_step_duration_seconds_count{process="worker",step="sign"} 1');
  });

  it('still answer when the database cannot be read, without old figures', async () => {
    let broken = false;
    const metrics = createMetrics({
      process: 'api',
      readStored: () =>
        broken ? Promise.reject(new Error('down')) : Promise.resolve({ operationsByStatus: { settled: 1 } }),
    });
    await metrics.scrape();
    broken = true;
    const text = await metrics.scrape();
    expect(text).not.toContain('purser_operations{status="settled"');
    expect(text).toContain('purser_metrics_read_failures_total{process="api"} 1');
  });
});

describe('tracing', () => {
  it('sends nested spans of one trace to the collector, failures marked and cleaned', async () => {
    const sent: { url: string; body: string }[] = [];
    const send = (url: string, body: string) => Promise.resolve(void sent.push({ url, body }));
    const tracer = createTracer({ serviceName: 'purser-api', endpoint: 'http://collector:4318/', send });
    const parent = `00-${'1'.repeat(32)}-${'2'.repeat(16)}-01`;
    const failing = tracer.span(
      'POST /operations',
      { attempt: 1 },
      () => tracer.span('sign', {}, () => Promise.reject(new Error('Bearer canary'))),
      parent,
    );
    await expect(failing).rejects.toThrow('canary');
    await tracer.close();
    expect(sent[0]?.url).toBe('http://collector:4318/v1/traces');
    expect(sent[0]?.body).not.toContain('canary');
    type Span = {
      name: string;
      traceId: string;
      spanId: string;
      parentSpanId: string;
      status: { code: number };
    };
    const body = JSON.parse(sent[0]?.body ?? '') as { resourceSpans: [{ scopeSpans: [{ spans: Span[] }] }] };
    const [inner, outer] = body.resourceSpans[0].scopeSpans[0].spans;
    expect(outer).toMatchObject({ traceId: '1'.repeat(32), parentSpanId: '2'.repeat(16) });
    expect(inner).toMatchObject({
      traceId: '1'.repeat(32),
      parentSpanId: outer?.spanId,
      status: { code: 2 },
    });
  });

  it('does nothing without an endpoint, and nothing fails when the collector is down', async () => {
    expect(
      await createTracer({ serviceName: 's', endpoint: null }).span('a', {}, () => Promise.resolve(1)),
    ).toBe(1);
    const down = createTracer({
      serviceName: 's',
      endpoint: 'http://collector:4318',
      send: () => Promise.reject(new Error('down')),
    });
    expect(await down.span('a', {}, () => Promise.resolve(1))).toBe(1);
    await down.close();
  });
});
