import type { Dialect } from '../../http/dialect.js';
import { relayerCredentials } from './auth.js';
import { renderProblem } from './envelope.js';

export const relayer: Dialect = {
  name: 'relayer',
  prefixes: ['/v1/agents', '/v1/signing', '/v1/balance', '/v1/action'],
  credentials: relayerCredentials,
  security: [{ agentId: [], requestTimestamp: [], agentSignature: [] }, { authorization: [] }],
  renderError: renderProblem,
};
