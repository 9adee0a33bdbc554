import type { IncomingHttpHeaders } from 'node:http';
import type { Credentials, Dialect } from '../http/dialect.js';
import { renderProblem } from './errors.js';

export const native: Dialect = {
  name: 'native',
  prefixes: ['/purser/v1'],
  credentials: bearerOrKey,
  renderError: renderProblem,
};

/** `Authorization: Bearer prs_...`, or the same key in `x-api-key`. */
function bearerOrKey(headers: IncomingHttpHeaders): Credentials | null {
  const bearer = /^Bearer ([^\s]+)$/i.exec(headers.authorization ?? '')?.[1];
  const key = bearer ?? headers['x-api-key'];
  return typeof key === 'string' ? { key } : null;
}
