import type { OpenAPIObject } from '@nestjs/swagger';
import { ERRORS, usualSuggestion, type ErrorCode } from '#domain';
import { DIALECTS } from '#runtime';
import { CONTROLLERS } from './app.module.js';
import type { ApiCore } from './core.js';
import { createApp } from './create-app.js';
import { agentpayError } from './dialects/agentpay/errors.js';
import { agnicError } from './dialects/agnicpay/errors.js';
import { HIGHTOP_ERRORS } from './dialects/hightop/errors.js';
import { RELAYER_ERRORS } from './dialects/relayer/errors.js';
import { rolesPage } from './http/routes.js';
import { nativeStatus } from './native/errors.js';
import { DOCUMENT } from './tokens.js';

/** File name in docs/ to its text. */
export async function generatedPages(): Promise<Readonly<Record<string, string>>> {
  return {
    'openapi.json': `${JSON.stringify(await openApi(), null, 2)}\n`,
    'errors.md': errorsPage(),
    'roles.md': rolesPage(CONTROLLERS),
  };
}

const SHELL: Pick<ApiCore, 'dialects' | 'trustedProxies'> = { dialects: DIALECTS, trustedProxies: [] };

/** Nothing of the core is called while the application is put together. */
async function openApi(): Promise<OpenAPIObject | null> {
  const app = await createApp(SHELL as ApiCore);
  try {
    return app.get<{ current: OpenAPIObject | null }>(DOCUMENT).current;
  } finally {
    await app.close();
  }
}

/** How each vendor's dialect says a code. */
const VENDORS: readonly { readonly name: string; readonly cell: (code: ErrorCode) => string }[] = [
  { name: 'Hightop', cell: (code) => `${HIGHTOP_ERRORS[code].status} \`${HIGHTOP_ERRORS[code].code}\`` },
  {
    name: 'Relayer',
    cell: (code) => `${RELAYER_ERRORS[code].status} \`${RELAYER_ERRORS[code].code}\``,
  },
  { name: 'AgentPay', cell: (code) => String(agentpayError(code).status) },
  { name: 'AgnicPay', cell: (code) => `${agnicError(code).status} \`${agnicError(code).word ?? code}\`` },
];

function errorsPage(): string {
  const rows = (Object.keys(ERRORS) as ErrorCode[]).map((code) => {
    const { kind, retry, says } = ERRORS[code];
    const theirs = VENDORS.map(({ cell }) => cell(code)).join(' | ');
    return `| \`${code}\` | ${kind} | ${retry} | ${nativeStatus(code)} | ${theirs} | ${suggested(code)} | ${says} |`;
  });
  return [
    '# Errors',
    '',
    'Generated from the catalogue in `libs/domain/src/errors.ts` and the dialects’ tables. Codes are never renamed or reused.',
    'The native API answers `{ "error": { code, message, details, suggestion, retry, correlation_id } }`; where the error belongs to an operation, its id and state stand beside it.',
    'In the Hightop dialect `error.details.cause` carries the code of the first column. Natively and there, answers never use HTTP 402: that is a seller’s word.',
    'The other vendors say 402 of what is proven unpaid or was refused before anything was signed, and their bodies carry our code too.',
    '',
    'Retry: `same_key` later with the same idempotency key; `new_key` after the cause is gone, as a new request; `after_change` of the request; `poll` the operation; `no`.',
    '',
    '`suggestion` is for programs: its `action` says what would make the request pass, its other fields with what. In the Hightop dialect it is `error.details.suggestion`.',
    '',
    `| code | kind | retry | native | ${VENDORS.map(({ name }) => name).join(' | ')} | suggests | meaning |`,
    `| --- | --- | --- | --- | ${VENDORS.map(() => '---').join(' | ')} | --- | --- |`,
    ...rows,
    '',
  ].join('\n');
}

const suggested = (code: ErrorCode): string =>
  usualSuggestion(code)
    .map((action) => `\`${action}\``)
    .join(', ');
