// Prometheus metrics of one process. What happens here is counted where it happens; what lies in the database and in Redis is read
// when somebody scrapes, so that an idle installation costs nothing.
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { OperationStatus } from '#domain';
import type { Metrics } from '#engine';

/** Read once per scrape. Labels: status, queue, projection, unit, network. */
export interface StoredFigures {
  readonly operationsByStatus?: Readonly<Record<string, number>>;
  readonly queueDepth?: Readonly<Record<string, number>>;
  readonly projectionLagSec?: Readonly<Record<string, number>>;
  /** Base units; a gauge holds a float, exact up to 2^53. */
  readonly heldBudget?: Readonly<Record<string, bigint>>;
  readonly liveAuthorizations?: Readonly<Record<string, number>>;
}

export interface RuntimeMetrics extends Metrics {
  readonly contentType: string;
  httpTook(route: string, method: string, status: number, ms: number): void;
  /** Text in Prometheus' format. */
  scrape(): Promise<string>;
}

export interface MetricsOptions {
  readonly process: string;
  /** Missing figures keep their last value out of the answer rather than repeating an old one. */
  readonly readStored?: () => Promise<StoredFigures>;
}

const LATENCY_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

export function createMetrics(options: MetricsOptions): RuntimeMetrics {
  const registry = new Registry();
  registry.setDefaultLabels({ process: options.process });
  collectDefaultMetrics({ register: registry });
  const stepSeconds = new Histogram({
    name: 'purser_step_duration_seconds',
    help: 'How long one step of an operation took.',
    labelNames: ['step'],
    buckets: LATENCY_BUCKETS,
    registers: [registry],
  });
  const ended = new Counter({
    name: 'purser_operations_ended_total',
    help: 'Operations that came to an end or to attention in this process, by status.',
    labelNames: ['status'],
    registers: [registry],
  });
  const httpSeconds = new Histogram({
    name: 'purser_http_request_duration_seconds',
    help: 'How long HTTP requests took, by route.',
    labelNames: ['route', 'method', 'status'],
    buckets: LATENCY_BUCKETS,
    registers: [registry],
  });
  const refresh = storedGauges(registry, options.readStored);
  return {
    contentType: registry.contentType,
    stepTook: (step, ms) => stepSeconds.observe({ step }, ms / 1000),
    ended: (status: OperationStatus) => ended.inc({ status }),
    httpTook: (route, method, status, ms) =>
      httpSeconds.observe({ route, method, status: String(status) }, ms / 1000),
    async scrape() {
      await refresh();
      return registry.metrics();
    },
  };
}

/** Gauges over stored figures. A read that fails leaves them empty and says so in a metric of its own: a scrape never fails. */
function storedGauges(registry: Registry, read: MetricsOptions['readStored']): () => Promise<void> {
  if (read === undefined) return () => Promise.resolve();
  const gauge = (name: string, label: string, help: string): ((values?: object) => void) => {
    const metric = new Gauge({ name, help, labelNames: [label], registers: [registry] });
    return (values) => {
      metric.reset();
      for (const [key, value] of Object.entries(values ?? {})) metric.set({ [label]: key }, Number(value));
    };
  };
  const operations = gauge('purser_operations', 'status', 'Operations by status.');
  const queue = gauge('purser_queue_depth', 'queue', 'Jobs waiting, by queue.');
  const lag = gauge(
    'purser_projection_lag_seconds',
    'projection',
    'Age of the oldest event not yet projected.',
  );
  const held = gauge('purser_budget_held', 'unit', 'Budget held by unfinished operations, in base units.');
  const live = gauge(
    'purser_authorizations_live',
    'network',
    'Signed authorizations that may still be used.',
  );
  const failures = new Counter({
    name: 'purser_metrics_read_failures_total',
    help: 'Scrapes whose stored figures could not be read.',
    registers: [registry],
  });
  return async () => {
    let figures: StoredFigures = {};
    try {
      figures = await read();
    } catch {
      failures.inc();
    }
    operations(figures.operationsByStatus);
    queue(figures.queueDepth);
    lag(figures.projectionLagSec);
    held(figures.heldBudget);
    live(figures.liveAuthorizations);
  };
}
