import { list, maybeTime, object, oneOf, page, ref, text, time } from '../http/openapi-words.js';

export const OAUTH = {
  ProtectedResource: object({
    resource: text,
    authorization_servers: list(text),
    scopes_supported: list(text),
    bearer_methods_supported: list(text),
    resource_documentation: text,
  }),
  OAuthGrant: object({
    grant_id: text,
    kind: oneOf(['consent', 'client']),
    agent_id: text,
    client_id: text,
    client_name: text,
    person: text,
    scopes: list(text),
    created_at: time,
    revoked_at: maybeTime,
  }),
  OAuthGrants: page('OAuthGrant'),
  OAuthClient: object({ client_id: text, client_secret: text, grant: ref('OAuthGrant') }),
};
