export { createSingletonLeases, type SingletonLeases } from './singleton-leases.js';
export { createFloatStore } from './float-store.js';
export { createWatchStore } from './watch-store.js';
