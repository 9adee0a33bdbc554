// The table of routes, read from the controllers: what is generated into docs/roles.md is what the guard enforces.
import 'reflect-metadata';
import { RequestMethod } from '@nestjs/common';
import { METHOD_METADATA, PATH_METADATA } from '@nestjs/common/constants.js';
import type { AccessScope, Role } from '#engine';
import { ACCESS, ROLES, SCOPE, scopeFor, type Access } from './access.js';

export interface Route {
  readonly method: string;
  readonly path: string;
  readonly handler: string;
  readonly access: Access | undefined;
  /** What it asks of agents and backends, where it says so. */
  readonly scope: AccessScope | undefined;
}

type ControllerType = { readonly name: string; readonly prototype: object };

export function routesOf(controllers: readonly object[]): readonly Route[] {
  return (controllers as readonly ControllerType[]).flatMap((controller) => {
    const base = String(Reflect.getMetadata(PATH_METADATA, controller) ?? '');
    const members = Object.getOwnPropertyDescriptors(controller.prototype);
    return Object.entries(members).flatMap(([name, { value }]) => {
      if (typeof value !== 'function') return [];
      const method = Reflect.getMetadata(METHOD_METADATA, value as object) as RequestMethod | undefined;
      if (method === undefined) return [];
      const own = String(Reflect.getMetadata(PATH_METADATA, value as object) ?? '');
      return [
        {
          method: RequestMethod[method] ?? 'ALL',
          path: joined(base, own),
          handler: `${controller.name}.${name}`,
          access: Reflect.getMetadata(ACCESS, value as object) as Access | undefined,
          scope: Reflect.getMetadata(SCOPE, value as object) as AccessScope | undefined,
        },
      ];
    });
  });
}

function joined(...parts: readonly string[]): string {
  const trimmed = parts.map((part) => part.replace(/^\/+|\/+$/g, '')).filter((part) => part !== '');
  return `/${trimmed.join('/')}`;
}

/** Deny by default: refuses to start while a route does not say who may call it. */
export function assertAccessDeclared(controllers: readonly object[]): void {
  const open = routesOf(controllers).filter((route) => route.access === undefined);
  if (open.length > 0)
    throw new Error(`routes without declared access: ${open.map((route) => route.handler).join(', ')}`);
}

export function mayCall(access: Access, role: Role): boolean {
  return access === 'public' || access.roles.includes(role);
}

export function neededScope({ method, scope }: Pick<Route, 'method' | 'scope'>, role: Role): AccessScope {
  return scopeFor(role, method, scope);
}

/** docs/roles.md */
export function rolesPage(controllers: readonly object[]): string {
  const lines = routesOf(controllers).map((route) => {
    const cells = ROLES.map((role) => cell(route, role));
    return `| ${route.method} | \`${route.path}\` | ${cells.join(' | ')} |`;
  });
  return [
    '# Who may call what',
    '',
    'Generated from the routes; the guard enforces the same table. Everything not allowed is refused.',
    'A cell names the scope that a credential of the role needs, if it is one that has been narrowed to scopes; a backend needs',
    '`agent:payments:write` in any case. `operator` stands for an admin of the first workspace of the installation; "anyone" needs no credentials.',
    'Where an issuer of our own runs (docs/oauth.md), its paths below `/oauth` and `/connect` are for anyone, too.',
    '',
    `| method | path | ${ROLES.join(' | ')} |`,
    `| --- | --- | ${ROLES.map(() => '---').join(' | ')} |`,
    ...lines,
    '',
  ].join('\n');
}

function cell({ access, method, scope }: Route, role: Role): string {
  if (access === undefined) return '?';
  if (access === 'public') return 'anyone';
  if (!access.roles.includes(role)) return '';
  if (role === 'seller') return 'yes';
  const needed = neededScope({ method, scope }, role);
  return access.operator ? `operator, ${needed}` : needed;
}
