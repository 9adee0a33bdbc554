// Deny by default: every route says who may call it, and a route that does not is an error at start, not an open door.
import 'reflect-metadata';
import { createParamDecorator, SetMetadata, type ExecutionContext } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import type { AccessScope, Principal, Role } from '#engine';

export const ROLES: readonly Role[] = ['admin', 'agent', 'approver', 'auditor', 'backend', 'seller'];
export const ACCESS = 'purser:access';
export const SCOPE = 'purser:scope';

/**
 * `public`: no credentials are read at all. `operator`: an admin of the installation's first workspace. `facilitator`: as the installation
 * is set up; by these roles, by anybody without credentials, or not there at all.
 */
export type Access =
  'public' | { readonly roles: readonly Role[]; readonly operator: boolean; readonly facilitator?: true };

export const Public = () => SetMetadata<string, Access>(ACCESS, 'public');
export const Roles = (...roles: readonly Role[]) =>
  SetMetadata<string, Access>(ACCESS, { roles, operator: false });
export const OperatorOnly = () => SetMetadata<string, Access>(ACCESS, { roles: ['admin'], operator: true });

export const ForSellers = () =>
  SetMetadata<string, Access>(ACCESS, { roles: ['seller', 'admin'], operator: false, facilitator: true });

/**
 * What a route asks of agents, and of backends that act for one, where it is not what `scopeFor` concludes. A route that declares
 * `agent:payments:write` hands its caller on to the core as it is, which binds a signed request to what it opens.
 */
export const Scope = (scope: AccessScope) => SetMetadata<string, AccessScope>(SCOPE, scope);

/**
 * Which scope a caller needs. People and backends look at a workspace and change it; an agent that may do less than everything is refused where
 * a route does not say what it is: reading is `agent:read`, anything else counts as paying.
 */
export function scopeFor(role: Role, method: string, declared: AccessScope | undefined): AccessScope {
  const reads = method === 'GET' || method === 'HEAD';
  const forAgent = role === 'agent' || role === 'backend';
  if (forAgent && declared !== undefined) return declared;
  if (role === 'agent') return reads ? 'agent:read' : 'agent:payments:write';
  return reads ? 'workspace:read' : 'workspace:write';
}

export interface AuthenticatedRequest extends FastifyRequest {
  principal?: Principal;
}

/** The authenticated caller. Nothing about the caller is ever read from a body. */
export const Caller = createParamDecorator((_: unknown, context: ExecutionContext): Principal => {
  const { principal } = context.switchToHttp().getRequest<AuthenticatedRequest>();
  if (!principal) throw new Error('a public route asks for its caller');
  return principal;
});
