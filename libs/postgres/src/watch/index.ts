export { createSingletonLeases, type SingletonLeases } from './singleton-leases.js';
export { createWatchStore } from './watch-store.js';
