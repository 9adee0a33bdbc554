// A client as small as the vendor's authentication page allows: nothing of Purser is imported.
import { createHash, createHmac } from 'node:crypto';

export interface Signing {
  readonly agentId: string;
  readonly secret: string;
  /** Unix seconds. */
  readonly timestamp: string;
}

/** The three headers of a signed request. `path` is without query; `body` the very text that is sent, empty where there is none. */
export function signedHeaders(
  { agentId, secret, timestamp }: Signing,
  { method, path, body }: { readonly method: string; readonly path: string; readonly body: string },
): Record<string, string> {
  const bodyHash = createHash('sha256').update(body).digest('hex');
  const text = method.toUpperCase() + path + timestamp + bodyHash;
  return {
    'x-agent-id': agentId,
    'x-request-timestamp': timestamp,
    'x-agent-auth': createHmac('sha256', secret).update(text).digest('hex'),
  };
}
