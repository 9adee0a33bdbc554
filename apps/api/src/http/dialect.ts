// A dialect is everything that differs between the APIs we serve on the same core: how callers prove themselves and how refusals look.
import 'reflect-metadata';
import { SetMetadata } from '@nestjs/common';
import type { IncomingHttpHeaders } from 'node:http';
import type { FastifyRequest } from 'fastify';
import type { ErrorCode, ErrorDetails } from '#domain';
import type { Presented } from '#engine';

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
  /** Of the request, without its query. */
  readonly path: string;
  readonly atMs: number;
}

export interface Dialect {
  readonly name: string;
  /** Paths below which it answers also where there is no route; the longest that fits wins. A route's own dialect is named on its controller. */
  readonly prefixes: readonly string[];
  /** Path of the API that access tokens are made for; absent where none are taken. */
  readonly resource?: string;
  /** The same for the description: ways to say who one is, each a set of schemes; a bearer, or a key in `x-api-key`, when absent. */
  readonly security?: readonly Readonly<Record<string, readonly string[]>>[];
  /** How the caller says who it is; null: not at all. */
  credentials(request: FastifyRequest): Presented | null;
  renderError(problem: Problem): Rendered;
}

/** What stands behind `Authorization: Bearer`. */
export function bearerIn({ authorization }: IncomingHttpHeaders): string | undefined {
  return /^Bearer ([^\s]+)$/i.exec(authorization ?? '')?.[1];
}

export const DIALECT = 'purser:dialect';

/** On a controller: whose words its routes speak. */
export const Speaks = (dialect: Dialect) => SetMetadata<string, Dialect>(DIALECT, dialect);
