import { hash } from 'node:crypto';
import type { Hashing } from '#engine';

export const hashing: Hashing = {
  sha256: (text) => hash('sha256', text, 'hex'),
};
