// A dialect is everything that differs between the APIs we serve on the same core: how callers prove themselves and how refusals look.
// It is found by path, so that a body that cannot even be parsed is already refused in the right words.
import type { IncomingHttpHeaders } from 'node:http';
import type { ErrorCode, ErrorDetails } from '#domain';
import { hightop } from '../dialects/hightop/dialect.js';
import { native } from '../native/dialect.js';

export interface Credentials {
  readonly key: string;
  /** What the caller says beside the key. */
  readonly agentId?: string;
}

/** One answer, ready to send. */
export interface Rendered {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: unknown;
}

export interface Problem {
  readonly code: ErrorCode;
  readonly details: ErrorDetails;
  readonly correlationId: string;
}

export interface Dialect {
  readonly name: string;
  readonly prefix: string;
  credentials(headers: IncomingHttpHeaders): Credentials | null;
  renderError(problem: Problem): Rendered;
}

const DIALECTS: readonly Dialect[] = [hightop, native];

export function dialectOf(url: string): Dialect {
  return DIALECTS.find((dialect) => url.startsWith(dialect.prefix)) ?? native;
}
