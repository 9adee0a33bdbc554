// oidc-provider, set up for one purpose: access tokens for one agent each. Authorization code with PKCE (S256) and client credentials, a named
// resource, exact redirects, refresh tokens that are good once. Nobody stays logged in: every authorization asks a person.
import { hash, timingSafeEqual } from 'node:crypto';
import { Provider, errors, type Configuration, type KoaContextWithOIDC } from 'oidc-provider';
import type pg from 'pg';
import { Grants } from './grants.js';
import type { IssuerKeys } from './keys.js';
import { explainError, PAGE_HEADERS } from './page.js';
import { Records } from './records.js';
import { SCOPES } from './scopes.js';
import type { IssuerSettings } from './settings.js';

/** As the API's audiences: the path of an API of ours. */
const RESOURCES = ['/v1/agent', '/purser/v1'];
const MINUTE = 60;
const DAY = 24 * 3600;
const ACCESS_TOKEN_SEC = 10 * MINUTE;

export interface ProviderParts {
  readonly settings: Pick<IssuerSettings, 'publicUrl' | 'registration'>;
  readonly keys: IssuerKeys;
  readonly pool: pg.Pool;
}

export function createProvider({ settings, keys, pool }: ProviderParts): Provider {
  const grants = new Grants(pool);
  const provider = new Provider(settings.publicUrl, {
    ...fixed(settings),
    adapter: (model) => new Records(model, { pool, grants }),
    jwks: keys.jwks,
    cookies: {
      keys: keys.cookieKeys,
      long: { signed: true, httpOnly: true, sameSite: 'lax' },
      short: { signed: true, httpOnly: true, sameSite: 'lax' },
    },
    features: {
      ...FEATURES,
      registration: { enabled: settings.registration, issueRegistrationAccessToken: false },
      resourceIndicators: {
        enabled: true,
        defaultResource: (_context, _client, oneOf) => {
          if (oneOf !== undefined && oneOf.length === 1) return oneOf[0] ?? '';
          throw new errors.InvalidTarget('resource must name one of the APIs a token is wanted for');
        },
        useGrantedResource: () => true,
        getResourceServerInfo: async (_context, resource, client) => {
          if (!RESOURCES.some((path) => resource === `${settings.publicUrl}${path}`))
            throw new errors.InvalidTarget('no token is made for this resource');
          // A client with an agent of its own asks for no more than it was given.
          const own = await grants.find(client.clientId);
          return {
            audience: resource,
            scope: (own?.scopes ?? SCOPES).join(' '),
            accessTokenFormat: 'jwt',
            accessTokenTTL: ACCESS_TOKEN_SEC,
            jwt: { sign: { alg: 'ES256' } },
          };
        },
      },
    },
    extraTokenClaims: async (_context, token) => {
      const grantId = 'grantId' in token ? token.grantId : token.clientId;
      const grant = grantId === undefined ? undefined : await grants.find(grantId);
      if (grant === undefined) throw new errors.InvalidGrant('the grant has been revoked');
      return { workspace_id: grant.workspaceId, agent_id: grant.agentId, grant_id: grant.grantId };
    },
  });
  provider.use(async (context, next) => {
    await next();
    // The library knows scopes of resources only while it serves one.
    if (context.oidc?.route === 'discovery')
      context.body = {
        ...(context.body as object),
        scopes_supported: ['openid', 'offline_access', ...SCOPES],
      };
  });
  // The API in front of us says how it was reached; nobody else can reach us.
  provider.proxy = true;
  provider.Client.prototype.compareClientSecret = compareHashed;
  // The library lets native clients vary the port of a loopback redirect.
  provider.Client.prototype.redirectUriAllowed = isRegistered;
  return provider;
}

/** Secrets are kept as their hash. */
function compareHashed(this: { clientSecret?: string }, shown: string): boolean {
  const kept = Buffer.from(this.clientSecret ?? '', 'hex');
  const given = hash('sha256', shown, 'buffer');
  return kept.length === given.length && timingSafeEqual(kept, given);
}

/** To the letter. */
function isRegistered(this: { redirectUris?: string[] }, uri: string): boolean {
  return this.redirectUris?.includes(uri) === true;
}

const FEATURES = {
  clientCredentials: { enabled: true },
  revocation: { enabled: true },
  devInteractions: { enabled: false },
  dPoP: { enabled: false },
  pushedAuthorizationRequests: { enabled: false },
  rpInitiatedLogout: { enabled: false },
  userinfo: { enabled: false },
} satisfies Configuration['features'];

function fixed({ publicUrl }: Pick<IssuerSettings, 'publicUrl'>): Configuration {
  return {
    routes: {
      authorization: '/oauth/auth',
      token: '/oauth/token',
      revocation: '/oauth/token/revocation',
      jwks: '/oauth/jwks',
      registration: '/oauth/reg',
      end_session: '/oauth/session/end',
    },
    discovery: { service_documentation: `${publicUrl}/docs` },
    interactions: { url: (_context, { uid }) => `/connect/${uid}` },
    pkce: { required: () => true },
    responseTypes: ['code'],
    clientAuthMethods: ['none', 'client_secret_basic'],
    clientDefaults: {
      token_endpoint_auth_method: 'none',
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      id_token_signed_response_alg: 'ES256',
    },
    enabledJWA: { idTokenSigningAlgValues: ['ES256'] },
    allowOmittingSingleRegisteredRedirectUri: false,
    // Metadata of strangers names addresses to fetch from; nothing here needs to.
    fetch: () => Promise.reject(new Error('the issuer fetches nothing')),
    findAccount: (_context, person) => ({ accountId: person, claims: () => ({ sub: person }) }),
    // An agreement is for one authorization; the next one asks again.
    loadExistingGrant: (context) => agreedGrant(context),
    issueRefreshToken: (_context, client) => client.grantTypeAllowed('refresh_token'),
    expiresWithSession: () => false,
    rotateRefreshToken: true,
    renderError: (context, { error, error_description: description }) => {
      context.type = 'html';
      context.set(PAGE_HEADERS);
      context.body = explainError(error, description ?? '');
    },
    ttl: {
      AuthorizationCode: MINUTE,
      AccessToken: ACCESS_TOKEN_SEC,
      ClientCredentials: ACCESS_TOKEN_SEC,
      IdToken: ACCESS_TOKEN_SEC,
      Interaction: 10 * MINUTE,
      Session: 10 * MINUTE,
      RefreshToken: 14 * DAY,
      Grant: 90 * DAY,
    },
  };
}

function agreedGrant(context: KoaContextWithOIDC) {
  const grantId = context.oidc.result?.consent?.grantId;
  return grantId === undefined ? undefined : context.oidc.provider.Grant.find(grantId);
}
