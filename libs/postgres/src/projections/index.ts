export { PROJECTIONS } from './all.js';
export { Projector, type ProjectionLag, type ProjectorOptions } from './projector.js';
export type { Projection } from './projection.js';
export { rebuildProjection, type Rebuilt } from './rebuild.js';
