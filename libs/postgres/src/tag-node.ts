import type { Tag, WorkspaceId } from '#domain';
import { createHash } from 'node:crypto';

/** The budget node of a tag. Derived, so that a commit needs no look-up; a tag that was never registered has no row there and is charged nowhere. */
export function tagNodeId(workspaceId: WorkspaceId, { kind, name }: Tag): string {
  const hash = createHash('sha256').update(`purser/tag/${workspaceId}/${kind}/${name}`).digest('hex');
  // As an UUID of version 8: 122 bits of the hash.
  const variant = ((Number.parseInt(hash.slice(16, 17), 16) & 3) | 8).toString(16);
  const parts = [
    hash.slice(0, 8),
    hash.slice(8, 12),
    `8${hash.slice(13, 16)}`,
    `${variant}${hash.slice(17, 20)}`,
  ];
  return `${parts.join('-')}-${hash.slice(20, 32)}`;
}
