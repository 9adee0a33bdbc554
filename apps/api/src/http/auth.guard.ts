import { Inject, Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { refuse } from '#domain';
import { hasScope, type AccessScope, type Authentication, type Principal, type SignedRequest } from '#engine';
import type { ApiCore } from '../core.js';
import { addressOf } from '../oauth/caller-address.js';
import { CORE } from '../tokens.js';
import { ACCESS, SCOPE, scopeFor, type Access, type AuthenticatedRequest } from './access.js';
import type { Dialects } from './dialects.js';
import { Guesses, limitNameOf, takeCall } from './limits.js';

/** Reads the credentials the route's dialect prescribes, has them checked, and compares the role. */
@Injectable()
export class AuthGuard implements CanActivate {
  private operatorWorkspace: string | undefined;
  private readonly guesses: Guesses;

  constructor(
    @Inject(CORE) private readonly core: ApiCore,
    private readonly dialects: Dialects,
  ) {
    this.guesses = new Guesses(core.limits, () => core.ports.clock.nowMs());
  }

  canActivate(context: ExecutionContext): boolean | Promise<boolean> {
    const access = Reflect.getMetadata(ACCESS, context.getHandler()) as Access | undefined;
    if (access === 'public') return true;
    if (access === undefined) throw new Error('a route without declared access');
    if (access.facilitator === true) {
      const { facilitator } = this.core;
      if (facilitator === null) throw refuse('not_found', { object: 'route' });
      if (facilitator.access === 'open') return true;
    }
    const scope = Reflect.getMetadata(SCOPE, context.getHandler()) as AccessScope | undefined;
    const http = context.switchToHttp();
    return this.check(
      { access, scope, reply: http.getResponse<FastifyReply>() },
      http.getRequest<AuthenticatedRequest>(),
    );
  }

  private async check(
    {
      access,
      scope,
      reply,
    }: {
      readonly access: Exclude<Access, 'public'>;
      readonly scope: AccessScope | undefined;
      readonly reply: FastifyReply;
    },
    request: AuthenticatedRequest,
  ): Promise<boolean> {
    const dialect = this.dialects.of(request);
    const presented = dialect.credentials(request);
    if (presented === null) throw refuse('authentication_failed');
    const ip = addressOf(request, this.core.oauth?.embedded ?? null);
    this.guesses.check(reply, ip, presented);
    const known = await this.core.authenticator.authenticate(presented, { ip });
    if (!known.ok) {
      if (isGuess(known)) this.guesses.wasWrong(ip);
      throw refuse(known.code, known.details);
    }
    const { principal } = known;
    this.guesses.wasGood(ip, presented);
    const name = limitNameOf(dialect.name, request.method, scope);
    takeCall(this.core.limits, reply, { name, keyId: principal.keyId });
    if (!access.roles.includes(principal.role)) throw refuse('permission_denied', { role: principal.role });
    requireScope(principal, scopeFor(principal.role, request.method, scope));
    if (access.operator) await this.requireOperator(principal);
    if (principal.signed && changes(request.method) && scope !== 'agent:payments:write')
      await this.useUp(principal, principal.signed);
    request.principal = principal;
    return true;
  }

  /** Paying binds a signed request to its operation; every other change is made by it once (ruling 27). */
  private async useUp(principal: Principal, signed: SignedRequest): Promise<void> {
    if (!(await this.core.authenticator.useOnce(principal, signed))) throw refuse('request_replayed');
  }

  /** The first workspace of an installation is its operator's. */
  private async requireOperator(principal: Principal): Promise<void> {
    this.operatorWorkspace ??= (await this.core.admin.workspaces.list())[0]?.workspaceId;
    if (principal.workspaceId !== this.operatorWorkspace)
      throw refuse('permission_denied', { role: principal.role, needs: 'operator' });
  }
}

/** A token that comes with a reason has been signed by its issuer: every good client shows one that is over now and then. */
const isGuess = ({ code, details }: Extract<Authentication, { readonly ok: false }>): boolean =>
  code === 'authentication_failed' || (code === 'invalid_token' && details?.['reason'] === undefined);

const changes = (method: string): boolean => method !== 'GET' && method !== 'HEAD';

/** A seller's key is for one thing and cannot be narrowed. */
function requireScope(principal: Principal, needed: AccessScope): void {
  if (principal.role !== 'seller' && !hasScope(principal, needed))
    throw refuse('insufficient_scope', { scope: needed });
}
