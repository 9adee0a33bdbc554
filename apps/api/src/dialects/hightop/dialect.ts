import type { Dialect } from '../../http/dialect.js';
import { agentKey, hightopCredentials, RESOURCE } from './auth.js';
import { renderProblem } from './render-error.js';

export const hightop: Dialect = {
  name: 'hightop',
  prefixes: [RESOURCE],
  resource: RESOURCE,
  security: [{ agentId: [], apiKey: [] }, { bearer: [] }],
  credentials: hightopCredentials,
  renderError: renderProblem,
};

/** The route from before v1: access tokens are made for what is below v1. */
const { resource: _ofTokens, ...withKeys } = hightop;
export const hightopBeforeV1: Dialect = {
  ...withKeys,
  prefixes: ['/api/actions'],
  security: [{ agentId: [], apiKey: [] }],
  credentials: agentKey,
};
