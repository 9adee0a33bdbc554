// Which OAuth clients may act for which agent, as administration sees it. Tokens are the issuer's; a grant ends them at once when it is revoked.
import type { AgentId, GrantId, WorkspaceId } from '#domain';
import type { AccessScope } from './credentials.js';
import type { Page, PageRequest } from './page.js';
import type { Actor } from './ports.js';

export interface GrantView {
  readonly workspaceId: WorkspaceId;
  readonly grantId: GrantId;
  /** `consent`: a person agreed to it, for a client that anybody may have registered. `client`: made for a client with a secret of its own. */
  readonly kind: 'consent' | 'client';
  readonly agentId: AgentId;
  /** Of a `client` its own grant's id. */
  readonly clientId: string;
  /** What the client calls itself. */
  readonly clientName: string;
  /** Who agreed, and stands behind what is done with it (S10). */
  readonly person: string;
  readonly scopes: readonly AccessScope[];
  readonly createdAtMs: number;
  readonly revokedAtMs: number | null;
}

export interface NewGrant {
  readonly agentId: AgentId;
  readonly clientName: string;
  readonly person: string;
  readonly scopes: readonly AccessScope[];
}

export interface GrantStore {
  /** @throws Refusal `not_found` when the agent is not this workspace's. */
  agree(
    workspaceId: WorkspaceId,
    input: NewGrant & { readonly clientId: string },
    by: Actor,
  ): Promise<GrantView>;
  /** `secret` is shown this once and stored only as a hash. @throws as {@link agree}. */
  createClient(
    workspaceId: WorkspaceId,
    input: NewGrant,
    by: Actor,
  ): Promise<{ readonly grant: GrantView; readonly secret: string }>;
  /** Newest first. */
  list(workspaceId: WorkspaceId, page: PageRequest): Promise<Page<GrantView>>;
  /** At once and for ever; repeating it is harmless. */
  revoke(workspaceId: WorkspaceId, grantId: GrantId, by: Actor): Promise<GrantView>;
}
