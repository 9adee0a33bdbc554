// Deny by default: every route says who may call it, and a route that does not is an error at start, not an open door.
import 'reflect-metadata';
import { createParamDecorator, SetMetadata, type ExecutionContext } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import type { Principal, Role } from '#engine';

export const ROLES: readonly Role[] = ['admin', 'agent', 'approver', 'auditor', 'seller'];
export const ACCESS = 'purser:access';

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

export interface AuthenticatedRequest extends FastifyRequest {
  principal?: Principal;
}

/** The authenticated caller. Nothing about the caller is ever read from a body. */
export const Caller = createParamDecorator((_: unknown, context: ExecutionContext): Principal => {
  const { principal } = context.switchToHttp().getRequest<AuthenticatedRequest>();
  if (!principal) throw new Error('a public route asks for its caller');
  return principal;
});
