// JSON lines on standard output; what belongs to a request or an operation carries its id as correlation id. Every field passes `sanitize`.
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

const CORRELATION_ID = /^[A-Za-z0-9._:-]{1,128}$/;

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
  };
  const out = options.destination ? pino(settings, options.destination) : pino(settings);
  type Level = 'debug' | 'info' | 'warn' | 'error' | 'fatal';
  const write =
    (level: Level) =>
    (fields: Record<string, unknown>, message: string): void => {
      if (out.isLevelEnabled(level))
        out[level](
          { ...correlationOf(fields), ...(sanitize(fields) as Record<string, unknown>) },
          sanitizeText(message),
        );
    };
  return {
    debug: write('debug'),
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
    fatal: write('fatal'),
  };
}

/**
 * What a request failed at is logged with its id as `correlation_id`; a line about an operation is found by the operation's. Named by whoever
 * logs: an async-local context would make every promise of the process dearer (Node 20).
 */
function correlationOf({ operationId }: Record<string, unknown>): { correlation_id?: string } {
  return typeof operationId === 'string' ? { correlation_id: operationId } : {};
}
