// JSON lines on standard output, each with the correlation id of the request or job that caused it. Every field passes `sanitize`.
import { AsyncLocalStorage } from 'node:async_hooks';
import { pino, type DestinationStream } from 'pino';
import type { Logger } from '#engine';
import { sanitize, sanitizeText } from './sanitize.js';

export const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export interface RuntimeLogger extends Logger {
  debug(fields: Record<string, unknown>, message: string): void;
  fatal(fields: Record<string, unknown>, message: string): void;
}

export interface LoggerOptions {
  /** Process or component, on every line. */
  readonly name: string;
  readonly level?: LogLevel;
  /** Standard output unless a test gives another. */
  readonly destination?: DestinationStream;
}

const correlation = new AsyncLocalStorage<string>();
const CORRELATION_ID = /^[A-Za-z0-9._:-]{1,128}$/;

/** Runs the work so that each log line and span of it, also across awaits, carries the id. */
export function withCorrelation<T>(correlationId: string, work: () => T): T {
  return correlation.run(correlationId, work);
}

export function correlationId(): string | undefined {
  return correlation.getStore();
}

/** A caller's own id when it is harmless to write to a log, else undefined. */
export function acceptCorrelationId(candidate: unknown): string | undefined {
  return typeof candidate === 'string' && CORRELATION_ID.test(candidate) ? candidate : undefined;
}

export function createLogger(options: LoggerOptions): RuntimeLogger {
  const settings = {
    level: options.level ?? 'info',
    base: { name: options.name, pid: process.pid },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    mixin: () => {
      const id = correlationId();
      return id === undefined ? {} : { correlation_id: id };
    },
  };
  const out = options.destination ? pino(settings, options.destination) : pino(settings);
  type Level = 'debug' | 'info' | 'warn' | 'error' | 'fatal';
  const write =
    (level: Level) =>
    (fields: Record<string, unknown>, message: string): void => {
      if (out.isLevelEnabled(level))
        out[level](sanitize(fields) as Record<string, unknown>, sanitizeText(message));
    };
  return {
    debug: write('debug'),
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
    fatal: write('fatal'),
  };
}
