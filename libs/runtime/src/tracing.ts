// Spans to an OpenTelemetry collector, in OTLP's JSON form over HTTP (opentelemetry-proto 1.x, `/v1/traces`). Written out here because the
// form is small and the official packages are many. Without an endpoint nothing is kept; a collector that is down costs spans, never time.
import { AsyncLocalStorage } from 'node:async_hooks';
import { randomBytes } from 'node:crypto';
import { sanitizeText } from './sanitize.js';

export type SpanAttributes = Readonly<Record<string, string | number | boolean>>;

export interface Tracer {
  /** Runs the work in a span, child of the span around it. A throw marks the span as failed and passes on. */
  span<T>(name: string, attributes: SpanAttributes, work: () => Promise<T>, parent?: string): Promise<T>;
  /** W3C `traceparent` of the current span, to hand on. */
  traceparent(): string | undefined;
  /** Sends what is left. */
  close(): Promise<void>;
}

export interface TracerOptions {
  readonly serviceName: string;
  /** Base URL of the collector, such as `http://collector:4318`; null: tracing is off. */
  readonly endpoint: string | null;
  /** For tests. */
  readonly send?: (url: string, body: string) => Promise<void>;
}

interface Context {
  readonly traceId: string;
  readonly spanId: string;
}

const FLUSH_EVERY_MS = 2_000;
const MAX_KEPT = 4_096;
const MAX_PER_REQUEST = 512;
const KIND_INTERNAL = 1;
const STATUS_ERROR = 2;
const TRACEPARENT = /^00-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}$/;

export function createTracer(options: TracerOptions): Tracer {
  if (options.endpoint === null) {
    return {
      span: (_name, _attributes, work) => work(),
      traceparent: () => undefined,
      close: () => Promise.resolve(),
    };
  }
  return new OtlpTracer(options.serviceName, options.endpoint, options.send ?? post);
}

class OtlpTracer implements Tracer {
  readonly #current = new AsyncLocalStorage<Context>();
  readonly #url: string;
  #done: object[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly serviceName: string,
    endpoint: string,
    private readonly send: (url: string, body: string) => Promise<void>,
  ) {
    this.#url = `${endpoint.replace(/\/+$/, '')}/v1/traces`;
  }

  async span<T>(
    name: string,
    attributes: SpanAttributes,
    work: () => Promise<T>,
    parent?: string,
  ): Promise<T> {
    const above = this.#current.getStore() ?? contextOf(parent);
    const context: Context = {
      traceId: above?.traceId ?? randomBytes(16).toString('hex'),
      spanId: randomBytes(8).toString('hex'),
    };
    const startNs = nowNs();
    let failure: string | undefined;
    try {
      return await this.#current.run(context, work);
    } catch (error) {
      failure = sanitizeText(error instanceof Error ? `${error.name}: ${error.message}` : 'thrown');
      throw error;
    } finally {
      this.#keep({
        ...context,
        ...(above === undefined ? {} : { parentSpanId: above.spanId }),
        name,
        kind: KIND_INTERNAL,
        startTimeUnixNano: startNs,
        endTimeUnixNano: nowNs(),
        attributes: attributesOf(attributes),
        ...(failure === undefined ? {} : { status: { code: STATUS_ERROR, message: failure } }),
      });
    }
  }

  traceparent(): string | undefined {
    const context = this.#current.getStore();
    return context === undefined ? undefined : `00-${context.traceId}-${context.spanId}-01`;
  }

  async close(): Promise<void> {
    clearTimeout(this.#timer);
    await this.#flush();
  }

  #keep(span: object): void {
    if (this.#done.length < MAX_KEPT) this.#done.push(span);
    if (this.#timer !== undefined) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      void this.#flush();
    }, FLUSH_EVERY_MS).unref();
  }

  async #flush(): Promise<void> {
    while (this.#done.length > 0) {
      const spans = this.#done.splice(0, MAX_PER_REQUEST);
      const resource = { attributes: attributesOf({ 'service.name': this.serviceName }) };
      const body = { resourceSpans: [{ resource, scopeSpans: [{ scope: { name: 'purser' }, spans }] }] };
      try {
        await this.send(this.#url, JSON.stringify(body));
      } catch {
        // Spans are a convenience; the collector's absence shows there, not here.
        return;
      }
    }
  }
}

function contextOf(parent: string | undefined): Context | undefined {
  const [, traceId, spanId] = TRACEPARENT.exec(parent ?? '') ?? [];
  return traceId === undefined || spanId === undefined ? undefined : { traceId, spanId };
}

function attributesOf(attributes: SpanAttributes): object[] {
  return Object.entries(attributes).map(([key, value]) => {
    if (typeof value === 'boolean') return { key, value: { boolValue: value } };
    if (typeof value === 'number')
      return { key, value: Number.isInteger(value) ? { intValue: String(value) } : { doubleValue: value } };
    return { key, value: { stringValue: sanitizeText(value) } };
  });
}

function nowNs(): string {
  return (BigInt(Math.round((performance.timeOrigin + performance.now()) * 1000)) * 1000n).toString();
}

async function post(url: string, body: string): Promise<void> {
  const answer = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body,
    signal: AbortSignal.timeout(5_000),
  });
  await answer.body?.cancel();
}
