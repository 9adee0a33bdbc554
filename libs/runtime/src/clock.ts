import type { Clock } from '#engine';

/** The host's wall clock. Never decides a race: those are decided by database or chain time. */
export const systemClock: Clock = { nowMs: () => Date.now() };
