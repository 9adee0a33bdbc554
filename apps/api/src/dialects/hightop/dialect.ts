import type { Dialect } from '../../http/dialect.js';
import { hightopCredentials, RESOURCE } from './auth.js';
import { renderProblem } from './render-error.js';

export const hightop: Dialect = {
  name: 'hightop',
  prefixes: [RESOURCE],
  resource: RESOURCE,
  security: [{ agentId: [], apiKey: [] }, { bearer: [] }],
  credentials: hightopCredentials,
  renderError: renderProblem,
};
