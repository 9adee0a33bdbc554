export const CORE = Symbol('core');
export const STOPPING = Symbol('stopping');
export const DOCUMENT = Symbol('openapi document');
