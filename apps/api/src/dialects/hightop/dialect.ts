import type { Dialect } from '../../http/dialect.js';
import { hightopCredentials } from './auth.js';
import { renderProblem } from './render-error.js';

export const hightop: Dialect = {
  name: 'hightop',
  prefixes: ['/v1/agent'],
  credentials: hightopCredentials,
  renderError: renderProblem,
};
