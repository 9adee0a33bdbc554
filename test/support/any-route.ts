// Any route of any dialect, as the matrices over all routes call it.
import { AGENT, uuid } from './builders.js';
import type { Reply } from './memory-api.js';

/** Nobody's, except where a route is about the agent that calls it. */
export function pathFor(path: string, role: string): string {
  const about = /^\/v1\/agents\/:id(\/|$)/.test(path) && role.startsWith('agent') ? AGENT : uuid(9, 2);
  return path.replace(':id', path.includes('approvals') ? 'apr_00000000000000000000000009' : about);
}

/** Our own code, wherever the dialect puts it. */
export const causeOf = ({ body }: Reply): string =>
  body?.error?.details?.cause ??
  body?.error?.code ??
  body?.details?.cause ??
  body?.code ??
  body?.invalidReason ??
  body?.errorReason;

/** There a key counts only beside its own agent's id. */
export const isHightop = (path: string): boolean => /^\/(v1\/agent|api\/actions)\//.test(path);
