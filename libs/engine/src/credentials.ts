// Who calls, and how they prove it. What proves a caller differs by credential; what comes out of it, a principal, does not.
import type { AgentId, ErrorDetails, OperationId, WorkspaceId } from '#domain';

/** `backend`: a workspace's own server, which sets up agents. `seller` may ask the facilitator, and nothing else. */
export type Role = 'admin' | 'agent' | 'approver' | 'auditor' | 'backend' | 'seller';

/** What a credential may be narrowed to. `agent:` is about one agent's own business, `workspace:` about everything that people set up and look at. */
export const ACCESS_SCOPES = [
  'agent:read',
  'agent:simulate',
  'agent:payments:write',
  'agent:webhooks:manage',
  'workspace:read',
  'workspace:write',
] as const;
export type AccessScope = (typeof ACCESS_SCOPES)[number];

const OF_AGENTS = ACCESS_SCOPES.filter((scope) => scope.startsWith('agent:'));
const OF_WORKSPACES = ACCESS_SCOPES.filter((scope) => scope.startsWith('workspace:'));

/** What a credential of the role can be given at all. */
export const GRANTABLE: Readonly<Record<Role, readonly AccessScope[]>> = {
  admin: OF_WORKSPACES,
  agent: OF_AGENTS,
  approver: OF_WORKSPACES,
  auditor: ['workspace:read'],
  backend: ACCESS_SCOPES,
  seller: [],
};

/** `scopes` null: what the role has by itself, which is all it can be given, but that a backend pays only where its key says so. */
export function hasScope({ role, scopes }: Pick<Principal, 'role' | 'scopes'>, scope: AccessScope): boolean {
  if (scopes !== null) return scopes.has(scope);
  return GRANTABLE[role].includes(scope) && !(role === 'backend' && scope === 'agent:payments:write');
}

/** `key`: sent with every request. `hmac`: a secret that signs requests and is never sent. */
export type CredentialKind = 'key' | 'hmac';

/** An authenticated caller. `agentId` is set exactly when the role is `agent`. */
export interface Principal {
  readonly workspaceId: WorkspaceId;
  /** Of the credential; recorded with what is done by it. */
  readonly keyId: string;
  readonly role: Role;
  readonly agentId: AgentId | null;
  /** The person behind the credential; nobody approves what they requested or operate (S10). */
  readonly person: string;
  readonly scopes: ReadonlySet<AccessScope> | null;
  readonly credential: Presented['kind'];
  /** Where the request was signed. */
  readonly signed?: SignedRequest;
}

/** A signed request stays good for a while, and its headers are not signed: what it was used for is remembered (ruling 27). */
export interface SignedRequest {
  /** Hex SHA-256 over agent, timestamp and signature. */
  readonly digest: string;
  /** It has been used before. */
  readonly used: boolean;
  /** What it opened or joined then; null: nothing. */
  readonly operationId: OperationId | null;
}

/** An API key, as it was sent. */
export interface PresentedKey {
  readonly kind: 'key';
  readonly key: string;
  /** What the caller says beside the key (Hightop's `x-agent-id`); it must be the key's own agent. */
  readonly agentId?: string;
}

/** A request signed with an agent's secret: HMAC-SHA256 over method, path without query, timestamp and the hex SHA-256 of the body. */
export interface PresentedSignature {
  readonly kind: 'hmac';
  readonly agentId: string;
  readonly signature: string;
  /** Unix seconds, as sent. */
  readonly timestamp: string;
  readonly method: string;
  readonly path: string;
  /** Exactly the bytes that came; empty when there was no body. */
  readonly body: Uint8Array;
  /** What the bytes mean: old clients sign this, written down anew without spaces. Undefined when there was no body. */
  readonly parsed: unknown;
}

/** An OAuth access token. */
export interface PresentedToken {
  readonly kind: 'bearer';
  readonly token: string;
  /** Path of the API it was shown to; a token is made for one. */
  readonly resource: string;
}

export type Presented = PresentedKey | PresentedSignature | PresentedToken;

/** What is known of a request besides what its sender says. */
export interface RequestFacts {
  /** Of the caller; of a proxy only where the installation trusts none. */
  readonly ip: string;
}

/**
 * Every code but `authentication_failed`, and of tokens `invalid_token`, is for those alone who have proven the credential: `agent_disabled`;
 * `credential_not_usable` with its `reason` (`expired`, `revoked`, `address`, `environment`); `expired_timestamp`.
 */
export type Authentication =
  | { readonly ok: true; readonly principal: Principal }
  | {
      readonly ok: false;
      readonly code:
        | 'authentication_failed'
        | 'agent_disabled'
        | 'credential_not_usable'
        | 'expired_timestamp'
        | 'invalid_token';
      readonly details?: ErrorDetails;
    };

export interface Authenticator {
  /** Looks into the database every time: a revocation holds from the moment it is acknowledged, in every process. */
  authenticate(presented: Presented, facts: RequestFacts): Promise<Authentication>;
  /** Uses up a signed request that opens no operation; false: it has been used before. */
  useOnce(principal: Principal, signed: SignedRequest): Promise<boolean>;
}

/** One authenticator of several, each of which knows one kind of credential. */
export function byKind(
  known: Pick<Authenticator, 'useOnce'> & {
    readonly [Kind in Presented['kind']]: (
      presented: Extract<Presented, { readonly kind: Kind }>,
      facts: RequestFacts,
    ) => Promise<Authentication>;
  },
): Authenticator {
  return {
    useOnce: (principal, signed) => known.useOnce(principal, signed),
    authenticate(presented, facts) {
      switch (presented.kind) {
        case 'key':
          return known.key(presented, facts);
        case 'hmac':
          return known.hmac(presented, facts);
        case 'bearer':
          return known.bearer(presented, facts);
      }
    },
  };
}
