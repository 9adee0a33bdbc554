import { createHash } from 'node:crypto';
import type { Hashing } from '#engine';

export const hashing: Hashing = {
  sha256: (text) => createHash('sha256').update(text).digest('hex'),
};
