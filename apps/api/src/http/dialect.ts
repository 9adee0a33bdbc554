// A dialect is everything that differs between the APIs we serve on the same core: how callers prove themselves and how refusals look.
import type { IncomingHttpHeaders } from 'node:http';
import type { ErrorCode, ErrorDetails } from '#domain';

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
